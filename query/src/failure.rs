//! Why a query was not answered, and how the caller is told.

mod told;

use std::fmt::Display;

use event_store::{KeyError, ReadError};
use order::{Rejection, Violation};
use proto::error;
use read_model::NoView;
use tonic::Status;

/// Why a query was not answered. A cause is for our own logs; it never reaches the caller.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong fields, under one reason.
    Invalid {
        reason: &'static str,
        violations: Vec<Violation>,
    },
    OrderNotFound {
        order_id: String,
    },
    /// The order has fewer versions than were asked for.
    VersionAhead {
        current: u64,
    },
    /// A sum that the reply's field cannot hold.
    TooLarge {
        what: String,
    },
    /// The read model did not reach the token in time.
    Behind {
        position: String,
    },
    /// There is no read model to answer from: it is being built, or verified.
    Building(NoView),
    /// The read model holds what makes no sense; its writer was told.
    Damaged {
        cause: String,
    },
    /// The log is out of reach.
    LogUnavailable {
        cause: String,
    },
    /// The order's history holds what this version cannot read, or does not fit together.
    Unreadable {
        cause: String,
    },
    /// The key store is out of reach.
    KeysUnavailable {
        cause: String,
    },
    /// A defect.
    Internal {
        cause: String,
    },
    /// A watch was refused or ended.
    Watch(WatchEnd),
}

/// Why a watch was refused or ended.
#[derive(Debug)]
pub(crate) enum WatchEnd {
    TooMany {
        limit: usize,
    },
    /// The log does not hold any more what the watch goes on after.
    TokenExpired {
        cause: String,
    },
    /// The reader took nothing for too long.
    Lagged,
    /// The process stops.
    ShuttingDown,
}

impl Failure {
    /// One wrong field.
    pub(crate) fn field(field: &str, rule: &str) -> Self {
        Self::invalid("FIELD_INVALID", field, rule)
    }

    /// One wrong field, under a reason of its own.
    pub(crate) fn invalid(reason: &'static str, field: &str, rule: &str) -> Self {
        Self::Invalid {
            reason,
            violations: vec![violation(field, rule)],
        }
    }

    /// All wrong fields of a request; nothing when there are none.
    pub(crate) fn fields(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() {
            return Ok(());
        }
        Err(Self::Invalid {
            reason: "FIELD_INVALID",
            violations,
        })
    }

    pub(crate) fn not_found(order_id: &str) -> Self {
        Self::OrderNotFound {
            order_id: order_id.to_owned(),
        }
    }

    pub(crate) fn unreadable(cause: impl Display) -> Self {
        Self::Unreadable {
            cause: cause.to_string(),
        }
    }

    pub(crate) fn internal(cause: impl Display) -> Self {
        Self::Internal {
            cause: cause.to_string(),
        }
    }

    /// What happened, for our own logs; empty where the service did not fail.
    fn cause(&self) -> String {
        match self {
            Self::LogUnavailable { cause }
            | Self::Unreadable { cause }
            | Self::KeysUnavailable { cause }
            | Self::Damaged { cause }
            | Self::Watch(WatchEnd::TokenExpired { cause })
            | Self::Internal { cause } => cause.clone(),
            Self::Invalid { .. }
            | Self::OrderNotFound { .. }
            | Self::VersionAhead { .. }
            | Self::TooLarge { .. }
            | Self::Behind { .. }
            | Self::Building(_)
            | Self::Watch(WatchEnd::TooMany { .. } | WatchEnd::Lagged | WatchEnd::ShuttingDown) => {
                String::new()
            }
        }
    }

    /// Leaves a line in our own log when the service failed, not the request.
    pub(crate) fn log(&self, correlation_id: &str) {
        let cause = self.cause();
        if !cause.is_empty() {
            tracing::warn!(correlation_id, cause, "failed to answer a query");
        }
    }

    /// What the caller is told; a watch names where to go on.
    pub(crate) fn status(&self, resume_token: &str) -> Status {
        let told = match self {
            Self::Invalid { reason, violations } => return error::invalid(reason, violations, 0),
            Self::OrderNotFound { order_id } => {
                return error::rejection(order_id, &Rejection::OrderNotFound);
            }
            Self::VersionAhead { current } => told::version_ahead(*current),
            Self::TooLarge { what } => told::too_large(what),
            Self::Behind { position } => told::behind(position),
            Self::Building(progress) => told::building(progress),
            Self::Damaged { .. } => told::damaged(),
            Self::LogUnavailable { .. } => told::log_unavailable(),
            Self::Unreadable { .. } => told::unreadable(),
            Self::KeysUnavailable { .. } => told::keys_unavailable(),
            Self::Internal { .. } => told::internal(),
            Self::Watch(end) => told::watch(end),
        };
        told.going_on_after(resume_token).status()
    }
}

pub(crate) fn violation(field: &str, rule: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}

impl From<read_model::Error> for Failure {
    fn from(error: read_model::Error) -> Self {
        Self::Damaged {
            cause: error.to_string(),
        }
    }
}

impl From<NoView> for Failure {
    fn from(progress: NoView) -> Self {
        Self::Building(progress)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable { cause } => Self::LogUnavailable { cause },
            ReadError::Corrupt { .. } => Self::unreadable(error),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unavailable { cause } | KeyError::Full { cause } => {
                Self::KeysUnavailable { cause }
            }
            KeyError::NotOpened => Self::internal(error),
        }
    }
}
