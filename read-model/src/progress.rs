//! How far the read model is, and what is being done about it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::Digest;

/// How far the view that serves has come, as its projector last said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The log that is folded; all zero before the first contact.
    pub identity: [u8; 16],
    /// The sequence reached, by partition. Holes of the log are passed over.
    pub positions: BTreeMap<u32, u64>,
    /// When the last commit folded was recorded, microseconds since 1970.
    pub record_time: i64,
    /// Digest of the view at these positions.
    pub digest: Digest,
    /// The end of the log when it was last asked, by partition.
    pub head: BTreeMap<u32, u64>,
    /// Since when the head could not be asked; `None` while it can.
    pub head_unknown_since: Option<Instant>,
    /// Whether the view has shown everything that the log held at one moment since the start.
    pub caught_up: bool,
    /// Whether a view serves; without one every query answers that it is being built.
    pub serving: bool,
    /// Name of the generation that serves.
    pub generation: String,
    /// Orders parked.
    pub parked: u64,
    /// The first of them by id, where, since when and why, for people; empty without one.
    pub first_parked: String,
    /// Why it is not moving; `None` when it is.
    pub trouble: Option<String>,
    /// Since when the view has not shown all that is known to be in the log; `None` while it does.
    pub behind_since: Option<Instant>,
    /// What is being built or checked, and how far it is.
    pub work: Option<Work>,
    /// What was found and healed since the start.
    pub healed: Healed,
}

/// Counts since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Generations found damaged, and set aside.
    pub damaged: u64,
    /// Times that the log had lost commits that were folded.
    pub rolled_back: u64,
    /// Rebuilds whose digest was another one than that of the view they replaced.
    pub different: u64,
    /// What the last of them was, for people; empty without one.
    pub last: String,
}

/// Something long that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// What it is.
    pub task: Task,
    /// Commits folded, or entries read.
    pub done: u64,
    /// How many there are, as far as is known; never less than `done`.
    pub total: u64,
    /// When it began.
    pub since: Instant,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A build because there is no view; nothing serves meanwhile.
    Build,
    /// The check of the stored view before its first answer; nothing serves meanwhile.
    Check,
    /// A build beside the view that serves, to take its place.
    Rebuild,
    /// A build beside the view that serves, to be compared with it.
    Verify,
}

impl Task {
    /// A word for people and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Check => "check",
            Self::Rebuild => "rebuild",
            Self::Verify => "verify",
        }
    }
}

impl Work {
    /// Begins now.
    #[must_use]
    pub fn new(task: Task, total: u64) -> Self {
        Self {
            task,
            done: 0,
            total,
            since: Instant::now(),
        }
    }

    /// Per second since it began.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let done = self.done as f64;
        done / self.since.elapsed().as_secs_f64().max(0.001)
    }

    /// How long the rest takes at the rate so far; `None` while nothing is done.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = self.total.saturating_sub(self.done) as f64;
        Duration::try_from_secs_f64(left / self.rate()).ok()
    }
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
