//! How a query fails.

use std::fmt::Display;
use std::time::Duration;

use event_store::ReadError;
use order::Violation;
use proto::error;
use tonic::{Code, Status};

/// When to try again what was out of reach.
const AFTER_OUTAGE: Duration = Duration::from_secs(1);

/// One wrong field.
pub(crate) fn field(field: &str, rule: &str) -> Status {
    invalid("FIELD_INVALID", field, rule)
}

/// One wrong field, under a reason of its own.
pub(crate) fn invalid(reason: &str, field: &str, rule: &str) -> Status {
    error::invalid(reason, &[violation(field, rule)], 0)
}

/// All wrong fields of a request; nothing when there are none.
pub(crate) fn fields(violations: &[Violation]) -> Result<(), Status> {
    if violations.is_empty() {
        return Ok(());
    }
    Err(error::invalid("FIELD_INVALID", violations, 0))
}

pub(crate) fn violation(field: &str, rule: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}

pub(crate) fn not_found(order_id: &str) -> Status {
    error::rejection(order_id, &order::Rejection::OrderNotFound)
}

/// A view that cannot be read.
pub(crate) fn view(cause: impl Display) -> Status {
    tracing::error!(%cause, "failed to read a view");
    error::status(
        Code::Internal,
        "INTERNAL",
        "the view cannot be read; an operator must look",
        [],
    )
}

/// A log that cannot be read.
pub(crate) fn log(cause: ReadError) -> Status {
    match cause {
        ReadError::Unavailable { .. } => error::retryable(
            Code::Unavailable,
            "LOG_UNAVAILABLE",
            "the log is out of reach; orders are still served in their newest state, without as_of",
            [],
            AFTER_OUTAGE,
        ),
        ReadError::Corrupt { .. } => unreadable(cause),
    }
}

/// An order whose history this version cannot read.
pub(crate) fn unreadable(cause: impl Display) -> Status {
    tracing::error!(%cause, "failed to read an order's history");
    let message = "the order's history holds something that cannot be read; an operator must look";
    error::status(Code::Internal, "ORDER_UNREADABLE", message, [])
}

pub(crate) fn keys(cause: impl Display) -> Status {
    tracing::warn!(%cause, "failed to reach the key store");
    error::retryable(
        Code::Unavailable,
        "KEYS_UNAVAILABLE",
        "the keys of personal data are out of reach; leave customer and shipping_address out of read_mask, or ask again",
        [],
        AFTER_OUTAGE,
    )
}
