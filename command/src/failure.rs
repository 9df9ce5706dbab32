//! Why a command was not executed, and how the caller is told.

use std::fmt::Display;
use std::time::Duration;

use event_store::{KeyError, ReadError};
use order::Rejection;
use proto::error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::parse::Refused;

/// When to try again after losing to other writers.
const AFTER_CONTENTION: Duration = Duration::from_millis(100);
/// When to try again after the log or the key store did not answer.
const AFTER_OUTAGE: Duration = Duration::from_secs(1);

/// Why a command was not executed. A cause is for our own logs; it never reaches the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request is not one.
    Malformed(Refused),
    /// The domain says no.
    Rejected(Rejection),
    /// The order is not at the version on which the caller decided.
    VersionMismatch { expected: u64, current: u64 },
    /// The request id belongs to another request.
    RequestIdReused { request_id: String },
    /// Other writers were faster, again and again.
    Contention,
    /// The stream holds what this version of the service cannot read.
    Unreadable { cause: String },
    /// The commit may be stored or not.
    OutcomeUnknown { cause: String },
    /// The log is out of reach; nothing was stored.
    LogUnavailable { cause: String },
    /// The log has no room; nothing was stored.
    LogFull { cause: String },
    /// The key store is out of reach.
    KeysUnavailable { cause: String },
    /// A defect.
    Internal { cause: String },
    /// The assigned id is another order's. Never leaves the handler.
    IdTaken,
}

impl Failure {
    pub(crate) fn internal(cause: impl Display) -> Self {
        Self::Internal {
            cause: cause.to_string(),
        }
    }

    pub(crate) fn unreadable(cause: String) -> Self {
        Self::Unreadable { cause }
    }

    pub(crate) fn log(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable { cause } => Self::LogUnavailable { cause },
            ReadError::Corrupt { position, cause } => {
                Self::unreadable(format!("the record at {position}: {cause}"))
            }
        }
    }

    pub(crate) fn keys(error: KeyError) -> Self {
        match error {
            KeyError::Unavailable { cause } => Self::KeysUnavailable { cause },
            KeyError::Full { cause } => Self::LogFull { cause },
            KeyError::NotOpened => Self::internal(error),
        }
    }

    /// The reason, as the error registry spells it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(Refused::FieldInvalid { .. }) => "FIELD_INVALID",
            Self::Malformed(Refused::CurrencyUnknown { .. }) => "CURRENCY_UNKNOWN",
            Self::Malformed(Refused::CurrencyMismatch { .. }) => "CURRENCY_MISMATCH",
            Self::Rejected(rejection) => error::reason(rejection),
            Self::VersionMismatch { .. } => "VERSION_MISMATCH",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::Contention => "CONTENTION",
            Self::Unreadable { .. } => "ORDER_UNREADABLE",
            Self::OutcomeUnknown { .. } => "OUTCOME_UNKNOWN",
            Self::LogUnavailable { .. } => "LOG_UNAVAILABLE",
            Self::LogFull { .. } => "LOG_FULL",
            Self::KeysUnavailable { .. } => "KEYS_UNAVAILABLE",
            Self::Internal { .. } | Self::IdTaken => "INTERNAL",
        }
    }

    /// What happened, for our own logs; empty where the reason says it all.
    pub(crate) fn cause(&self) -> &str {
        match self {
            Self::Unreadable { cause }
            | Self::OutcomeUnknown { cause }
            | Self::LogUnavailable { cause }
            | Self::LogFull { cause }
            | Self::KeysUnavailable { cause }
            | Self::Internal { cause } => cause,
            Self::Malformed(_)
            | Self::Rejected(_)
            | Self::VersionMismatch { .. }
            | Self::RequestIdReused { .. }
            | Self::Contention
            | Self::IdTaken => "",
        }
    }

    /// Whether the service failed, not the request.
    pub(crate) fn is_ours(&self) -> bool {
        !matches!(
            self,
            Self::Malformed(_)
                | Self::Rejected(_)
                | Self::VersionMismatch { .. }
                | Self::RequestIdReused { .. }
                | Self::Contention
        )
    }

    /// Whether every command fails like this one until log and keys are back.
    pub(crate) const fn is_outage(&self) -> bool {
        match self {
            Self::OutcomeUnknown { .. }
            | Self::LogUnavailable { .. }
            | Self::LogFull { .. }
            | Self::KeysUnavailable { .. } => true,
            Self::Malformed(_)
            | Self::Rejected(_)
            | Self::VersionMismatch { .. }
            | Self::RequestIdReused { .. }
            | Self::Contention
            | Self::Unreadable { .. }
            | Self::Internal { .. }
            | Self::IdTaken => false,
        }
    }

    /// What the caller is told; `order_id` as the request gave it.
    pub(crate) fn status(&self, order_id: &str) -> Status {
        match self {
            Self::Malformed(refused) => malformed(refused),
            Self::Rejected(rejection) => error::rejection(order_id, rejection),
            Self::VersionMismatch { expected, current } => self.tell(
                Code::Aborted,
                format!("the order is at version {current}, not {expected}; read it again and decide again"),
                [("expected_version", expected.to_string()), ("current_version", current.to_string())],
            ),
            Self::RequestIdReused { request_id } => self.tell(
                Code::InvalidArgument,
                "the request id belongs to an earlier request with other content",
                [("request_id", request_id.clone()), ("order_id", order_id.to_owned())],
            ),
            Self::Contention => self.tell(Code::Aborted, "other writers moved the order again and again", []),
            Self::Unreadable { .. } => self.tell(
                Code::Internal,
                "the order's history holds something that cannot be read; an operator must look",
                [],
            ),
            Self::OutcomeUnknown { .. } => self.tell(
                Code::Unavailable,
                "the log did not say whether the command is stored; send it again with the same request_id",
                [],
            ),
            Self::LogUnavailable { .. } => {
                self.tell(Code::Unavailable, "the log is out of reach; nothing was stored", [])
            }
            Self::LogFull { .. } => {
                self.tell(Code::ResourceExhausted, "the log is full; nothing was stored", [])
            }
            Self::KeysUnavailable { .. } => self.tell(
                Code::Unavailable,
                "the keys of personal data are out of reach; send the command again",
                [],
            ),
            Self::Internal { .. } | Self::IdTaken => self.tell(Code::Internal, "an internal error", []),
        }
    }

    fn tell<const N: usize>(
        &self,
        code: Code,
        message: impl Into<String>,
        metadata: [(&str, String); N],
    ) -> Status {
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason(), error::DOMAIN, metadata);
        if let Self::RequestIdReused { .. } = self {
            let rule = "must be new, or come with the content of the first time";
            details.add_bad_request_violation("context.request_id", rule);
        }
        if let Some(delay) = self.retry_delay() {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(code, message, details)
    }

    fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::Contention => Some(AFTER_CONTENTION),
            Self::OutcomeUnknown { .. }
            | Self::LogUnavailable { .. }
            | Self::LogFull { .. }
            | Self::KeysUnavailable { .. } => Some(AFTER_OUTAGE),
            Self::Malformed(_)
            | Self::Rejected(_)
            | Self::VersionMismatch { .. }
            | Self::RequestIdReused { .. }
            | Self::Unreadable { .. }
            | Self::Internal { .. }
            | Self::IdTaken => None,
        }
    }
}

fn malformed(refused: &Refused) -> Status {
    match refused {
        Refused::FieldInvalid { violations, beyond } => {
            error::invalid("FIELD_INVALID", violations, *beyond)
        }
        Refused::CurrencyUnknown {
            field,
            violations,
            beyond,
        } => {
            let message = format!("{field} is not a currency of ISO 4217");
            let metadata = [("field", field.clone())];
            error::malformed("CURRENCY_UNKNOWN", &message, metadata, violations, *beyond)
        }
        Refused::CurrencyMismatch {
            field,
            expected,
            actual,
            violations,
            beyond,
        } => {
            let message = format!("{field} is {actual}, but the order is in {expected}");
            let metadata = [
                ("field", field.clone()),
                ("expected", expected.to_string()),
                ("actual", actual.to_string()),
            ];
            error::malformed("CURRENCY_MISMATCH", &message, metadata, violations, *beyond)
        }
    }
}
