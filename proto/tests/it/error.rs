//! Every rejection has its code, its reason and its details.

use order::value::{
    Currency, HoldReason, LineId, OrderState, PaymentId, PspReference, ReturnId, ShipmentId,
    Timestamp,
};
use order::{Rejection, Violation};
use proto::error;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::sample::amount;

fn violation(field: &str, rule: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}

fn line() -> LineId {
    LineId::new("L1").expect("an id")
}

fn payment() -> PaymentId {
    PaymentId::new("P1").expect("an id")
}

fn shipment() -> ShipmentId {
    ShipmentId::new("S1").expect("an id")
}

fn returned() -> ReturnId {
    ReturnId::new("R1").expect("an id")
}

/// Every rejection, its code, its reason, the keys of its metadata and the part it is about.
type Row = (
    Rejection,
    Code,
    &'static str,
    &'static [&'static str],
    &'static str,
);

fn requests() -> Vec<Row> {
    let currency = |code| Currency::new(code).expect("a currency");
    let mismatch = Rejection::CurrencyMismatch {
        field: "amount".to_owned(),
        expected: currency("GBP"),
        actual: currency("EUR"),
    };
    let field = Rejection::FieldInvalid(vec![violation("sku", "short")]);
    vec![
        (
            field,
            Code::InvalidArgument,
            "FIELD_INVALID",
            &["field", "rule"],
            "",
        ),
        (
            mismatch,
            Code::InvalidArgument,
            "CURRENCY_MISMATCH",
            &["actual", "expected", "field"],
            "",
        ),
    ]
}

fn missing() -> Vec<Row> {
    vec![
        (
            Rejection::OrderNotFound,
            Code::NotFound,
            "ORDER_NOT_FOUND",
            &[],
            "",
        ),
        (
            Rejection::LineNotFound(line()),
            Code::NotFound,
            "LINE_NOT_FOUND",
            &["line_id"],
            "/lines/L1",
        ),
        (
            Rejection::PaymentNotFound(payment()),
            Code::NotFound,
            "PAYMENT_NOT_FOUND",
            &["payment_id"],
            "/payments/P1",
        ),
        (
            Rejection::ShipmentNotFound(shipment()),
            Code::NotFound,
            "SHIPMENT_NOT_FOUND",
            &["shipment_id"],
            "/shipments/S1",
        ),
        (
            Rejection::ReturnNotFound(returned()),
            Code::NotFound,
            "RETURN_NOT_FOUND",
            &["return_id"],
            "/returns/R1",
        ),
    ]
}

fn present() -> Vec<Row> {
    let seen = PspReference::new("auth-1").expect("a reference");
    vec![
        (
            Rejection::OrderExists,
            Code::AlreadyExists,
            "ORDER_EXISTS",
            &[],
            "",
        ),
        (
            Rejection::LineExists(line()),
            Code::AlreadyExists,
            "LINE_EXISTS",
            &["line_id"],
            "/lines/L1",
        ),
        (
            Rejection::PaymentExists(payment()),
            Code::AlreadyExists,
            "PAYMENT_EXISTS",
            &["payment_id"],
            "/payments/P1",
        ),
        (
            Rejection::PspReferenceSeen(seen),
            Code::AlreadyExists,
            "PSP_REFERENCE_SEEN",
            &["psp_reference"],
            "",
        ),
        (
            Rejection::ShipmentExists(shipment()),
            Code::AlreadyExists,
            "SHIPMENT_EXISTS",
            &["shipment_id"],
            "/shipments/S1",
        ),
        (
            Rejection::ReturnExists(returned()),
            Code::AlreadyExists,
            "RETURN_EXISTS",
            &["return_id"],
            "/returns/R1",
        ),
    ]
}

type Precondition = (
    Rejection,
    &'static str,
    &'static [&'static str],
    &'static str,
);

fn amounts() -> Vec<Precondition> {
    let (more, less) = (amount(9), amount(7));
    vec![
        (
            Rejection::OrderStateInvalid {
                state: OrderState::Draft,
                allowed: &[OrderState::Placed, OrderState::Completed],
            },
            "ORDER_STATE_INVALID",
            &["allowed", "state"],
            "",
        ),
        (Rejection::OrderEmpty, "ORDER_EMPTY", &[], ""),
        (
            Rejection::TotalMismatch {
                expected: more,
                actual: less,
            },
            "TOTAL_MISMATCH",
            &["actual", "expected"],
            "",
        ),
        (
            Rejection::QuantityExceeded {
                line_id: line(),
                requested: 9,
                available: 7,
            },
            "QUANTITY_EXCEEDED",
            &["available", "line_id", "requested"],
            "/lines/L1",
        ),
        (
            Rejection::AmountExceeded {
                requested: more,
                available: less,
            },
            "AMOUNT_EXCEEDED",
            &["available", "requested"],
            "",
        ),
        (
            Rejection::PaymentClosed(payment()),
            "PAYMENT_CLOSED",
            &["payment_id"],
            "/payments/P1",
        ),
        (
            Rejection::PaymentNotCovered {
                covered: less,
                required: more,
            },
            "PAYMENT_NOT_COVERED",
            &["covered", "required"],
            "",
        ),
    ]
}

fn stages() -> Vec<Precondition> {
    vec![
        (
            Rejection::PaymentNotOverdue {
                due_time: Some(Timestamp::EPOCH),
            },
            "PAYMENT_NOT_OVERDUE",
            &["due_time"],
            "",
        ),
        (
            Rejection::OrderOnHold {
                holds: vec![HoldReason::Other],
            },
            "ORDER_ON_HOLD",
            &["holds"],
            "",
        ),
        (
            Rejection::HoldNotFound(HoldReason::Other),
            "HOLD_NOT_FOUND",
            &["hold_reason"],
            "",
        ),
        (
            Rejection::ShipmentClosed(shipment()),
            "SHIPMENT_CLOSED",
            &["shipment_id"],
            "/shipments/S1",
        ),
        (
            Rejection::ReturnClosed(returned()),
            "RETURN_CLOSED",
            &["return_id"],
            "/returns/R1",
        ),
        (Rejection::OrderShipped, "ORDER_SHIPPED", &[], ""),
        (Rejection::LastItems, "LAST_ITEMS", &[], ""),
        (
            Rejection::PersonalDataInUse {
                cause: "the balance is not 0",
            },
            "PERSONAL_DATA_IN_USE",
            &["cause"],
            "",
        ),
        (
            Rejection::LimitExceeded {
                what: "lines",
                limit: 2_000,
            },
            "LIMIT_EXCEEDED",
            &["limit", "what"],
            "",
        ),
    ]
}

fn preconditions() -> Vec<Row> {
    let code = Code::FailedPrecondition;
    let row = |(rejection, reason, keys, part)| (rejection, code, reason, keys, part);
    [amounts(), stages()]
        .concat()
        .into_iter()
        .map(row)
        .collect()
}

fn rows() -> Vec<Row> {
    [requests(), missing(), present(), preconditions()].concat()
}

#[test]
fn every_rejection_has_its_code_reason_metadata_and_subject() {
    for (rejection, code, reason, keys, part) in rows() {
        let status = error::rejection("536365", &rejection);
        assert_eq!(status.code(), code, "{reason}");
        let details = status.get_error_details();
        let info = details.error_info().expect("one ErrorInfo");
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            (reason, "orders.v1")
        );
        let mut found: Vec<_> = info.metadata.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, keys, "{reason}");
        let subject = format!("orders/536365{part}");
        match code {
            Code::InvalidArgument => assert!(details.bad_request().is_some(), "{reason}"),
            Code::FailedPrecondition => {
                let failure = details
                    .precondition_failure()
                    .expect("a PreconditionFailure");
                let violation = &failure.violations[0];
                assert_eq!(
                    (violation.r#type.as_str(), &violation.subject),
                    (reason, &subject)
                );
            }
            _resource => {
                let resource = details.resource_info().expect("a ResourceInfo");
                assert_eq!(resource.resource_name, subject);
            }
        }
    }
}

#[test]
fn every_reason_is_a_word_of_the_registry() {
    for (rejection, _, reason, _, _) in rows() {
        assert_eq!(error::reason(&rejection), reason);
        let word = reason
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        assert!(word && (3..=63).contains(&reason.len()), "{reason}");
        assert!(reason.starts_with(|c: char| c.is_ascii_uppercase()) && !reason.ends_with('_'));
    }
}

#[test]
fn a_message_varies_in_nothing_that_the_metadata_lacks() {
    for (rejection, _, reason, _, _) in rows() {
        let status = error::rejection("536365", &rejection);
        let details = status.get_error_details();
        let info = details.error_info().expect("one ErrorInfo");
        let mut message = status.message().to_owned();
        for value in info.metadata.values().filter(|value| !value.is_empty()) {
            message = message.replace(value.as_str(), "");
        }
        let variable = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
        assert!(!message.contains(variable), "{reason}: {message}");
    }
}

#[test]
fn violations_are_listed_up_to_a_limit_and_then_counted() {
    let many: Vec<_> = (0..100)
        .map(|n| violation(&format!("lines[{n}].sku"), "short"))
        .collect();
    let listed = |violations: &[Violation]| {
        let status = error::invalid("FIELD_INVALID", violations, 0);
        let details = status.get_error_details();
        details
            .bad_request()
            .expect("a BadRequest")
            .field_violations
            .clone()
    };
    let found = listed(&many);
    assert_eq!(found.len(), error::MAX_VIOLATIONS + 1);
    assert_eq!(found[0].field, "lines[0].sku");
    assert_eq!(found[error::MAX_VIOLATIONS].description, "and 68 more");
    let long: Vec<_> = (0..9)
        .map(|_| violation(&"f".repeat(1_000), "short"))
        .collect();
    let found = listed(&long);
    let bytes: usize = found
        .iter()
        .map(|v| v.field.len() + v.description.len())
        .sum();
    assert!(bytes <= error::MAX_VIOLATION_BYTES + 20, "{bytes}");
    assert_eq!(found.last().expect("a count").description, "and 5 more");
}

#[test]
fn a_status_fits_into_trailers_however_long_its_fields_are() {
    let long: Vec<_> = (0..99)
        .map(|_| violation(&"f".repeat(9_000), "short"))
        .collect();
    let status = error::invalid("FIELD_INVALID", &long, 0);
    assert!(status.details().len() + status.message().len() < 8_192);
}

#[test]
fn a_retryable_error_says_when() {
    let delay = std::time::Duration::from_millis(250);
    let status = error::retryable(
        Code::Unavailable,
        "LOG_UNAVAILABLE",
        "the log is away",
        [],
        delay,
    );
    let details = status.get_error_details();
    let retry = details.retry_info().expect("a RetryInfo");
    assert_eq!(retry.retry_delay, Some(delay));
    let info = details.error_info().expect("one ErrorInfo");
    assert_eq!(info.reason, "LOG_UNAVAILABLE");
}
