//! How fresh a view is.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// How far the view that serves has come, as its projector last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The log that is folded; all zero before the first contact.
    pub identity: [u8; 16],
    /// The sequence reached, by partition.
    pub positions: BTreeMap<u32, u64>,
    /// When the last commit folded was recorded, microseconds since 1970.
    pub record_time: i64,
    /// The end of the log when it was last asked, by partition.
    pub head: BTreeMap<u32, u64>,
    /// Whether the head that was seen at start was reached once.
    pub caught_up: bool,
    /// Whether an intact view was found at start, so that there is something to serve.
    pub intact: bool,
    /// Orders parked.
    pub parked: u64,
    /// Why it is not moving; `None` when it is.
    pub trouble: Option<String>,
    /// Since when the view has not shown all that is known to be in the log; `None` while it does.
    pub behind_since: Option<Instant>,
}

impl Progress {
    /// Commits between the view and the head of the log, where sequences are consecutive.
    #[must_use]
    pub fn lag_commits(&self) -> u64 {
        self.head
            .iter()
            .map(|(partition, head)| {
                head.saturating_sub(self.positions.get(partition).copied().unwrap_or(0))
            })
            .sum()
    }

    /// Notes whether the view is behind, and since when; after each change of the fields above.
    pub fn look(&mut self) {
        if self.lag_commits() == 0 && self.trouble.is_none() {
            self.behind_since = None;
        } else {
            self.behind_since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the view has folded all of these positions.
    #[must_use]
    pub fn covers(&self, positions: &BTreeMap<u32, u64>) -> bool {
        positions.iter().all(|(partition, &sequence)| {
            self.positions.get(partition).copied().unwrap_or(0) >= sequence
        })
    }
}
