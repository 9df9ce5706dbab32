//! What the client says when it cannot do what it was asked for.

use super::Shop;
use crate::harness::orders;
use crate::tools::run;

/// Subcommands that the service refuses, and the reason.
const REFUSED: [(&str, &str); 38] = [
    ("create --order-id o-1 --line JUG:1:5", "ORDER_EXISTS"),
    ("create --customer c-1 --line JUG:0:5", "FIELD_INVALID"),
    (
        "create --order-id o-2 --expected-version 1",
        "FIELD_INVALID",
    ),
    ("place --order-id o-1 --line JUG:1:5", "ORDER_EXISTS"),
    ("place draft-1", "ORDER_EMPTY"),
    ("place o-1", "ORDER_STATE_INVALID"),
    ("edit o-1 --quantity L1:1", "ORDER_STATE_INVALID"),
    ("edit draft-1", "FIELD_INVALID"),
    ("edit draft-1 --remove L9", "LINE_NOT_FOUND"),
    (
        "edit draft-1 --line JUG:1:5 --currency EUR",
        "CURRENCY_MISMATCH",
    ),
    (
        "authorize o-1 --amount 9.91 --method card --psp-reference psp-1",
        "AMOUNT_EXCEEDED",
    ),
    (
        "pay o-1 --amount 0 --method card --psp-reference psp-1",
        "FIELD_INVALID",
    ),
    (
        "pay nowhere --amount 1 --method card --psp-reference psp-1",
        "ORDER_NOT_FOUND",
    ),
    (
        "capture o-1 P9 --amount 1 --psp-reference x",
        "PAYMENT_NOT_FOUND",
    ),
    ("void o-1 P9", "PAYMENT_NOT_FOUND"),
    (
        "fail-payment draft-1 --amount 1 --method card --psp-reference psp-1 --decline-code 51",
        "ORDER_STATE_INVALID",
    ),
    (
        "refund o-1 P9 --amount 1 --psp-reference x",
        "PAYMENT_NOT_FOUND",
    ),
    ("ship o-1 --item L1:3", "QUANTITY_EXCEEDED"),
    ("ship o-1 --item L9:1", "LINE_NOT_FOUND"),
    ("deliver o-1 S9", "SHIPMENT_NOT_FOUND"),
    (
        "cancel-items o-1 --item L1:2 --cancel-reason other",
        "LAST_ITEMS",
    ),
    (
        "cancel o-1 --cancel-reason payment-timeout",
        "PAYMENT_NOT_OVERDUE",
    ),
    (
        "request-return o-1 --item L1:1 --return-reason other",
        "QUANTITY_EXCEEDED",
    ),
    ("receive-return o-1 R9", "RETURN_NOT_FOUND"),
    ("hold draft-1 address", "ORDER_STATE_INVALID"),
    ("release o-1 address", "HOLD_NOT_FOUND"),
    ("annotate o-1", "FIELD_INVALID"),
    (
        "annotate o-1 --note twice --request-id used",
        "REQUEST_ID_REUSED",
    ),
    (
        "annotate o-1 --note x --expected-version 1",
        "VERSION_MISMATCH",
    ),
    (
        "annotate o-1 --note x --occur-time 2000-01-01T00:00:00Z",
        "FIELD_INVALID",
    ),
    ("erase o-1", "ORDER_STATE_INVALID"),
    ("get nowhere", "ORDER_NOT_FOUND"),
    ("get o-1 --version 99", "VERSION_AHEAD"),
    ("list --order-by colour", "ORDER_BY_UNSUPPORTED"),
    ("count --limit=-1", "FIELD_INVALID"),
    ("lookup --psp-reference nowhere", "ORDER_NOT_FOUND"),
    ("history nowhere", "ORDER_NOT_FOUND"),
    ("report skus --currency XXX", "FIELD_INVALID"),
];

#[test]
fn a_refused_command_says_why_and_what_next_and_changes_nothing() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95 --customer c-1");
    shop.ask("annotate o-1 --note once --request-id used");
    shop.ask("create --order-id draft-1");
    let before = shop.server.digest();
    for (line, reason) in REFUSED {
        shop.refuses(line, reason);
    }
    assert_eq!(shop.server.digest(), before);
}

#[test]
fn a_refusal_names_every_wrong_field_the_numbers_and_the_order() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95");
    shop.fails(
        "create --line MUG:0:4.95 --order-id a.b --country Bath --shipping post:1",
        65,
        &[
            "\n  --order-id: must be ",
            "\n  --line 1 quantity: must be ",
            "\n  --country: must be ",
        ],
    );
    shop.fails(
        "ship o-1 --item L1:3",
        65,
        &[
            "\n  available: 2\n",
            "\n  line_id: L1\n",
            "`orders get o-1`",
        ],
    );
    shop.fails(
        "pay o-1 --amount 10 --method card --psp-reference x",
        65,
        &["\n  available: 990 (minor units)\n"],
    );
}

#[test]
fn what_is_no_command_line_never_reaches_the_service() {
    let shop = Shop::open();
    for (line, word) in [
        ("place", "ORDER_ID"),
        ("place o-1 --line MUG:1:1", "--line"),
        ("place o-1 --channel web", "--channel"),
        ("place --line MUG:1", "SKU:QUANTITY:PRICE"),
        ("place --line MUG:1:1.005", "digits after the point"),
        (
            "place --line MUG:1:1.5 --currency JPY",
            "digits after the point",
        ),
        ("place --line MUG:1:1 --currency ABC", "ISO 4217"),
        ("create --city Bath", "--shipping"),
        ("create --tax-rate much", "percent"),
        ("create --metadata novalue", "KEY=VALUE"),
        ("create --terms later", "on-account"),
        ("edit o-1 --discount 5 --no-discounts", "--no-discounts"),
        ("pay o-1 --method card --psp-reference x", "--amount"),
        (
            "pay o-1 --amount much --method card --psp-reference x",
            "4.95",
        ),
        ("ship o-1", "--item"),
        ("ship o-1 --item L1", "LINE_ID:QUANTITY"),
        ("hold o-1 boredom", "fraud-review"),
        ("cancel o-1", "--cancel-reason"),
        ("annotate o-1 --occur-time today", "RFC 3339"),
        ("erase", "ORDER_ID"),
        ("erase o-1 --customer c-1", "--customer"),
        (
            "erase --customer c-1 --expected-version 2",
            "--expected-version",
        ),
        ("lookup", "--tracking-number"),
        (
            "lookup --psp-reference a --tracking-number b",
            "--tracking-number",
        ),
        ("list --state sold", "completed"),
        ("list --min-total 5", "--currency"),
        ("get o-1 --version 1 --time 2010-12-01T08:26:00Z", "--time"),
        ("report revenue --bucket week", "month"),
    ] {
        shop.fails(line, 64, &["error: ", word]);
    }
    let (_, out, _) = shop.run("count");
    assert_eq!(out, "0\n");
}

#[test]
fn a_single_wrong_flag_is_named_in_the_message() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95");
    for (line, message) in [
        (
            "ship o-1 --item L1:1 --item L2:0",
            "--item 2 quantity must be ",
        ),
        (
            "ship o-1 --item L1:1 --tracking-number \u{7}",
            "--tracking-number must be ",
        ),
        (
            "annotate o-1 --add-tag a --add-tag \u{7}",
            "--add-tag 2 must be ",
        ),
        ("edit o-1 --quantity L1:0", "--quantity quantity must be "),
        ("list --customer \u{7}", "--customer 1 must be "),
        ("count --limit=-1", "--limit must be "),
        (
            "report revenue --since 2010-12-01T08:26:00Z",
            "--since must be ",
        ),
        ("get a.b", "ORDER_ID must be "),
    ] {
        shop.fails(line, 65, &["error: FIELD_INVALID: ", message]);
    }
}

/// Runs the client with an address in the environment, as a shell would set it.
fn with_address(address: &str, line: &str) -> (i32, String, String) {
    run(orders()
        .args(line.split(' '))
        .env("ORDERS_ADDR", address)
        .env("NO_COLOR", "1"))
}

#[test]
fn the_address_comes_from_the_flag_the_environment_or_the_default() {
    let shop = Shop::open();
    let address = shop.server.grpc.clone();
    assert_eq!(with_address(&address, "count").1, "0\n");
    let flag = format!("count --addr {address}");
    assert_eq!(with_address("127.0.0.1:1", &flag).1, "0\n");
    // The default: what it finds there depends on the machine.
    let (code, _, err) = with_address("", "get nowhere --timeout 1s");
    assert_ne!(code, 64, "{err}");
    assert!(!err.contains("ORDERS_ADDR"), "{err}");
}

#[test]
fn an_address_that_is_none_is_refused_by_the_name_of_its_origin() {
    for address in [
        "https://127.0.0.1:1",
        "not an address",
        "127.0.0.1:99999",
        "ftp://x:1",
    ] {
        let (code, out, err) = with_address(address, "get o-1");
        assert_eq!((code, out.as_str()), (64, ""), "{address}: {err}");
        assert!(err.contains("error: ORDERS_ADDR: "), "{err}");
        let (code, _, err) = run(orders().args(["get", "o-1", "--addr", address]));
        assert_eq!(code, 64, "{address}: {err}");
        assert!(err.contains("error: --addr: "), "{err}");
    }
    let (_, _, err) = run(orders().args(["get", "o-1", "--addr", "https://127.0.0.1:1"]));
    assert!(err.contains("TLS") && err.contains("http://"), "{err}");
}

#[test]
fn output_that_cannot_be_written_is_a_failure_of_storage() {
    let shop = Shop::open();
    shop.ask("place --order-id o-1 --line MUG:2:4.95");
    shop.server.digest();
    let address = shop.server.grpc.clone();
    for line in [
        "get o-1",
        "list -o jsonl",
        "count",
        "history o-1 -o json",
        "hold o-1 address",
        "report states",
        "read-model show",
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let (code, _, err) = run(orders()
            .args(line.split(' '))
            .args(["--addr", &address])
            .stdout(full.expect("a full device")));
        assert_eq!(code, 74, "{line}: {err}");
        assert!(
            err.contains("error: failed to write to standard output"),
            "{line}: {err}"
        );
    }
    let full = std::fs::File::options().write(true).open("/dev/full");
    let (code, _, err) = run(orders().arg("--help").stdout(full.expect("a full device")));
    assert_eq!(code, 74, "{err}");
}

#[test]
fn a_service_that_is_not_there_is_named_with_what_to_do() {
    let (code, out, err) = run(orders().args(["get", "o-1", "--addr", "127.0.0.1:1"]));
    assert_eq!((code, out.as_str()), (69, ""));
    for word in ["http://127.0.0.1:1", "orders serve", "--addr"] {
        assert!(err.contains(word), "{word} is not in {err}");
    }
}
