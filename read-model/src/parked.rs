//! Orders set aside because a commit of theirs could not be folded.

use serde::{Deserialize, Serialize};

/// Why an order was parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cause {
    /// The stored bytes are not a commit.
    Undecodable,
    /// An event of a newer writer.
    UnknownEvent,
    /// An envelope of a newer writer.
    NewerSchema,
    /// The commit does not begin at the next version.
    Gap,
    /// The commit does not name the hash of the one before it.
    Chain,
    /// The log has lost a record, or its bytes are not those that were appended.
    Missing,
    /// Folding the commit broke an invariant.
    Fold,
}

/// A parked order: its row stays as it was before the commit that could not be folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Why.
    pub cause: Cause,
    /// More about why, for people.
    pub detail: String,
    /// Position of the commit that could not be folded: `partition:sequence`.
    pub position: String,
    /// Its commit id, in hexadecimal.
    pub commit_id: String,
    /// When it was first seen: the record time of the commit, or, where that cannot be read, of the
    /// last commit of any order before it; microseconds since 1970.
    #[serde(default)]
    pub since: i64,
    /// How often the commit was tried, at least 1.
    #[serde(default)]
    pub attempts: u32,
    /// Which build of the program tried it last: another one tries it again when it attaches.
    #[serde(default)]
    pub tried_by: String,
    /// Positions of the first commits that queue behind it, at most [`BEHIND_MAX`].
    pub behind: Vec<String>,
    /// How many queue behind it.
    #[serde(default)]
    pub behind_count: u64,
}

/// Positions that are kept: enough to look at, and every commit more costs the same.
pub const BEHIND_MAX: usize = 100;

impl Cause {
    /// The cause as the API's short word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "UNDECODABLE",
            Self::UnknownEvent => "UNKNOWN_EVENT",
            Self::NewerSchema => "NEWER_SCHEMA",
            Self::Gap => "GAP",
            Self::Chain => "CHAIN",
            Self::Missing => "MISSING",
            Self::Fold => "FOLD",
        }
    }

    /// What a caller is told, who knows nothing of logs and folds.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Undecodable => "a stored change of this order cannot be read",
            Self::UnknownEvent | Self::NewerSchema => {
                "a change of this order was stored by a newer version of the service"
            }
            Self::Gap | Self::Missing => "a stored change of this order is missing",
            Self::Chain => "a stored change of this order does not follow the one before it",
            Self::Fold => "a change of this order cannot be applied",
        }
    }
}

impl Parked {
    /// One more commit queues behind it.
    pub fn push_behind(&mut self, position: String) {
        self.behind_count = self.behind_count.saturating_add(1);
        if self.behind.len() < BEHIND_MAX {
            self.behind.push(position);
        }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// What a caller is told of a parked order.
    #[must_use]
    pub fn explain(&self) -> String {
        let cause = self.cause.explain();
        format!(
            "{cause} (position {}); what is shown is the order before it",
            self.position
        )
    }
}
