//! A refused request for people: the cause, the details, and what to do next.

use std::error::Error as _;
use std::fmt;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::exit;

/// Refusals whose details are amounts, which the service counts in minor units.
const ABOUT_MONEY: [&str; 3] = ["AMOUNT_EXCEEDED", "PAYMENT_NOT_COVERED", "TOTAL_MISMATCH"];

/// A status other than OK, as an error.
#[derive(Debug)]
pub struct Refusal {
    pub(crate) code: Code,
    /// The reason in the error registry, such as `ORDER_ON_HOLD`; else the name of the code.
    pub(crate) reason: String,
    /// What the service said.
    pub(crate) message: String,
    /// Wrong fields, each with its rule.
    wrong: Vec<(String, String)>,
    /// What else the service says, by name.
    details: Vec<(String, String)>,
    next: String,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)?;
        // The message says as much of a single wrong field.
        let said = |name: &str, rule: &str| self.message == format!("{name} {rule}");
        let wrong: &[_] = match &self.wrong[..] {
            [(name, rule)] if said(name, rule) => &[],
            wrong => wrong,
        };
        for (name, what) in wrong.iter().chain(&self.details) {
            write!(f, "\n  {name}: {what}")?;
        }
        write!(f, "\nnext: {}", self.next)
    }
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        if let Some(cause) = broken_connection(status) {
            let message = format!("the connection to the service broke: {cause}");
            return Self::from(&Status::unavailable(message));
        }
        let details = status.get_error_details();
        let reason = reason(status.code(), &details);
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            wrong: wrong(&details),
            details: metadata(&reason, &details),
            next: next_step(status.code(), &reason, &order_of(&details)),
            reason,
        }
    }
}

impl Refusal {
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.code {
            Code::Unavailable => exit::UNAVAILABLE,
            Code::Internal | Code::Unknown | Code::DataLoss => exit::DEFECT,
            Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => exit::TEMPORARY,
            Code::Aborted if ["CONTENTION", "REBUILD_GIVEN_UP"].contains(&&*self.reason) => {
                exit::TEMPORARY
            }
            Code::Ok
            | Code::Aborted
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::InvalidArgument
            | Code::NotFound
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented => exit::REFUSED,
        }
    }

    /// Calls every wrong field by another name, where there is one.
    #[must_use]
    pub(crate) fn name(mut self, name: impl Fn(&str) -> Option<String>) -> Self {
        for (field, rule) in &mut self.wrong {
            let Some(name) = name(field) else { continue };
            if self.message == format!("{field} {rule}") {
                self.message = format!("{name} {rule}");
            }
            *field = name;
        }
        self
    }
}

/// Why the connection broke before there was an answer. Only the transport's own statuses have a
/// source; the service's have details.
fn broken_connection(status: &Status) -> Option<String> {
    let own = matches!(
        status.code(),
        Code::Unknown | Code::Internal | Code::Cancelled
    );
    let mut cause = status.source().filter(|_| own)?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Some(cause.to_string())
}

fn reason(code: Code, details: &ErrorDetails) -> String {
    details
        .error_info()
        .map_or_else(|| format!("{code:?}"), |info| info.reason.clone())
}

/// Every wrong field, with its rule.
fn wrong(details: &ErrorDetails) -> Vec<(String, String)> {
    let violations = details
        .bad_request()
        .map(|request| &request.field_violations);
    let violations = violations.into_iter().flatten();
    violations
        .map(|one| (one.field.clone(), one.description.clone()))
        .collect()
}

/// What else the service says, by name; nothing beside wrong fields, which say it all.
fn metadata(reason: &str, details: &ErrorDetails) -> Vec<(String, String)> {
    if details.bad_request().is_some() {
        return Vec::new();
    }
    let unit = if ABOUT_MONEY.contains(&reason) {
        " (minor units)"
    } else {
        ""
    };
    let metadata = details.error_info().map(|info| &info.metadata);
    let mut metadata: Vec<_> = metadata
        .into_iter()
        .flatten()
        .map(|(name, what)| (name.clone(), format!("{what}{unit}")))
        .collect();
    metadata.sort_unstable();
    metadata
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
            "give the new request another --request-id, or repeat the first request exactly"
                .to_owned()
        }
        (_, "ORDER_ON_HOLD") => format!("lift the hold with `orders release {order} HOLD_REASON`"),
        (_, "PAYMENT_NOT_COVERED") => {
            format!("record the payment with `orders pay {order}` or `orders authorize {order}`")
        }
        (_, "READ_MODEL_BUSY") => {
            "follow the work with `orders read-model show`, or give it up with `orders read-model \
             cancel`"
                .to_owned()
        }
        (_, "READ_MODEL_BUILDING" | "READ_MODEL_BEHIND" | "READ_MODEL_UNAVAILABLE") => {
            "`orders read-model show` shows how far the read model is; repeat the query then"
                .to_owned()
        }
        (_, "REBUILD_GIVEN_UP") => "begin it again once the cause is gone".to_owned(),
        (_, "LAST_ITEMS") => format!("cancel the order with `orders cancel {order}`"),
        (_, "VERSION_MISMATCH") => {
            "read the order again with `orders get` and decide again; the order has changed"
                .to_owned()
        }
        (Code::InvalidArgument, _) => {
            "correct this and repeat; --help of the subcommand explains forms and units".to_owned()
        }
        (Code::NotFound, _) => format!("`orders get {order}` shows the ids of its parts"),
        (Code::AlreadyExists, _) => format!(
            "`orders history {order}` shows whether this was done before; give a new thing a new id"
        ),
        (Code::FailedPrecondition, _) => {
            format!("`orders get {order}` shows the state of the order; change that first")
        }
        (Code::OutOfRange, _) => "`orders history` lists the versions that exist".to_owned(),
        (Code::Aborted, _) => "repeat the command with the same --request-id".to_owned(),
        (
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled,
            _,
        ) => {
            "repeat the command later with the same --request-id; if it had none, `orders history` \
             shows whether it was done"
                .to_owned()
        }
        (Code::Unimplemented, _) => "give with --addr a node whose role serves this".to_owned(),
        (Code::Unauthenticated | Code::PermissionDenied, _) => {
            "ask the operator of the service for access".to_owned()
        }
        (Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss, _) => {
            "report this to the operator of the service; its log has the cause".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn shown(code: Code, reason: &str, fill: impl FnOnce(&mut ErrorDetails)) -> String {
        let mut details = ErrorDetails::new();
        let metadata = [("available", "2"), ("line_id", "L1")];
        let metadata = metadata.map(|(k, v)| (k.to_owned(), v.to_owned()));
        details.set_error_info(reason, "orders.v1", HashMap::from(metadata));
        fill(&mut details);
        Refusal::from(&Status::with_error_details(code, "it cannot", details)).to_string()
    }

    #[test]
    fn a_refusal_says_reason_details_and_the_next_step_for_its_order() {
        let text = shown(Code::FailedPrecondition, "QUANTITY_EXCEEDED", |details| {
            details.add_precondition_failure_violation("", "orders/o-1/lines/L1", "");
        });
        let expected = "QUANTITY_EXCEEDED: it cannot\n  available: 2\n  line_id: L1\n\
                        next: `orders get o-1` shows the state of the order; change that first";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let text = shown(Code::InvalidArgument, "FIELD_INVALID", |details| {
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
    fn a_wrong_field_is_called_by_its_flag() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("items[0].quantity", "must be at least 1");
        let message = "items[0].quantity must be at least 1";
        let status = Status::with_error_details(Code::InvalidArgument, message, details);
        let refusal = Refusal::from(&status).name(|field| Some(field.replace("items", "--item")));
        let text = refusal.to_string();
        let first = text.lines().next();
        let expected = "InvalidArgument: --item[0].quantity must be at least 1";
        assert_eq!(first, Some(expected), "{text}");
        assert!(!text.contains("items"), "{text}");
    }

    #[test]
    fn a_status_without_details_is_named_by_its_code() {
        let text = Refusal::from(&Status::unavailable("the connection broke")).to_string();
        assert!(
            text.starts_with("Unavailable: the connection broke\nnext: repeat the command later"),
            "{text}"
        );
    }
}
