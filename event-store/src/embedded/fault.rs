//! How a write fails.

/// Why a group was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    /// Certainly not stored.
    #[error("the last write failed: {0}")]
    NotStored(String),
    /// Certainly not stored: no room.
    #[error("there is no room: {0}")]
    Full(String),
    /// It may be stored.
    #[error("the last write may have failed: {0}")]
    Unknown(String),
    /// Nobody writes any more.
    #[error("it takes no writes: {0}")]
    Unavailable(String),
}
