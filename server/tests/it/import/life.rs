//! Orders that live on after the import: the importer's ledger against the service's reports, both
//! against the events of the orders, and all of it again after a crash.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{HEADER, expected, generated, head, json, number, number_of, real_month};
use crate::harness::{Nats, Server, orders, wait_until};
use crate::tools::run;

/// Pence by name, by day.
type Days = BTreeMap<String, BTreeMap<&'static str, i64>>;

const MONEY: [&str; 5] = ["placed", "cancelled", "returned", "captured", "refunded"];

fn command(server: &Server, file: &Path) -> Command {
    let beside = |name: &str| file.with_file_name(name).display().to_string();
    let mut command = orders();
    command
        .args(["import", "--lifecycle", "--quiet", "-o", "json"])
        .args(["--rejects", &beside("rejects.csv")])
        .args(["--ledger", &beside("ledger.json")])
        .args(["--addr", &format!("http://{}", server.grpc)])
        .arg(file);
    command
}

#[track_caller]
fn import(server: &Server, file: &Path) -> Value {
    let (code, out, err) = run(&mut command(server, file));
    assert_eq!(code, 0, "{out}{err}");
    json(&out)
}

fn commands(summary: &Value) -> u64 {
    let names = ["orders_placed", "cancellations", "steps_accepted"];
    names.iter().map(|name| number_of(summary, name)).sum()
}

/// Days on which anything moved.
fn days(rows: impl Iterator<Item = (String, BTreeMap<&'static str, i64>)>) -> Days {
    rows.filter(|(_, sums)| sums.values().any(|pence| *pence != 0))
        .collect()
}

fn ledger(file: &Path) -> Value {
    let ledger = std::fs::read_to_string(file.with_file_name("ledger.json"));
    json(&ledger.expect("a ledger"))
}

/// The ledger's days and states are those of the reports.
fn reconcile(server: &Server, ledger: &Value) {
    server.digest();
    let own = ledger["days"].as_array().expect("days").iter().map(|day| {
        let pence = |name| (name, day[name].as_i64().expect("pence"));
        let key = day["day"].as_str().expect("a day").to_owned();
        (key, MONEY.map(pence).into())
    });
    let points = json(&server.client(&["report", "revenue", "--bucket", "day", "-o", "json"]));
    let reported = points.as_array().expect("points").iter().map(|point| {
        let pence = |name| (name, number(&point[name]["minorUnits"]));
        let key = &point["startTime"].as_str().expect("a time")[..10];
        (key.to_owned(), MONEY.map(pence).into())
    });
    assert_eq!(days(own), days(reported));

    let states = json(&server.client(&["report", "states", "-o", "json"]));
    let key = |count: &Value| {
        ["state", "paymentState", "fulfillmentState"].map(|name| count[name].to_string())
    };
    let counted = |states: &Value, orders: fn(&Value) -> i64| -> BTreeMap<[String; 3], i64> {
        let states = states.as_array().expect("states").iter();
        states.map(|s| (key(s), orders(&s["orders"]))).collect()
    };
    assert_eq!(
        counted(&ledger["states"], |n| n.as_i64().expect("orders")),
        counted(&states, number)
    );
}

/// What the events of these orders moved, by the day of each event.
fn fold(server: &Server, orders: &[String]) -> Days {
    let mut days = Days::new();
    for order in orders {
        let mut simulated = false;
        for line in server.client(&["history", order, "-o", "jsonl"]).lines() {
            let event = json(line);
            let simulator = event["actor"]["actorId"] == "simulator";
            assert!(simulator || !simulated, "credit notes come first: {line}");
            simulated |= simulator;
            let (name, pence) = moved(&event);
            let day = event["occurTime"].as_str().expect("a time")[..10].to_owned();
            let day = days
                .entry(day)
                .or_insert_with(|| MONEY.map(|name| (name, 0)).into());
            *day.entry(name).or_default() += pence;
        }
    }
    self::days(days.into_iter())
}

fn moved(event: &Value) -> (&'static str, i64) {
    let pence = |money: &Value| number(&money["minorUnits"]);
    let items = |payload: &Value| -> i64 {
        let items = payload["items"].as_array();
        let values = items
            .into_iter()
            .flatten()
            .map(|item| pence(&item["value"]));
        values.sum()
    };
    match event["type"].as_str().expect("a type") {
        "OrderPlaced" => ("placed", pence(&event["orderPlaced"]["placedTotal"])),
        "ItemsCancelled" => ("cancelled", items(&event["itemsCancelled"])),
        "OrderCancelled" => {
            let payload = &event["orderCancelled"];
            (
                "cancelled",
                items(payload) + pence(&payload["shippingValue"]),
            )
        }
        "ReturnReceived" => ("returned", items(&event["returnReceived"])),
        "PaymentCaptured" => ("captured", pence(&event["paymentCaptured"]["amount"])),
        "PaymentRefunded" => ("refunded", pence(&event["paymentRefunded"]["amount"])),
        _moves_nothing => ("placed", 0),
    }
}

fn listed(server: &Server) -> Vec<String> {
    let listed = server.client(&["list", "--limit", "0", "-o", "jsonl"]);
    let id = |line: &str| json(line)["orderId"].as_str().expect("an id").to_owned();
    listed.lines().map(id).collect()
}

fn live_and_reconcile(text: &str, folder: &Path, settings: &[&str]) {
    let file = folder.join("invoices.csv");
    std::fs::write(&file, text).expect("written");
    let expected = expected(text);
    let server = Server::ready(folder, settings);
    let first = import(&server, &file);
    assert_eq!(first["rows_accepted"], expected.accepted, "{first}");
    assert_eq!(first["rows_rejected"], expected.rows - expected.accepted);
    assert_eq!(first["ledger"]["totals"]["placed"], expected.gross);
    assert_eq!(
        (&first["refused"], &first["replayed"]),
        (&0.into(), &0.into())
    );
    assert!(number_of(&first, "steps_accepted") > 2 * expected.orders);
    let own = ledger(&file);
    assert_eq!(own, first["ledger"]);
    for name in MONEY {
        assert!(own["totals"][name].as_i64() > Some(0), "{name}: {own}");
    }
    reconcile(&server, &own);
    let (digest, head) = (server.digest(), head(&server));

    let all = listed(&server);
    assert_eq!(all.len() as u64, expected.orders);
    if all.len() < 500 {
        let folded = fold(&server, &all);
        let points = own["days"].as_array().expect("days").iter().map(|day| {
            let pence = |name| (name, day[name].as_i64().expect("pence"));
            let key = day["day"].as_str().expect("a day").to_owned();
            (key, MONEY.map(pence).into())
        });
        assert_eq!(folded, days(points));
    }
    for order in all.iter().step_by(all.len() / 30) {
        let totals = &json(&server.client(&["get", order, "-o", "json"]))["totals"];
        let folded = fold(&server, std::slice::from_ref(order));
        for (name, field) in [
            ("placed", "placedTotal"),
            ("captured", "captured"),
            ("refunded", "refunded"),
        ] {
            let sum: i64 = folded.values().filter_map(|day| day.get(name)).sum();
            assert_eq!(sum, number(&totals[field]["minorUnits"]), "{order} {name}");
        }
    }

    let again = import(&server, &file);
    assert_eq!(number_of(&again, "replayed"), commands(&first));
    assert_eq!(again["events"], first["events"]);
    assert_eq!(ledger(&file), own);
    reconcile(&server, &own);
    assert_eq!(server.digest(), digest, "a second import changes nothing");
    assert_eq!(self::head(&server), head, "nothing was written to the log");
}

fn on_the_embedded_log(text: &str) {
    let folder = tempfile::tempdir().expect("folder");
    live_and_reconcile(text, folder.path(), &[]);
}

fn on_jetstream(text: &str) {
    let folder = tempfile::tempdir().expect("folder");
    if let Some(mut nats) = Nats::new(folder.path()) {
        nats.start();
        let url = format!("nats.url={}", nats.url());
        live_and_reconcile(text, folder.path(), &[&url]);
    }
}

#[test]
fn generated_lives_reconcile() {
    on_the_embedded_log(&generated());
}

#[test]
fn generated_lives_reconcile_on_jetstream() {
    on_jetstream(&generated());
}

#[test]
fn the_lives_of_a_real_month_reconcile() {
    if let Some(text) = real_month() {
        on_the_embedded_log(&text);
    }
}

#[test]
fn the_lives_of_a_real_month_reconcile_on_jetstream() {
    if let Some(text) = real_month() {
        on_jetstream(&text);
    }
}

#[test]
fn lives_end_the_same_after_kill_9_of_the_server() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
    let [quiet, struck] = folders.each_ref().map(|folder| {
        let file = folder.path().join("invoices.csv");
        std::fs::write(&file, generated()).expect("written");
        file
    });
    let undisturbed = import(&Server::ready(folders[0].path(), &[]), &quiet);

    let mut server = Server::ready(folders[1].path(), &[]);
    let mut running = command(&server, &struck)
        .args(["--lanes", "2"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the importer starts");
    wait_until("some lives have ended", || {
        let (_, out, _) = run(orders()
            .args([
                "list",
                "--state",
                "completed",
                "-o",
                "jsonl",
                "--limit",
                "20",
            ])
            .args(["--addr", &format!("http://{}", server.grpc)]));
        out.lines().count() >= 10
    });
    server.kill();
    assert!(
        running.try_wait().expect("a child").is_none(),
        "in the middle"
    );
    running.kill().expect("killed");
    running.wait().expect("gone");
    server.start();
    server.wait_ready();

    let resumed = import(&server, &struck);
    let replayed = number_of(&resumed, "replayed");
    assert!(
        0 < replayed && replayed < commands(&undisturbed),
        "{replayed}"
    );
    assert_eq!(resumed["events"], undisturbed["events"]);
    assert_eq!(ledger(&struck), undisturbed["ledger"]);
    reconcile(&server, &resumed["ledger"]);
    let again = import(&server, &struck);
    assert_eq!(number_of(&again, "replayed"), commands(&undisturbed));
}

/// An import that ends with code 65: its summary, its rejects by reason, what it said.
#[track_caller]
fn refused(server: &Server, file: &Path) -> (Value, Vec<(String, String)>, String) {
    let (code, out, err) = run(&mut command(server, file));
    assert_eq!(code, 65, "{out}{err}");
    let mut rejects = csv::Reader::from_path(file.with_file_name("rejects.csv")).expect("rejects");
    let rejects = rejects.records().map(|record| {
        let record = record.expect("a reject");
        (record[9].to_owned(), record[10].to_owned())
    });
    (json(&out), rejects.collect(), err)
}

#[test]
fn what_the_service_refuses_is_a_reject_and_ends_with_65() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let file = folder.path().join("invoices.csv");
    let text = format!(
        "{HEADER}\n\
         1,#1,a,5,2010-12-01 08:00:00,1.00,7.0,X\n\
         C2,#1,a,-1,2010-12-02 08:00:00,1.00,7.0,X\n\
         3,A,a,5,2010-12-01 08:00:00,1.00,7.0,X\n"
    );
    std::fs::write(&file, text).expect("written");
    let (summary, rejects, err) = refused(&server, &file);
    assert_eq!(summary["rows_accepted"], 1);
    assert_eq!(summary["rows_rejected"], 2);
    assert_eq!(summary["rejected_by_reason"]["REFUSED_BY_SERVICE"], 1);
    assert_eq!(summary["rejected_by_reason"]["ORDER_REFUSED"], 1);
    assert!(
        err.contains("refused") && err.contains("rejects.csv"),
        "{err}"
    );
    assert!(
        rejects
            .iter()
            .any(|(_, text)| text.contains("FIELD_INVALID"))
    );
    reconcile(&server, &summary["ledger"]);
}

#[test]
fn a_life_ends_where_the_service_refuses_a_step() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let file = folder.path().join("invoices.csv");
    let orders = (1..=40).map(|n| format!("{n},A,a,5,2010-12-01 08:00:00,1.00,7.0,X\n"));
    std::fs::write(&file, format!("{HEADER}\n{}", orders.collect::<String>())).expect("written");
    let path = file.display().to_string();
    let rejects = folder.path().join("rejects.csv").display().to_string();
    server.client(&["import", "--quiet", "--rejects", &rejects, &path]);
    server.client(&["cancel", "7", "--cancel-reason", "other"]);
    let (summary, rejects, _) = refused(&server, &file);
    let steps = number_of(&summary, "steps_rejected");
    assert_eq!(
        (&summary["rows_accepted"], steps),
        (&40.into(), rejects.len() as u64)
    );
    assert_eq!(rejects[0].0, "REFUSED_BY_SERVICE");
    assert!(
        rejects[0].1.starts_with("ORDER_STATE_INVALID"),
        "{rejects:?}"
    );
    assert!(
        rejects[1..]
            .iter()
            .all(|(reason, _)| reason == "AFTER_REFUSAL")
    );
}
