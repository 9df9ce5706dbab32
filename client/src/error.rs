//! Why a subcommand failed: a message with a next step, and a documented exit code.

use std::error::Error as _;
use std::io;

use tonic::Status;

use crate::exit;
use crate::refusal::Refusal;

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line can be parsed, but it makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The service answered with a status other than OK.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No service answers at the address.
    #[error(
        "failed to reach the service at {url}: {cause}\n\
         next: start one with `orders serve`, or give another address with --addr"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What the transport says.
        cause: String,
    },
    /// A file or a stream cannot be read or written.
    #[error("failed to {action}: {source}")]
    Storage {
        /// For example `write rejects.csv`.
        action: String,
        /// What the system says.
        source: io::Error,
    },
    /// The input is not usable, or not all of it was accepted.
    #[error("{0}")]
    Rejected(String),
    /// The health check did not pass.
    #[error("{text}")]
    Unhealthy {
        /// An exit code of grpc-health-probe.
        code: u8,
        /// What was found.
        text: String,
    },
    /// The user has stopped following work that goes on in the service.
    #[error("{0}")]
    Detached(String),
    /// A defect: of this program, or of the service.
    #[error("{0}\nnext: report this as a defect")]
    Defect(String),
}

impl Error {
    /// The exit code of the process.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Refused(refusal) => refusal.exit_code(),
            Self::Rejected(_) => exit::REFUSED,
            Self::Unreachable { .. } => exit::UNAVAILABLE,
            Self::Detached(_) => exit::TEMPORARY,
            Self::Defect(_) => exit::DEFECT,
            Self::Storage { .. } => exit::STORAGE,
            Self::Unhealthy { code, .. } => *code,
        }
    }

    /// The service cannot be reached, with every cause that the transport knows.
    pub(crate) fn unreachable(url: &str, error: &tonic::transport::Error) -> Self {
        Self::Unreachable {
            url: url.to_owned(),
            cause: causes(error),
        }
    }

    /// What maps an I/O error; `action` completes "failed to …".
    pub(crate) fn storage(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        |source| Self::Storage { action, source }
    }
}

/// The last cause of an error says most: "Connection refused", not "transport error".
pub(crate) fn causes(error: &tonic::transport::Error) -> String {
    let mut last = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        last = error.to_string();
        cause = error.source();
    }
    last
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(Refusal::from(&status)))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Defect(format!("failed to write JSON: {error}"))
    }
}

impl From<prost::DecodeError> for Error {
    fn from(error: prost::DecodeError) -> Self {
        Self::Defect(format!("failed to read a message of the API: {error}"))
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Defect(format!("a task of the importer ended early: {error}"))
    }
}
