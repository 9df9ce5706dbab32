//! The error registry: every refusal of the domain as a status with rich details.
//!
//! Each error has exactly one `ErrorInfo` (domain, reason, metadata), and whatever of `BadRequest`,
//! `PreconditionFailure`, `ResourceInfo` and `RetryInfo` helps the caller. Everything variable in a
//! message stands in the metadata, too.

use std::collections::HashMap;
use std::time::Duration;

use order::value::{Amount, HoldReason, OrderState};
use order::{Rejection, Violation};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::api::{hold_reason_name, order_state_name};

/// `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "orders.v1";

/// Most field violations that are listed; details travel in trailers, which clients cap at 16 KiB.
pub const MAX_VIOLATIONS: usize = 32;
/// Most bytes of field violations that are listed.
pub const MAX_VIOLATION_BYTES: usize = 4096;

/// An error with one reason and its metadata.
#[must_use]
pub fn status<const N: usize>(
    code: Code,
    reason: &str,
    message: &str,
    metadata: [(&str, String); N],
) -> Status {
    Status::with_error_details(code, message, details(reason, metadata))
}

/// An error that is worth another try after `delay`.
#[must_use]
pub fn retryable<const N: usize>(
    code: Code,
    reason: &str,
    message: &str,
    metadata: [(&str, String); N],
    delay: Duration,
) -> Status {
    let mut details = details(reason, metadata);
    details.set_retry_info(Some(delay));
    Status::with_error_details(code, message, details)
}

/// An error whose metadata is known only at run time; with a delay when another try is worth it.
#[must_use]
pub fn detailed(
    code: Code,
    reason: &str,
    message: &str,
    metadata: Vec<(&'static str, String)>,
    delay: Option<Duration>,
) -> Status {
    let metadata = metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value));
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, metadata.collect::<HashMap<_, _>>());
    if let Some(delay) = delay {
        details.set_retry_info(Some(delay));
    }
    Status::with_error_details(code, message, details)
}

/// `FIELD_INVALID` (or another reason of a wrong request) with all violations. The message and the
/// metadata tell the first one; `beyond` more were found and not kept.
#[must_use]
pub fn invalid(reason: &str, violations: &[Violation], beyond: usize) -> Status {
    let Some(first) = violations.first() else {
        return malformed(reason, "the request is invalid", [], violations, beyond);
    };
    let (field, rule) = (brief(&first.field), brief(&first.rule));
    let message = format!("{field} must be {rule}");
    let metadata = [("field", field.to_owned()), ("rule", rule.to_owned())];
    malformed(reason, &message, metadata, violations, beyond)
}

/// A wrong request: violations are listed up to a limit, the rest is counted.
#[must_use]
pub fn malformed<const N: usize>(
    reason: &str,
    message: &str,
    metadata: [(&str, String); N],
    violations: &[Violation],
    beyond: usize,
) -> Status {
    let mut details = details(reason, metadata);
    let mut bytes = 0;
    let mut listed = 0;
    for violation in violations.iter().take(MAX_VIOLATIONS) {
        bytes += violation.field.len() + violation.rule.len() + "must be ".len();
        if bytes > MAX_VIOLATION_BYTES {
            break;
        }
        listed += 1;
        details.add_bad_request_violation(&violation.field, format!("must be {}", violation.rule));
    }
    let beyond = beyond + violations.len() - listed;
    if beyond > 0 {
        details.add_bad_request_violation("", format!("and {beyond} more"));
    }
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The beginning of a text: a path may hold a key that the caller made up, of any length.
fn brief(text: &str) -> &str {
    const BYTES: usize = 256;
    let end = (0..=BYTES).rev().find(|at| text.is_char_boundary(*at));
    if text.len() <= BYTES {
        text
    } else {
        text.get(..end.unwrap_or(0)).unwrap_or_default()
    }
}

/// The registry's word for a rejection.
#[must_use]
pub const fn reason(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::FieldInvalid(_) => "FIELD_INVALID",
        Rejection::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
        Rejection::OrderNotFound => "ORDER_NOT_FOUND",
        Rejection::LineNotFound(_) => "LINE_NOT_FOUND",
        Rejection::PaymentNotFound(_) => "PAYMENT_NOT_FOUND",
        Rejection::ShipmentNotFound(_) => "SHIPMENT_NOT_FOUND",
        Rejection::ReturnNotFound(_) => "RETURN_NOT_FOUND",
        Rejection::OrderExists => "ORDER_EXISTS",
        Rejection::LineExists(_) => "LINE_EXISTS",
        Rejection::PaymentExists(_) => "PAYMENT_EXISTS",
        Rejection::PspReferenceSeen(_) => "PSP_REFERENCE_SEEN",
        Rejection::ShipmentExists(_) => "SHIPMENT_EXISTS",
        Rejection::ReturnExists(_) => "RETURN_EXISTS",
        Rejection::OrderStateInvalid { .. } => "ORDER_STATE_INVALID",
        Rejection::OrderEmpty => "ORDER_EMPTY",
        Rejection::TotalMismatch { .. } => "TOTAL_MISMATCH",
        Rejection::QuantityExceeded { .. } => "QUANTITY_EXCEEDED",
        Rejection::AmountExceeded { .. } => "AMOUNT_EXCEEDED",
        Rejection::PaymentClosed(_) => "PAYMENT_CLOSED",
        Rejection::PaymentNotCovered { .. } => "PAYMENT_NOT_COVERED",
        Rejection::PaymentNotOverdue { .. } => "PAYMENT_NOT_OVERDUE",
        Rejection::OrderOnHold { .. } => "ORDER_ON_HOLD",
        Rejection::HoldNotFound(_) => "HOLD_NOT_FOUND",
        Rejection::ShipmentClosed(_) => "SHIPMENT_CLOSED",
        Rejection::ReturnClosed(_) => "RETURN_CLOSED",
        Rejection::OrderShipped => "ORDER_SHIPPED",
        Rejection::LastItems => "LAST_ITEMS",
        Rejection::PersonalDataInUse { .. } => "PERSONAL_DATA_IN_USE",
        Rejection::LimitExceeded { .. } => "LIMIT_EXCEEDED",
    }
}

/// A rejection as a status; `order_id` as the request gave it.
#[must_use]
pub fn rejection(order_id: &str, rejection: &Rejection) -> Status {
    let told = Told::of(rejection);
    if let Rejection::FieldInvalid(violations) = rejection {
        return invalid(told.reason, violations, 0);
    }
    let subject = match &told.part {
        Some(part) => format!("orders/{order_id}/{part}"),
        None => format!("orders/{order_id}"),
    };
    let metadata: HashMap<String, String> = told
        .metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(told.reason, DOMAIN, metadata);
    match told.code {
        Code::NotFound | Code::AlreadyExists => {
            details.set_resource_info(told.kind, subject, "", &told.message);
        }
        Code::InvalidArgument => {
            let field = told.field.unwrap_or_default();
            details.add_bad_request_violation(field, &told.message);
        }
        _precondition => {
            details.add_precondition_failure_violation(told.reason, subject, &told.message);
        }
    }
    Status::with_error_details(told.code, told.message, details)
}

fn details<const N: usize>(reason: &str, metadata: [(&str, String); N]) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    details.set_error_info(
        reason,
        DOMAIN,
        metadata.map(|(key, value)| (key.to_owned(), value)),
    );
    details
}

/// What a caller is told of a rejection.
struct Told {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: Vec<(&'static str, String)>,
    /// Path of the part inside the order: `lines/L1`.
    part: Option<String>,
    /// Type of the resource that is missing or there already.
    kind: &'static str,
    field: Option<String>,
}

impl Told {
    fn new(code: Code, rejection: &Rejection, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason(rejection),
            message: message.into(),
            metadata: Vec::new(),
            part: None,
            kind: "order",
            field: None,
        }
    }

    fn with(mut self, key: &'static str, value: impl std::fmt::Display) -> Self {
        self.metadata.push((key, format!("{value}")));
        self
    }

    /// About one part of the order: `kind` is `line`, `payment`, …
    fn part(mut self, kind: &'static str, id: &impl std::fmt::Display) -> Self {
        self.kind = kind;
        self.part = Some(format!("{kind}s/{id}"));
        let key = match kind {
            "line" => "line_id",
            "payment" => "payment_id",
            "shipment" => "shipment_id",
            "return" => "return_id",
            _other => "id",
        };
        self.with(key, id)
    }

    fn of(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::FieldInvalid(_) => Self::new(
                Code::InvalidArgument,
                rejection,
                "fields of the request are invalid",
            ),
            Rejection::CurrencyMismatch {
                field,
                expected,
                actual,
            } => {
                let message = format!("{field} is in {actual}, the order is in {expected}");
                let told = Self::new(Code::InvalidArgument, rejection, message);
                let field = field.clone();
                Self {
                    field: Some(field.clone()),
                    ..told.with("field", field)
                }
                .with("expected", expected)
                .with("actual", actual)
            }
            Rejection::OrderNotFound
            | Rejection::LineNotFound(_)
            | Rejection::PaymentNotFound(_)
            | Rejection::ShipmentNotFound(_)
            | Rejection::ReturnNotFound(_) => Self::missing(rejection),
            Rejection::OrderExists
            | Rejection::LineExists(_)
            | Rejection::PaymentExists(_)
            | Rejection::PspReferenceSeen(_)
            | Rejection::ShipmentExists(_)
            | Rejection::ReturnExists(_) => Self::present(rejection),
            precondition => Self::precondition(precondition),
        }
    }

    fn missing(rejection: &Rejection) -> Self {
        let new = |message: &str| Self::new(Code::NotFound, rejection, message);
        match rejection {
            Rejection::LineNotFound(id) => new("the order has no such line").part("line", id),
            Rejection::PaymentNotFound(id) => {
                new("the order has no such payment").part("payment", id)
            }
            Rejection::ShipmentNotFound(id) => {
                new("the order has no such shipment").part("shipment", id)
            }
            Rejection::ReturnNotFound(id) => new("the order has no such return").part("return", id),
            _order => new("there is no such order"),
        }
    }

    fn present(rejection: &Rejection) -> Self {
        let new = |message: &str| Self::new(Code::AlreadyExists, rejection, message);
        match rejection {
            Rejection::LineExists(id) => new("the order has a line of this id").part("line", id),
            Rejection::PaymentExists(id) => {
                new("the order has a payment of this id").part("payment", id)
            }
            Rejection::ShipmentExists(id) => {
                new("the order has a shipment of this id").part("shipment", id)
            }
            Rejection::ReturnExists(id) => {
                new("the order has a return of this id").part("return", id)
            }
            Rejection::PspReferenceSeen(reference) => {
                new("this transaction of the provider was recorded already")
                    .with("psp_reference", reference)
            }
            _order => new("an order of this id was created by another request"),
        }
    }

    fn precondition(rejection: &Rejection) -> Self {
        let new = |message: &str| Self::new(Code::FailedPrecondition, rejection, message);
        match rejection {
            Rejection::OrderStateInvalid { state, allowed } => {
                Self::state(rejection, *state, allowed)
            }
            Rejection::OrderEmpty => {
                new("an order without lines cannot be placed; add a line first")
            }
            Rejection::TotalMismatch { expected, actual } => {
                new("the order does not cost what was expected; show the new total and ask again")
                    .with("expected", expected)
                    .with("actual", actual)
            }
            Rejection::QuantityExceeded {
                line_id,
                requested,
                available,
            } => new("the line has fewer units for that")
                .part("line", line_id)
                .with("requested", requested)
                .with("available", available),
            Rejection::AmountExceeded {
                requested,
                available,
            } => Self::amounts(new("there is less money for that"), *requested, *available),
            Rejection::PaymentClosed(id) => {
                new("nothing of the authorisation is open").part("payment", id)
            }
            Rejection::PaymentNotCovered { covered, required } => {
                new("prepaid goods are not covered; authorise or capture the rest first")
                    .with("covered", covered)
                    .with("required", required)
            }
            Rejection::PaymentNotOverdue { due_time } => new("the payment is not overdue").with(
                "due_time",
                due_time
                    .map(crate::api::timestamp)
                    .map_or_else(String::new, |t| t.to_string()),
            ),
            Rejection::OrderOnHold { holds } => Self::holds(rejection, holds),
            Rejection::HoldNotFound(reason) => {
                new("the order has no such hold").with("hold_reason", hold_reason_name(*reason))
            }
            Rejection::ShipmentClosed(id) => new("the shipment has ended").part("shipment", id),
            Rejection::ReturnClosed(id) => new("the return has ended").part("return", id),
            Rejection::OrderShipped => {
                new("something has been shipped; cancel the items that were not")
            }
            Rejection::LastItems => new("no live unit would remain; cancel the order instead"),
            Rejection::PersonalDataInUse { cause } => {
                new("personal data is still needed; erase it later").with("cause", cause)
            }
            Rejection::LimitExceeded { what, limit } => Self::new(
                Code::FailedPrecondition,
                rejection,
                format!("at most {limit} {what}"),
            )
            .with("what", what)
            .with("limit", limit),
            _told_elsewhere => new("the order does not allow that"),
        }
    }

    fn state(rejection: &Rejection, state: OrderState, allowed: &[OrderState]) -> Self {
        let allowed: Vec<_> = allowed
            .iter()
            .map(|state| order_state_name(*state))
            .collect();
        let (state, allowed) = (order_state_name(state), allowed.join(", "));
        let message = format!("the order is {state}; the command needs {allowed}");
        Self::new(Code::FailedPrecondition, rejection, message)
            .with("state", state)
            .with("allowed", allowed)
    }

    fn holds(rejection: &Rejection, holds: &[HoldReason]) -> Self {
        let holds: Vec<_> = holds
            .iter()
            .map(|reason| hold_reason_name(*reason))
            .collect();
        let message = "the order is on hold; release it first";
        Self::new(Code::FailedPrecondition, rejection, message).with("holds", holds.join(", "))
    }

    fn amounts(told: Self, requested: Amount, available: Amount) -> Self {
        told.with("requested", requested)
            .with("available", available)
    }
}
