//! Whole lives of orders through the client, and what every command has in common.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{Shop, amount, assert_states, order_id, text};
use crate::harness::Server;
use crate::tools::root;

#[test]
fn an_order_lives_through_the_client() {
    let shop = Shop::open();
    let finished = sold_and_returned(&shop);
    let cancelled = held_and_cancelled(&shop);

    let erased = shop.after(&shop.ask(&format!("erase {finished}")));
    assert_eq!(erased["personalDataErased"], true);
    assert!(erased["customer"].get("name").is_none(), "{erased}");
    shop.ask(&format!("erase {cancelled}"));

    let metrics = metrics(&shop.server);
    let proto = root().join("proto/orders/v1/command_service.proto");
    let proto = std::fs::read_to_string(proto).expect("proto");
    let rpcs = proto.lines().filter_map(|l| l.trim().strip_prefix("rpc "));
    for rpc in rpcs.map(|rpc| rpc.split('(').next().unwrap_or_default()) {
        let stored = format!(r#"orders_commands_total{{command="{rpc}",outcome="stored""#);
        assert!(metrics.contains(&stored), "the client never sent {rpc}");
    }
}

/// From draft to refund, with nothing but ids from replies; answers the order's id.
pub(super) fn sold_and_returned(shop: &Shop) -> String {
    let created = shop.ask(
        "create --line MUG:3:4.95:Mug --line TRAY:1:12.75 --tax-rate 20 --terms prepaid \
         --shipping post:3.95 --recipient Ada --city Bath --country GB --channel web --tag gift \
         --metadata basket=7 --customer c-1 --customer-name Ada --customer-email ada@example.com",
    );
    let id = order_id(&created).to_owned();
    let (mug, tray) = (text(&created["lineIds"][0]), text(&created["lineIds"][1]));
    let draft = shop.after(&created);
    assert_states(&draft, "DRAFT", "NOT_DUE", "NOT_REQUIRED");
    assert_eq!(draft["customer"]["name"], "Ada");
    assert_eq!(draft["shippingAddress"]["city"], "Bath");
    assert_eq!(draft["metadata"]["basket"], "7");

    let edited = shop.ask(&format!(
        "edit {id} --quantity {mug}:4 --remove {tray} --line JUG:1:5 --discount 10%:spring"
    ));
    let jug = text(&edited["lineIds"][0]);
    // 4 x 4.95 and 5.00, a tenth off, and the post.
    let total = amount(&edited["totals"]["placedTotal"]);
    assert_eq!(total, "26.27");
    shop.refuses(
        &format!("place {id} --expected-total 26.26"),
        "TOTAL_MISMATCH",
    );
    let placed = shop.ask(&format!("place {id} --expected-total {total}"));
    assert_states(&shop.after(&placed), "PLACED", "UNPAID", "UNFULFILLED");

    let paid = shop.ask(&format!(
        "pay {id} --amount {total} --method card --psp-reference psp-1"
    ));
    let payment = text(&paid["paymentId"]);
    assert_states(&shop.after(&paid), "PLACED", "PAID", "UNFULFILLED");

    let first = shop.ask(&format!(
        "ship {id} --item {mug}:3 --carrier post --tracking-number T-1"
    ));
    assert_states(&shop.after(&first), "PLACED", "PAID", "PARTIALLY_SHIPPED");
    let second = shop.ask(&format!("ship {id} --item {mug}:1 --item {jug}:1"));
    assert_states(&shop.after(&second), "PLACED", "PAID", "SHIPPED");
    shop.ask(&format!("deliver {id} {}", text(&first["shipmentId"])));
    let delivered = shop.ask(&format!("deliver {id} {}", text(&second["shipmentId"])));
    assert_states(&shop.after(&delivered), "COMPLETED", "PAID", "DELIVERED");

    let requested = shop.ask(&format!(
        "request-return {id} --item {mug}:1 --return-reason unwanted"
    ));
    let returned = text(&requested["returnId"]);
    let order = shop.after(&requested);
    assert_eq!(order["returnState"], "RETURN_STATE_REQUESTED");
    let received = shop.ask(&format!("receive-return {id} {returned} --item {mug}:1"));
    assert_eq!(
        shop.after(&received)["paymentState"],
        "PAYMENT_STATE_CREDIT_OWED"
    );
    let value = amount(&received["value"]);
    let refunded = shop.ask(&format!(
        "refund {id} {payment} --amount {value} --psp-reference psp-2 --return-id {returned}"
    ));
    let order = shop.after(&refunded);
    assert_states(&order, "COMPLETED", "PARTIALLY_REFUNDED", "DELIVERED");
    assert_eq!(amount(&order["returns"][0]["refunded"]), value);

    let noted = shop.ask(&format!(
        "annotate {id} --note thanks --add-tag vip --remove-tag gift --set-metadata rating=5 \
         --remove-metadata basket"
    ));
    let order = shop.after(&noted);
    assert_eq!(order["tags"], serde_json::json!(["vip"]));
    assert_eq!(order["metadata"], serde_json::json!({"rating": "5"}));
    id
}

/// Everything that the first order did not meet; answers the order's id.
pub(super) fn held_and_cancelled(shop: &Shop) -> String {
    let placed = shop.ask("place --line MUG:2:4.95 --line JUG:1:5 --customer c-2");
    let id = order_id(&placed).to_owned();
    let (mug, jug) = (text(&placed["lineIds"][0]), text(&placed["lineIds"][1]));
    let held = shop.ask(&format!("hold {id} fraud-review --reason why"));
    assert_eq!(shop.after(&held)["holds"][0], "HOLD_REASON_FRAUD_REVIEW");
    shop.refuses(&format!("ship {id} --item {jug}:1"), "ORDER_ON_HOLD");
    let released = shop.ask(&format!("release {id} fraud-review"));
    assert!(shop.after(&released).get("holds").is_none());

    shop.ask(&format!(
        "fail-payment {id} --amount 6 --method card --psp-reference psp-3 --decline-code 51"
    ));
    let authorized = shop.ask(&format!(
        "authorize {id} --amount 6 --method card --psp-reference psp-4"
    ));
    let payment = text(&authorized["paymentId"]);
    shop.ask(&format!(
        "capture {id} {payment} --amount 2.50 --psp-reference psp-5"
    ));
    let voided = shop.ask(&format!("void {id} {payment}"));
    let order = shop.after(&voided);
    assert_eq!(amount(&order["payments"][0]["captured"]), "2.50");
    assert_eq!(amount(&order["payments"][0]["voided"]), "3.50");
    assert_eq!(order["failedPayments"], 1);

    let shipped = shop.ask(&format!("ship {id} --item {mug}:1"));
    let failed = format!("deliver {id} {} --failed", text(&shipped["shipmentId"]));
    let order = shop.after(&shop.ask(&failed));
    assert_states(&order, "PLACED", "PARTIALLY_PAID", "UNFULFILLED");
    let fewer = format!("cancel-items {id} --item {mug}:1 --cancel-reason inventory");
    assert_eq!(
        shop.after(&shop.ask(&fewer))["lines"][0]["cancelledQuantity"],
        "1"
    );
    let cancelled = shop.ask(&format!("cancel {id} --cancel-reason customer"));
    assert_states(
        &shop.after(&cancelled),
        "CANCELLED",
        "CREDIT_OWED",
        "NOT_REQUIRED",
    );
    shop.refuses(&format!("erase {id}"), "PERSONAL_DATA_IN_USE");
    let refunded = shop.ask(&format!(
        "refund {id} {payment} --amount 2.50 --psp-reference psp-6"
    ));
    assert_states(
        &shop.after(&refunded),
        "CANCELLED",
        "REFUNDED",
        "NOT_REQUIRED",
    );
    id
}

fn metrics(server: &Server) -> String {
    let mut stream = TcpStream::connect(&server.admin).expect("connected");
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    answer
}

#[test]
fn people_see_the_ids_that_the_next_command_takes() {
    let shop = Shop::open();
    let (code, out, err) = shop.run("place --order-id o-1 --line MUG:2:4.95 --line JUG:1:5");
    assert_eq!((code, err.as_str()), (0, ""));
    let told: Vec<&str> = out.lines().take(4).collect();
    let expected = [
        "order    o-1",
        "version  4",
        "lines    L1 L2",
        "total    14.90 GBP",
    ];
    assert_eq!(told, expected);
    let (_, out, _) = shop.run("pay o-1 --amount 14.90 --method card --psp-reference psp-1");
    assert!(out.contains("\npayment  P1\n"), "{out}");
    shop.ask("ship o-1 --item L1:1");
    shop.ask("deliver o-1 S1");
    shop.ask("request-return o-1 --item L1:1 --return-reason damaged");
    let (_, out, _) = shop.run("receive-return o-1 R1 --item L1:1");
    assert!(out.contains("\nvalue    4.95 GBP\n"), "{out}");
    let (_, out, _) = shop.run("hold o-1 inventory");
    let token = out.lines().find_map(|line| line.strip_prefix("token    "));
    let (_, sheet, _) = shop.run(&format!("get o-1 --token {}", token.expect("a token")));
    for cells in [
        &[
            "o-1",
            "placed",
            "credit-owed",
            "partially-shipped",
            "14.90 GBP",
        ][..],
        &["L1", "MUG", "4.95 GBP", "9.90 GBP"],
        &["inventory"],
        &["P1", "card", "14.90 GBP", "psp-1"],
        &["S1", "L1:1", "delivered"],
        &["R1", "L1:1", "4.95 GBP"],
    ] {
        let shown = sheet
            .lines()
            .any(|line| cells.iter().all(|cell| line.contains(cell)));
        assert!(shown, "{cells:?} is no line of\n{sheet}");
    }
}

#[test]
fn validate_only_answers_and_stores_nothing() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95 --customer c-1");
    shop.ask("create --order-id draft-1 --line MUG:1:4.95");
    let before = shop.server.digest();
    for (line, version) in [
        ("create --order-id o-2 --line MUG:1:4.95", "2"),
        ("place --order-id o-2 --line MUG:1:4.95", "3"),
        ("place draft-1", "3"),
        ("edit draft-1 --quantity L1:5", "3"),
        (
            "pay o-1 --amount 1 --method card --psp-reference psp-1",
            "5",
        ),
        ("ship o-1 --item L1:1", "4"),
        ("hold o-1 address", "4"),
        ("annotate o-1 --note hello", "4"),
        ("cancel o-1 --cancel-reason customer", "4"),
    ] {
        let reply = shop.ask(&format!("{line} --validate-only"));
        assert_eq!(reply["receipt"]["version"], version, "{line}: {reply}");
        assert_eq!(reply["receipt"].get("consistencyToken"), None, "{line}");
        let (_, out, _) = shop.run(&format!("{line} --validate-only"));
        assert!(out.contains("nothing was stored"), "{out}");
    }
    shop.refuses("ship o-1 --item L1:3 --validate-only", "QUANTITY_EXCEEDED");
    assert_eq!(shop.server.digest(), before);
}

#[test]
fn the_same_request_id_gets_the_first_reply_again() {
    let shop = Shop::open();
    for line in [
        "create --order-id o-1 --line MUG:2:4.95 --request-id r-1",
        "edit o-1 --line JUG:1:5 --request-id r-2",
        "place o-1 --request-id r-3",
        "pay o-1 --amount 1 --method card --psp-reference psp-1 --request-id r-4",
        "ship o-1 --item L1:1 --request-id r-5 --reason because",
    ] {
        let first = shop.ask(line);
        let mut again = shop.ask(line);
        assert_eq!(again["receipt"]["replayed"], true, "{line}");
        again["receipt"]
            .as_object_mut()
            .expect("a receipt")
            .remove("replayed");
        assert_eq!(again, first, "{line}");
        let (_, out, _) = shop.run(line);
        assert!(out.starts_with("order    o-1 (replayed)\n"), "{out}");
    }
    let order = shop.ask("get o-1 --version 7");
    assert_eq!(order["payments"].as_array().map(Vec::len), Some(1));
    shop.refuses("get o-1 --version 8", "VERSION_AHEAD");
}
