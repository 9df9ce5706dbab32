//! The main job: a shop's invoices through the public API, reconciled to the penny against a few
//! independent lines that read the CSV themselves.

mod life;
mod unusual;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Nats, Server, orders, wait_until};
use crate::tools::{note_skipped, root, run};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// What the file says, computed without the importer.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    rows: u64,
    orders: u64,
    lines: u64,
    gross: i64,
    accepted: u64,
    /// By day and by month: placed and cancelled pence.
    days: BTreeMap<String, (i64, i64)>,
    months: BTreeMap<String, (i64, i64)>,
    skus: BTreeMap<String, (i64, i64)>,
    customers: BTreeMap<String, u64>,
}

struct Row<'a> {
    invoice: &'a str,
    sku: &'a str,
    quantity: i64,
    day: &'a str,
    /// In tenths of a penny.
    mills: i64,
    customer: &'a str,
}

fn rows(file: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    reader
        .records()
        .map(|r| r.expect("a row").iter().map(str::to_owned).collect())
        .collect()
}

fn row(fields: &[String]) -> Row<'_> {
    let price: f64 = fields[5].parse().expect("a price");
    #[expect(
        clippy::cast_possible_truncation,
        reason = "prices have at most three decimals"
    )]
    let mills = (price * 1000.0).round() as i64;
    Row {
        invoice: &fields[0],
        sku: &fields[1],
        quantity: fields[3].parse().expect("a quantity"),
        day: &fields[4][..10],
        mills,
        customer: fields[6].trim_end_matches(".0"),
    }
}

fn expected(file: &str) -> Expected {
    let fields = rows(file);
    let rows: Vec<Row<'_>> = fields.iter().map(|f| row(f)).collect();
    let mut expected = Expected {
        rows: rows.len() as u64,
        ..Expected::default()
    };
    let mut invoices: BTreeMap<&str, Vec<&Row<'_>>> = BTreeMap::new();
    for row in &rows {
        invoices.entry(row.invoice).or_default().push(row);
    }
    // Per customer: orders in the order of placing, each with its lines (sku, mills, live).
    let mut placed: BTreeMap<&str, Vec<Order<'_>>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for row in &rows {
        if row.invoice.starts_with('C') {
            credit(row, &mut placed, &mut expected);
        } else if seen.insert(row.invoice) {
            sale(&invoices[row.invoice], &mut placed, &mut expected);
        }
    }
    expected
}

struct Order<'a> {
    lines: Vec<(&'a str, i64, i64)>,
    shipping: i64,
}

fn sale<'a>(
    rows: &[&Row<'a>],
    placed: &mut BTreeMap<&'a str, Vec<Order<'a>>>,
    expected: &mut Expected,
) {
    let numeric = rows[0].invoice.bytes().all(|b| b.is_ascii_digit());
    let sold = rows.iter().all(|r| r.quantity > 0) && rows.iter().any(|r| r.mills > 0);
    if !numeric || !sold {
        return;
    }
    let whole: Vec<_> = rows.iter().filter(|r| r.mills % 10 == 0).collect();
    let carriage = |r: &Row<'_>| ["POST", "DOT", "C2"].contains(&r.sku);
    let only = whole.iter().all(|r| carriage(r));
    let (mut lines, mut shipping) = (Vec::new(), 0);
    for row in &whole {
        let value = row.quantity * row.mills / 10;
        expected.accepted += 1;
        expected.gross += value;
        add(expected, row.day, value, 0);
        if carriage(row) && !only {
            shipping += value;
        } else {
            lines.push((row.sku, row.mills, row.quantity));
            let sku = expected.skus.entry(row.sku.to_owned()).or_default();
            *sku = (sku.0 + row.quantity, sku.1 + value);
        }
    }
    expected.orders += 1;
    expected.lines += lines.len() as u64;
    if !rows[0].customer.is_empty() {
        *expected
            .customers
            .entry(rows[0].customer.to_owned())
            .or_default() += 1;
        placed
            .entry(rows[0].customer)
            .or_default()
            .push(Order { lines, shipping });
    }
}

fn credit<'a>(
    row: &Row<'a>,
    placed: &mut BTreeMap<&'a str, Vec<Order<'a>>>,
    expected: &mut Expected,
) {
    let wanted = -row.quantity;
    let fits = |line: &(&str, i64, i64)| line.0 == row.sku && line.1 == row.mills;
    let Some(order) = placed.get_mut(row.customer).and_then(|orders| {
        let live = |o: &Order<'_>| o.lines.iter().filter(|l| fits(l)).map(|l| l.2).sum::<i64>();
        orders
            .iter_mut()
            .rev()
            .find(|order| wanted > 0 && live(order) >= wanted)
    }) else {
        return;
    };
    let mut rest = wanted;
    for line in order.lines.iter_mut().filter(|line| fits(line)) {
        let taken = rest.min(line.2);
        line.2 -= taken;
        rest -= taken;
    }
    let gone = order.lines.iter().all(|line| line.2 == 0);
    let value = wanted * row.mills / 10;
    expected.accepted += 1;
    add(
        expected,
        row.day,
        0,
        value + if gone { order.shipping } else { 0 },
    );
    let sku = expected.skus.entry(row.sku.to_owned()).or_default();
    *sku = (sku.0 - wanted, sku.1 - value);
}

fn add(expected: &mut Expected, day: &str, placed: i64, cancelled: i64) {
    let month = format!("{}-01", &day[..7]);
    for (sums, key) in [
        (&mut expected.days, day.to_owned()),
        (&mut expected.months, month),
    ] {
        let sum = sums.entry(key).or_default();
        *sum = (sum.0 + placed, sum.1 + cancelled);
    }
}

/// Some hundreds of invoices with everything in them that a real file has.
fn generated() -> String {
    let mut file = format!("{HEADER}\n");
    let mut seed = 0x2545_f491_u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for n in 0..400_u64 {
        let time = format!(
            "2010-12-{:02} {:02}:{:02}:00",
            1 + n / 20,
            8 + n % 20 / 2,
            n % 2
        );
        let customer = match random(5) {
            0 => String::new(),
            _ => format!("{}.0", 17_000 + random(40)),
        };
        let mut line = |invoice: &str, sku: &str, quantity: i64, price: &str, customer: &str| {
            writeln!(
                file,
                "{invoice},{sku},\"THING, {sku}\",{quantity},{time},{price},{customer},EIRE"
            )
            .expect("written");
        };
        let invoice = (536_365 + n).to_string();
        match random(12) {
            0 => line(&invoice, "22423", -5, "0.0", ""),
            1 => line(&format!("A{invoice}"), "B", 1, "11062.06", ""),
            2 => line(&invoice, "POST", 2, "18.0", &customer),
            3 => {
                line(&invoice, "PADS", 1, "0.001", &customer);
                line(&invoice, "85123A", 2, "2.55", &customer);
            }
            4 | 5 => {
                for _ in 0..3 {
                    let sku = format!("SKU{}", random(6));
                    let credit = format!("C{invoice}");
                    line(
                        &credit,
                        &sku,
                        -1 - i64::try_from(random(3)).expect("small"),
                        "1.25",
                        &customer,
                    );
                }
            }
            _ => {
                for _ in 0..=random(8) {
                    let sku = format!("SKU{}", random(6));
                    line(
                        &invoice,
                        &sku,
                        1 + i64::try_from(random(6)).expect("small"),
                        "1.25",
                        &customer,
                    );
                }
                if random(3) == 0 {
                    line(&invoice, "POST", 1, "15.0", &customer);
                }
            }
        }
    }
    file
}

/// The first month of the real file, which `ORDERS_RETAIL_CSV` names, or which lies in a folder
/// beside the repository. It is not the project's: without it a test tells that it did not run, and
/// its sibling on the generated file has to do.
fn real_month() -> Option<String> {
    let path = std::env::var_os("ORDERS_RETAIL_CSV").map_or_else(
        || root().join("../shared/data/online-retail.csv.zst"),
        PathBuf::from,
    );
    let Ok(file) = std::fs::File::open(&path) else {
        note_skipped("a file of invoices", "name one with ORDERS_RETAIL_CSV");
        return None;
    };
    let bytes = zstd::stream::decode_all(file).expect("zstd");
    let text = String::from_utf8(bytes).expect("text");
    let month = text
        .lines()
        .filter(|l| l.starts_with("InvoiceNo") || l.contains(",2010-12-"));
    Some(month.collect::<Vec<_>>().join("\n") + "\n")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Protobuf's JSON writes 64-bit numbers as texts and leaves zeros out.
fn number(value: &Value) -> i64 {
    value
        .as_str()
        .map_or(0, |text| text.parse().expect("a number"))
}

fn import(server: &Server, file: &Path) -> Value {
    let rejects = file.with_extension("rejects.csv");
    let arguments = [
        "import",
        &file.display().to_string(),
        "--quiet",
        "-o",
        "json",
    ];
    json(
        &server.client(
            &[
                &arguments[..],
                &["--rejects", &rejects.display().to_string()],
            ]
            .concat(),
        ),
    )
}

fn reconcile(server: &Server, summary: &Value, expected: &Expected) {
    assert_eq!(summary["rows"], expected.rows);
    assert_eq!(summary["orders_placed"], expected.orders);
    assert_eq!(summary["order_lines"], expected.lines);
    assert_eq!(summary["gross_pence"], expected.gross);
    assert_eq!(summary["rows_accepted"], expected.accepted, "{summary}");
    assert_eq!(summary["rows_rejected"], expected.rows - expected.accepted);
    server.digest();
    for (bucket, sums) in [("day", &expected.days), ("month", &expected.months)] {
        let points = json(&server.client(&["report", "revenue", "--bucket", bucket, "-o", "json"]));
        let mut reported: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for point in points.as_array().expect("points") {
            let day = point["startTime"].as_str().expect("a time")[..10].to_owned();
            let pence = |name: &str| number(&point[name]["minorUnits"]);
            reported.insert(day, (pence("placed"), pence("cancelled")));
        }
        assert_eq!(&reported, sums, "by {bucket}");
    }
    let entries = json(&server.client(&["report", "skus", "--limit", "10000", "-o", "json"]));
    let entry = |e: &Value| {
        let sku = e["sku"].as_str().expect("a SKU").to_owned();
        (
            sku,
            (number(&e["units"]), number(&e["revenue"]["minorUnits"])),
        )
    };
    let skus: BTreeMap<_, _> = entries
        .as_array()
        .expect("entries")
        .iter()
        .map(entry)
        .collect();
    assert_eq!(skus, expected.skus);
    for (customer, orders) in expected.customers.iter().take(20) {
        let listed = server.client(&[
            "list",
            "--customer",
            customer,
            "--limit",
            "0",
            "-o",
            "jsonl",
        ]);
        assert_eq!(
            listed.lines().count() as u64,
            *orders,
            "customer {customer}"
        );
    }
}

fn import_and_reconcile(text: &str, folder: &Path, settings: &[&str]) {
    let file = folder.join("invoices.csv");
    std::fs::write(&file, text).expect("written");
    let expected = expected(text);
    assert!(
        expected.orders > 100 && expected.accepted < expected.rows,
        "{expected:?}"
    );
    let mut server = Server::ready(folder, settings);
    let first = import(&server, &file);
    assert_eq!(first["replayed"], 0);
    reconcile(&server, &first, &expected);
    let (digest, head) = (server.digest(), head(&server));

    let again = import(&server, &file);
    let commands = number_of(&first, "orders_placed") + number_of(&first, "cancellations");
    assert_eq!(
        number_of(&again, "replayed"),
        commands,
        "a second import changes nothing"
    );
    reconcile(&server, &again, &expected);
    assert_eq!(server.digest(), digest);

    server.client(&["read-model", "rebuild", "--quiet"]);
    assert_eq!(
        server.digest(),
        digest,
        "a rebuilt view is the same, byte for byte"
    );
    server.stop();
    std::fs::remove_dir_all(server.data().join("read-model")).expect("removed");
    server.start();
    server.wait_ready();
    let listed = server.client(&["list", "--limit", "0", "-o", "jsonl"]);
    assert_eq!(
        listed.lines().count() as u64,
        expected.orders,
        "ready means that the whole view is there"
    );
    assert_eq!(
        server.digest(),
        digest,
        "a view made anew is the same, byte for byte"
    );
    reconcile(&server, &again, &expected);
    assert_eq!(self::head(&server), head, "nothing was written to the log");
}

/// Where the log ends, as the read model knows it.
fn head(server: &Server) -> Value {
    let shown = server.client(&["read-model", "show", "-o", "jsonl"]);
    json(shown.trim())["head"].clone()
}

fn on_the_embedded_log(text: &str) {
    let folder = tempfile::tempdir().expect("folder");
    import_and_reconcile(text, folder.path(), &[]);
}

fn on_jetstream(text: &str) {
    let folder = tempfile::tempdir().expect("folder");
    if let Some(mut nats) = Nats::new(folder.path()) {
        nats.start();
        let url = format!("nats.url={}", nats.url());
        import_and_reconcile(text, folder.path(), &[&url]);
    }
}

fn number_of(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().expect("a number")
}

#[test]
fn generated_invoices_reconcile() {
    on_the_embedded_log(&generated());
}

#[test]
fn generated_invoices_reconcile_on_jetstream() {
    on_jetstream(&generated());
}

#[test]
fn a_real_month_reconciles() {
    if let Some(text) = real_month() {
        on_the_embedded_log(&text);
    }
}

#[test]
fn a_real_month_reconciles_on_jetstream() {
    if let Some(text) = real_month() {
        on_jetstream(&text);
    }
}

#[test]
fn an_import_survives_kill_9_of_the_server() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("invoices.csv");
    let text = generated();
    std::fs::write(&file, &text).expect("written");
    let mut server = Server::ready(folder.path(), &[]);
    let mut running = orders()
        .args(["import", "--quiet", "-o", "json", "--lanes", "2", "--addr"])
        .arg(format!("http://{}", server.grpc))
        .args([
            "--rejects",
            &folder.path().join("rejects.csv").display().to_string(),
        ])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .expect("the importer starts");
    wait_until("some orders are placed", || {
        let (_, out, _) = run(orders()
            .args(["list", "--limit", "30", "-o", "jsonl", "--addr"])
            .arg(format!("http://{}", server.grpc)));
        out.lines().count() >= 20
    });
    server.kill();
    server.start();
    server.wait_ready();
    assert!(
        running.wait().expect("ended").success(),
        "the importer goes on by itself"
    );
    let summary = import(&server, &file);
    reconcile(&server, &summary, &expected(&text));
}
