//! What the client finds, counts and sums up.

use serde_json::Value;

use super::life::{held_and_cancelled, sold_and_returned};
use super::{Shop, amount, assert_states, order_id, text};

#[test]
fn queries_find_orders_by_every_state_and_mark() {
    let shop = Shop::open();
    let sold = sold_and_returned(&shop);
    let cancelled = held_and_cancelled(&shop);
    let held = shop.ask("place --line MUG:1:4.95 --channel web --tag gift");
    let held = shop.ask(&format!("hold {} address", order_id(&held)));
    let token = text(&held["receipt"]["consistencyToken"]);
    let (held, sold, cancelled) = (order_id(&held), sold.as_str(), cancelled.as_str());
    for (filter, expected) in [
        ("", vec![held, cancelled, sold]),
        ("--state completed", vec![sold]),
        ("--state completed --state cancelled", vec![cancelled, sold]),
        ("--payment-state refunded", vec![cancelled]),
        ("--fulfillment-state delivered", vec![sold]),
        ("--return-state partially-returned", vec![sold]),
        ("--on-hold", vec![held]),
        (
            "--on-hold=false --order-by place_time",
            vec![sold, cancelled],
        ),
        ("--tag gift", vec![held]),
        ("--channel web", vec![held, sold]),
        ("--customer c-2", vec![cancelled]),
        ("--sku JUG", vec![cancelled, sold]),
        ("--currency GBP --max-total 4.95", vec![held]),
        (
            "--currency GBP --min-total 14.90 --max-total 14.90",
            vec![cancelled],
        ),
        (
            "--since 2000-01-01T00:00:00Z --until 2001-01-01T00:00:00Z",
            vec![],
        ),
        ("--updated-since 2000-01-01T00:00:00Z --tag vip", vec![sold]),
    ] {
        let rows = shop.ask(&format!("list {filter} --token {token}"));
        let rows: Vec<&str> = rows
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| text(&row["orderId"]))
            .collect();
        assert_eq!(rows, expected, "list {filter}");
        if !filter.contains("--order-by") {
            let (code, out, _) = shop.run(&format!("count {filter} --token {token}"));
            assert_eq!(
                (code, out),
                (0, format!("{}\n", expected.len())),
                "count {filter}"
            );
        }
    }
    for key in ["--tracking-number T-1", "--psp-reference psp-1"] {
        let rows = shop.ask(&format!("lookup {key} --token {token}"));
        assert_eq!(
            (rows[0]["orderId"].as_str(), &rows[1]),
            (Some(sold), &Value::Null)
        );
    }
    let first = shop.ask(&format!("get {sold} --version 1"));
    assert_states(&first, "DRAFT", "NOT_DUE", "NOT_REQUIRED");
    let events = shop.ask(&format!("history {sold} --token {token} --after 1"));
    assert_eq!(events[0]["type"], "LineAdded");
}

#[test]
fn history_shows_amounts_and_items() {
    let shop = Shop::open();
    let sold = sold_and_returned(&shop);
    let (_, told, _) = shop.run(&format!("history {sold}"));
    for cells in [
        &["LineAdded", "L1 MUG 3 x 4.95 GBP"][..],
        &["OrderPlaced", "26.27 GBP"],
        &["PaymentCaptured", "P1 26.27 GBP psp-1"],
        &["ItemsShipped", "S1 L1:3 post T-1"],
        &["ReturnReceived", "R1 L1:1 ("],
        &["PaymentRefunded", "credit R1 psp-2"],
        &["OrderAnnotated", "\"thanks\" +vip -gift rating=5 -basket="],
    ] {
        let shown = told
            .lines()
            .any(|line| cells.iter().all(|cell| line.contains(cell)));
        assert!(shown, "{cells:?} is no line of\n{told}");
    }
}

#[test]
fn two_orders_of_one_reference_are_both_found_and_counting_stops_at_its_limit() {
    let shop = Shop::open();
    let mut last = Value::Null;
    for order in ["twin-1", "twin-2"] {
        shop.ask(&format!("place --order-id {order} --line MUG:1:4.95"));
        last = shop.ask(&format!(
            "ship {order} --item L1:1 --tracking-number SHARED"
        ));
    }
    let token = text(&last["receipt"]["consistencyToken"]);
    let rows = shop.ask(&format!("lookup --tracking-number SHARED --token {token}"));
    let ids: Vec<&str> = (0..2).map(|row| text(&rows[row]["orderId"])).collect();
    assert_eq!(ids, ["twin-2", "twin-1"]);
    let (code, out, err) = shop.run(&format!("count --limit 1 --token {token}"));
    assert_eq!((code, out.as_str()), (0, "1\n"));
    assert!(err.contains("there are more"), "{err}");
}

#[test]
fn reports_answer_in_every_form() {
    let shop = Shop::open();
    sold_and_returned(&shop);
    shop.server.digest();
    let funnel = shop.ask("report funnel");
    for stage in [
        "created",
        "placed",
        "paid",
        "shipped",
        "delivered",
        "returned",
    ] {
        assert_eq!(funnel[0][stage], "1", "{stage} of {funnel}");
    }
    let before = shop.ask("report funnel --until 2000-01-01T00:00:00Z");
    assert_eq!(before[0].get("created"), None);
    let revenue = shop.ask("report revenue --bucket day");
    assert_eq!(amount(&revenue[0]["placed"]), "26.27");
    let ranked = shop.ask("report skus --limit 1");
    assert_eq!(ranked[0]["sku"], "MUG");
    let states = shop.ask("report states --channel web");
    assert_eq!(states[0]["orders"], "1");
    for report in ["funnel", "revenue", "skus", "states"] {
        for form in ["table", "jsonl"] {
            let (code, out, err) = shop.run(&format!("report {report} -o {form}"));
            assert!(
                code == 0 && err.is_empty() && !out.is_empty(),
                "{report} {form}: {err}"
            );
        }
    }
}
