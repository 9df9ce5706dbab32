//! Whether a commit follows the one before it.

use event_store::Record;
use proto::commit::{self, Commit, DecodeError};
use proto::row::Row;
use read_model::Cause;

/// A commit that cannot be folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfoldable {
    pub(crate) cause: Cause,
    pub(crate) detail: String,
}

/// A commit that does not follow its order's row, whichever of the two is wrong.
#[derive(Clone, Debug)]
pub struct Doubt {
    pub(crate) record: Record,
    pub(crate) record_time: i64,
    pub(crate) unfoldable: Unfoldable,
}

impl Doubt {
    /// The record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What does not fit, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.unfoldable.detail
    }
}

impl Unfoldable {
    pub(crate) const fn new(cause: Cause, detail: String) -> Self {
        Self { cause, detail }
    }

    pub(crate) fn undecodable(error: &DecodeError) -> Self {
        let cause = match error {
            DecodeError::UnknownEvent { .. } => Cause::UnknownEvent,
            DecodeError::NewerSchema { .. } => Cause::NewerSchema,
            DecodeError::Malformed(_) | DecodeError::InvalidValue { .. } => Cause::Undecodable,
        };
        Self::new(cause, error.to_string())
    }
}

/// The end of an order's chain: its version, and the hash of its last commit.
type End = Option<(u64, [u8; 32])>;

/// Whether a commit is the next one of its order.
pub(crate) fn follows(row: Option<&Row>, commit: &Commit) -> Result<(), Unfoldable> {
    follows_end(row.map(|row| (row.order.version, row.chain_hash)), commit)
}

fn follows_end(end: End, commit: &Commit) -> Result<(), Unfoldable> {
    let expected = end.map_or(1, |(version, _)| version.saturating_add(1));
    if commit.first_version != expected {
        let found = commit.first_version;
        let detail = format!("the commit begins at version {found}, not at {expected}");
        return Err(Unfoldable::new(Cause::Gap, detail));
    }
    if commit.previous_hash != end.map(|(_, hash)| hash) {
        let detail = "the commit does not name the hash of the one before it".to_owned();
        return Err(Unfoldable::new(Cause::Chain, detail));
    }
    Ok(())
}

/// Whether a record follows all those before it in its order's stream, as the log has it. If it
/// does, whoever doubts it holds a wrong row.
#[must_use]
pub fn follows_in(stream: &[Record], record: &Record) -> bool {
    let mut end: End = None;
    for stored in stream {
        let Ok(commit) = commit::decode(&stored.payload) else {
            return false;
        };
        if follows_end(end, &commit).is_err() {
            return false;
        }
        if stored.position == record.position {
            return stored.payload == record.payload;
        }
        let events = u64::try_from(commit.events.len()).unwrap_or(u64::MAX);
        let version = end.map_or(0, |(version, _)| version).saturating_add(events);
        end = Some((version, commit::hash(&stored.payload)));
    }
    false
}
