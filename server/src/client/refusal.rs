//! A request that was not answered, told to people: the cause, and what to do next.

use std::fmt;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Refusals whose details are amounts, which the service counts in minor units.
const ABOUT_MONEY: [&str; 3] = ["AMOUNT_EXCEEDED", "PAYMENT_NOT_COVERED", "TOTAL_MISMATCH"];

/// A status other than OK, as an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Decides the exit code.
    pub(crate) code: Code,
    /// The error registry's word, `ORDER_ON_HOLD` for example; the code's where there is none.
    pub(crate) reason: String,
    /// What the service said.
    pub(crate) message: String,
    particulars: Vec<(String, String)>,
    next: String,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)?;
        for (name, what) in &self.particulars {
            write!(f, "\n  {name}: {what}")?;
        }
        write!(f, "\nnext: {}", self.next)
    }
}

/// A refused request as an error: reason, message, every detail, and a next step.
pub(crate) fn refused(status: &Status) -> anyhow::Error {
    Refusal::from(status).into()
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let reason = reason(status.code(), &details);
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            particulars: particulars(&reason, status.message(), &details),
            next: next_step(status.code(), &reason, &order_of(&details)),
            reason,
        }
    }
}

fn reason(code: Code, details: &ErrorDetails) -> String {
    details
        .error_info()
        .map_or_else(|| format!("{code:?}"), |info| info.reason.clone())
}

/// Every wrong field, unless it is one and the message tells it; where none is, what else the service told, by name.
fn particulars(reason: &str, message: &str, details: &ErrorDetails) -> Vec<(String, String)> {
    if let Some(wrong) = details.bad_request() {
        let told = wrong.field_violations.iter();
        let told: Vec<_> = told
            .map(|one| (one.field.clone(), one.description.clone()))
            .collect();
        // Of a single one the message says as much.
        let said = matches!(&told[..], [(field, rule)] if format!("{field} {rule}") == message);
        return if said { Vec::new() } else { told };
    }
    let unit = if ABOUT_MONEY.contains(&reason) {
        " (minor units)"
    } else {
        ""
    };
    let told = details.error_info().map(|info| &info.metadata);
    let told = told.into_iter().flatten();
    let mut told: Vec<_> = told
        .map(|(name, what)| (name.clone(), format!("{what}{unit}")))
        .collect();
    told.sort_unstable();
    told
}

/// The order that it is about, or a placeholder.
fn order_of(details: &ErrorDetails) -> String {
    let precondition = details
        .precondition_failure()
        .and_then(|failure| failure.violations.first())
        .map(|violation| &violation.subject);
    let resource = details.resource_info().map(|info| &info.resource_name);
    let id = precondition
        .or(resource)
        .and_then(|subject| subject.strip_prefix("orders/"))
        .and_then(|path| path.split('/').next())
        .filter(|id| !id.is_empty());
    id.unwrap_or("ORDER_ID").to_owned()
}

/// What a person would do now.
fn next_step(code: Code, reason: &str, order: &str) -> String {
    match (code, reason) {
        (_, "ORDER_NOT_FOUND") => {
            "check the id, or find the order with `orders list` or `orders lookup`".to_owned()
        }
        (_, "REQUEST_ID_REUSED") => {
            "give a new request a --request-id of its own, or repeat the earlier one exactly".to_owned()
        }
        (_, "ORDER_ON_HOLD") => format!("lift the hold with `orders release {order} HOLD_REASON`"),
        (_, "PAYMENT_NOT_COVERED") => {
            format!("record the payment with `orders pay {order}` or `orders authorize {order}`")
        }
        (_, "LAST_ITEMS") => format!("cancel the order with `orders cancel {order}`"),
        (_, "VERSION_MISMATCH") => {
            "read the order again with `orders get`, and decide again; do not just repeat".to_owned()
        }
        (Code::InvalidArgument, _) => {
            "correct that and repeat; the subcommand's --help tells forms and units".to_owned()
        }
        (Code::NotFound, _) => format!("`orders get {order}` shows the ids of its parts"),
        (Code::AlreadyExists, _) => format!(
            "`orders history {order}` shows whether this was done already; something new needs an id of its own"
        ),
        (Code::FailedPrecondition, _) => {
            format!("`orders get {order}` shows where the order stands; change that first")
        }
        (Code::OutOfRange, _) => "`orders history` lists the versions that there are".to_owned(),
        (Code::Aborted, _) => "repeat it, with the same --request-id".to_owned(),
        (Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled, _) => {
            "repeat it later, with the same --request-id; without one, look with `orders history` whether it was done"
                .to_owned()
        }
        (Code::Unimplemented, _) => {
            "name a node whose role serves this with --addr".to_owned()
        }
        (Code::Unauthenticated | Code::PermissionDenied, _) => {
            "ask whoever runs the service for access".to_owned()
        }
        (Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss, _) => {
            "report it to whoever runs the service; its log says why".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn told(code: Code, reason: &str, fill: impl FnOnce(&mut ErrorDetails)) -> String {
        let mut details = ErrorDetails::new();
        let metadata = [("available", "2"), ("line_id", "L1")];
        let metadata = metadata.map(|(k, v)| (k.to_owned(), v.to_owned()));
        details.set_error_info(reason, "orders.v1", HashMap::from(metadata));
        fill(&mut details);
        Refusal::from(&Status::with_error_details(code, "it cannot", details)).to_string()
    }

    #[test]
    fn a_refusal_says_reason_details_and_the_next_step_for_its_order() {
        let text = told(Code::FailedPrecondition, "QUANTITY_EXCEEDED", |details| {
            details.add_precondition_failure_violation("", "orders/o-1/lines/L1", "");
        });
        let expected = "QUANTITY_EXCEEDED: it cannot\n  available: 2\n  line_id: L1\n\
                        next: `orders get o-1` shows where the order stands; change that first";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_wrong_field_is_told() {
        let text = told(Code::InvalidArgument, "FIELD_INVALID", |details| {
            details.add_bad_request_violation("amount", "must be at least 1");
            details.add_bad_request_violation("method", "must be set");
        });
        for line in [
            "\n  amount: must be at least 1\n",
            "\n  method: must be set\n",
            "\nnext: ",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_status_without_details_is_told_by_its_code() {
        let text = Refusal::from(&Status::unavailable("the connection broke")).to_string();
        assert!(
            text.starts_with("Unavailable: the connection broke\nnext: repeat it later"),
            "{text}"
        );
    }
}
