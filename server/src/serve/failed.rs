//! A start that failed before there was a supervisor to report it.

use std::fmt::Display;
use std::process::ExitCode;

use lifecycle::BuildError;

/// A file or a store cannot be read or written.
pub(super) const STORE_IO: u8 = 74;
/// A defect of the program.
const DEFECT: u8 = 70;

/// What failed, what to do about it, and the exit code of the process.
pub(super) struct Failed {
    cause: String,
    next_step: &'static str,
    exit_code: u8,
}

impl Failed {
    pub(super) fn store(cause: impl Display, next_step: &'static str) -> Self {
        Self {
            cause: cause.to_string(),
            next_step,
            exit_code: STORE_IO,
        }
    }

    pub(super) fn signals(error: &std::io::Error) -> Self {
        Self {
            cause: format!("the system does not deliver signals: {error}"),
            next_step: "raise the limit of open files, then start again",
            exit_code: DEFECT,
        }
    }

    /// The last line of the process.
    pub(super) fn report(&self) -> ExitCode {
        let Self {
            cause,
            next_step,
            exit_code,
        } = self;
        tracing::error!(
            exit_code,
            "failed to start: {cause}; next step: {next_step}"
        );
        ExitCode::from(*exit_code)
    }
}

/// The list of components does not fit together.
impl From<BuildError> for Failed {
    fn from(error: BuildError) -> Self {
        Self {
            cause: error.to_string(),
            next_step: "this is a defect of the program: report it",
            exit_code: DEFECT,
        }
    }
}
