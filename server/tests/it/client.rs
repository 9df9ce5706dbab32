//! The client subcommands of the real binary, against a real server.

mod erase;
mod life;
mod operator;
mod query;
mod refusal;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Server, orders};
use crate::tools::run;

/// A server of its own, and its client.
struct Shop {
    folder: TempDir,
    server: Server,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let server = Server::ready_on_any_ports(folder.path());
        Self { folder, server }
    }

    /// Runs a client subcommand, written as on a shell without quotes.
    fn run(&self, line: &str) -> (i32, String, String) {
        let server = format!("http://{}", self.server.grpc);
        run(orders()
            .args(line.split_ascii_whitespace())
            .args(["--addr", &server]))
    }

    /// What a subcommand that succeeds answers as JSON.
    #[track_caller]
    fn ask(&self, line: &str) -> Value {
        let (code, out, err) = self.run(&format!("{line} -o json"));
        assert_eq!((code, err.as_str()), (0, ""), "orders {line}: {out}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("orders {line}: {error}: {out}"))
    }

    /// An order right after the command that `reply` answers.
    #[track_caller]
    fn after(&self, reply: &Value) -> Value {
        let order = &reply["receipt"];
        self.ask(&format!(
            "get {} --token {}",
            text(&order["orderId"]),
            text(&order["consistencyToken"])
        ))
    }

    /// Asserts that a subcommand fails with this code, says all these words on standard error, and
    /// nothing on standard output.
    #[track_caller]
    fn fails(&self, line: &str, expected: i32, words: &[&str]) {
        let (code, out, err) = self.run(line);
        assert_eq!((code, out.as_str()), (expected, ""), "orders {line}: {err}");
        for word in words {
            assert!(err.contains(word), "orders {line}: {word} is not in {err}");
        }
    }

    /// Asserts that the service refuses, for this reason and with a next step.
    #[track_caller]
    fn refuses(&self, line: &str, reason: &str) {
        self.fails(line, 65, &[&format!("error: {reason}: "), "\nnext: "]);
    }
}

#[track_caller]
fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

/// The id of the order that a reply is about.
#[track_caller]
fn order_id(reply: &Value) -> &str {
    text(&reply["receipt"]["orderId"])
}

#[track_caller]
fn assert_states(order: &Value, state: &str, payment: &str, fulfillment: &str) {
    assert_eq!(order["state"], format!("ORDER_STATE_{state}"), "{order}");
    let (payment, fulfillment) = (
        format!("PAYMENT_STATE_{payment}"),
        format!("FULFILLMENT_STATE_{fulfillment}"),
    );
    assert_eq!(order["paymentState"], payment, "{order}");
    assert_eq!(order["fulfillmentState"], fulfillment, "{order}");
}

/// An amount of JSON as the command line takes it; two digits after the point.
#[track_caller]
fn amount(money: &Value) -> String {
    let minor: i64 = text(&money["minorUnits"]).parse().expect("minor units");
    format!("{}.{:02}", minor / 100, minor % 100)
}
