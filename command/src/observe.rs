//! What the write side tells about itself.

use std::time::Duration;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// A commit was stored.
    Stored,
    /// It changed nothing. With a request id an empty commit was stored, so that a repetition is known.
    NoEffect,
    /// The reply of an earlier request was given again.
    Replayed,
    /// It was only validated.
    Validated,
    /// It was refused: the caller must change something.
    Refused,
    /// It failed: the service could not do it.
    Failed,
}

impl End {
    /// A label for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NoEffect => "no_effect",
            Self::Replayed => "replayed",
            Self::Validated => "validated",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Hears what the write side does; every method returns at once. `()` hears nothing.
pub trait Observer: Send + Sync + 'static {
    /// A command ended; `reason` is that of the error registry, empty without an error.
    fn command(&self, _method: &'static str, _end: End, _reason: &'static str) {}

    /// The log answered an append, or did not.
    fn append(&self, _took: Duration) {}

    /// An append lost a race: another writer moved the order.
    fn conflict(&self) {}
}

impl Observer for () {}
