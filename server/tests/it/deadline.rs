//! Orders that nobody pays in time, on the real binary.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::{Nats, Server, wait_until};

/// Long enough for everything to be placed before it, on a machine that does much else.
const DUE: Duration = Duration::from_secs(20);

fn soon() -> String {
    prost_types::Timestamp::from(SystemTime::now() + DUE).to_string()
}

fn place(server: &Server, order_id: &str, due: &str) {
    server.client(&[
        "place",
        "--order-id",
        order_id,
        "--line",
        "MUG:1:4.95",
        "--terms",
        "prepaid",
        "--payment-due-time",
        due,
    ]);
}

fn authorize(server: &Server, order_id: &str, more: &[&str]) {
    let arguments = [
        "authorize",
        order_id,
        "--amount",
        "4.95",
        "--method",
        "card",
        "--psp-reference",
        order_id,
    ];
    server.client(&[&arguments, more].concat());
}

fn order(server: &Server, order_id: &str) -> Value {
    let out = server.client(&["get", order_id, "-o", "json"]);
    serde_json::from_str(&out).expect("JSON")
}

fn history(server: &Server, order_id: &str) -> String {
    server.client(&["history", order_id, "-o", "json"])
}

#[test]
fn unpaid_orders_are_cancelled_and_stale_authorisations_released() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &["deadlines.clock_grace=0s"]);
    let due = soon();
    for id in ["unpaid", "authorized", "paid"] {
        place(&server, id, &due);
    }
    authorize(&server, "authorized", &["--expire-time", &due]);
    authorize(&server, "paid", &["--capture"]);
    for id in ["unpaid", "authorized"] {
        wait_until("the order is cancelled", || {
            order(&server, id)["cancelReason"] == "CANCEL_REASON_PAYMENT_TIMEOUT"
        });
    }
    let events = history(&server, "authorized");
    for word in [
        "paymentVoided",
        "orderCancelled",
        "deadlines",
        "ACTOR_KIND_SERVICE",
    ] {
        assert!(events.contains(word), "{word} is not in {events}");
    }
    assert_eq!(order(&server, "paid")["state"], "ORDER_STATE_PLACED");
}

#[test]
fn two_nodes_cancel_an_order_once() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(mut nats) = Nats::new(folder.path()) else {
        return;
    };
    nats.start();
    let url = format!("nats.url={}", nats.url());
    let settings = [url.as_str(), "deadlines.clock_grace=0s"];
    let nodes = ["one", "two"].map(|name| {
        let folder = folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Server::ready(&folder, &settings)
    });
    let due = soon();
    let ids: Vec<String> = (0..10).map(|n| format!("unpaid-{n}")).collect();
    for id in &ids {
        place(&nodes[0], id, &due);
    }
    for id in &ids {
        wait_until("the order is cancelled", || {
            order(&nodes[0], id)["state"] == "ORDER_STATE_CANCELLED"
        });
        assert_eq!(history(&nodes[0], id).matches("orderCancelled").count(), 1);
    }
    assert_eq!(nodes[0].digest(), nodes[1].digest());
}
