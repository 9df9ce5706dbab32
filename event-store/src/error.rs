//! How the log fails. A variant exists where a caller would act differently.

use crate::{CommitId, Epoch, LogIdentity, Position};

/// Why an append was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream's last record is not the expected one. Nothing was stored: load what is newer
    /// and decide again.
    #[error("the stream ends at {}, not where the writer expected", display(.actual))]
    Conflict {
        /// Where the stream ends; `None` when it is empty.
        actual: Option<Position>,
    },
    /// The log may have changed since the caller learned what it knows. Nothing was stored: read the
    /// stream again and decide again.
    #[error("what the writer knows may be outdated: the log is in epoch {}", .current.0)]
    StaleEpoch {
        /// The epoch that the log is in now.
        current: Epoch,
    },
    /// Certainly not stored; the same append may be tried again.
    #[error("the log did not take the record: {cause}")]
    NotStored {
        /// What stood in the way.
        cause: String,
    },
    /// It may have been stored. Only a later read of the stream can tell.
    #[error("the log did not answer whether it stored the record: {cause}")]
    Unknown {
        /// Why there was no answer.
        cause: String,
    },
    /// The log is at its size limit. Nothing was stored; an operator must make room.
    #[error("the log is full: {cause}")]
    Full {
        /// What the log said.
        cause: String,
    },
    /// The record is larger than the log takes. Nothing was stored; it never will be.
    #[error("a record of {size} bytes is larger than the log's limit of {limit}")]
    TooLarge {
        /// Size of the record in bytes.
        size: usize,
        /// Largest payload in bytes.
        limit: usize,
    },
    /// The log is out of reach. Nothing was sent.
    #[error("the log is out of reach: {cause}")]
    Unavailable {
        /// Why it cannot be reached.
        cause: String,
    },
}

fn display(actual: &Option<Position>) -> String {
    actual.map_or_else(
        || "its start".to_owned(),
        |position| format!("position {position}"),
    )
}

impl AppendError {
    /// Whether the same append, unchanged, may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::NotStored { .. } | Self::Unknown { .. } | Self::Unavailable { .. } => true,
            Self::Conflict { .. }
            | Self::StaleEpoch { .. }
            | Self::Full { .. }
            | Self::TooLarge { .. } => false,
        }
    }
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The log is out of reach; try again later.
    #[error("the log is out of reach: {cause}")]
    Unavailable {
        /// Why it cannot be reached.
        cause: String,
    },
    /// The stored bytes are not those that were appended.
    #[error("the record at {position} is damaged: {cause}")]
    Corrupt {
        /// The damaged record.
        position: Position,
        /// What was found.
        cause: String,
    },
}

/// Why a tail ended. It never ends without one of these, and never skips a position in silence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// The log was replaced by another one.
    #[error("the log is now {found}, not {expected}")]
    Replaced {
        /// The log at the start of the tail.
        expected: LogIdentity,
        /// The log that answers now.
        found: LogIdentity,
    },
    /// The log does not hold the commit that the reader goes on after: it was rolled back, and may
    /// have grown past that position since.
    #[error("the log was rolled back: {position} held commit {expected}, now {}", commit(.found))]
    RolledBack {
        /// Where the reader had come.
        position: Position,
        /// The commit that it read there.
        expected: CommitId,
        /// The commit that is there now; `None` when the log ends before, or has a hole there.
        found: Option<CommitId>,
    },
    /// The log was closed by this process.
    #[error("the log was closed")]
    Closed,
}

fn commit(found: &Option<CommitId>) -> String {
    found.map_or_else(|| "nothing".to_owned(), |found| format!("commit {found}"))
}
