//! Personal data of all orders of a customer.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Shop, text};

#[test]
fn a_customer_is_forgotten_once_every_order_allows_it() {
    let shop = Shop::open();
    for order in ["done-1", "done-2", "open-1", "other-1"] {
        let customer = if order == "other-1" { "c-2" } else { "c-1" };
        shop.ask(&format!(
            "place --order-id {order} --line MUG:1:4.95 --customer {customer} --customer-name Ada"
        ));
    }
    shop.ask("cancel done-1 --cancel-reason customer");
    let last = shop.ask("cancel done-2 --cancel-reason fraud");
    let token = text(&last["receipt"]["consistencyToken"]);
    let erase = format!("erase --customer c-1 --token {token}");

    let outcomes = |out: &str| -> BTreeSet<(String, String, String)> {
        let rows = out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let cells = ["orderId", "outcome", "reason"];
        rows.map(|row| cells.map(|cell| text(&row[cell]).to_owned()).into())
            .collect()
    };
    let (code, out, err) = shop.run(&format!("{erase} --validate-only -o jsonl"));
    let [one, two, three] = [
        ("done-1", "erasable", ""),
        ("done-2", "erasable", ""),
        ("open-1", "kept", "ORDER_STATE_INVALID"),
    ]
    .map(|(id, outcome, reason)| (id.to_owned(), outcome.to_owned(), reason.to_owned()));
    assert_eq!(
        (code, outcomes(&out)),
        (65, [one, two, three.clone()].into()),
        "{err}"
    );
    assert_eq!(shop.ask("get done-1").get("personalDataErased"), None);

    let (code, out, err) = shop.run(&format!("{erase} -o jsonl"));
    assert_eq!(code, 65);
    assert!(outcomes(&out).contains(&three), "{out}");
    for word in ["1 of 3 orders", "\nnext: "] {
        assert!(err.contains(word), "{word} is not in {err}");
    }
    let last = shop.ask("cancel open-1 --cancel-reason customer");
    let token = text(&last["receipt"]["consistencyToken"]);
    let (code, out, err) = shop.run(&format!("erase --customer c-1 --token {token}"));
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.matches("erased").count(), 3, "{out}");
    shop.server.digest();
    for (order, erased) in [
        ("done-1", true),
        ("done-2", true),
        ("open-1", true),
        ("other-1", false),
    ] {
        let order = shop.ask(&format!("get {order}"));
        assert_eq!(order.get("personalDataErased").is_some(), erased, "{order}");
        assert_eq!(order["customer"].get("name").is_none(), erased, "{order}");
    }
    shop.fails("erase --customer nobody", 65, &["\"nobody\"", "\nnext: "]);
}

#[test]
fn a_customer_s_orders_are_erased_beyond_the_first_page() {
    const ORDERS: usize = 1_001;
    let shop = Shop::open();
    let mut file =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            .to_owned();
    for order in 0..ORDERS {
        writeln!(
            file,
            "{},MUG,A mug,1,2010-12-01 08:26:00,4.95,17850.0,UK",
            600_000 + order
        )
        .expect("written");
    }
    let path = shop.folder.path().join("many.csv");
    std::fs::write(&path, file).expect("written");
    let rejects = shop.folder.path().join("rejects.csv");
    shop.ask(&format!(
        "import {} --quiet --rejects {}",
        path.display(),
        rejects.display()
    ));
    shop.server.digest();
    let (code, out, err) = shop.run("erase --customer 17850 -o jsonl");
    assert_eq!((code, out.lines().count()), (65, ORDERS), "{err}");
    assert!(err.contains("1001 of 1001 orders"), "{err}");
}
