//! Says that commands fail without a line for each: one when it begins, one a minute with counts, one
//! when it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines while it lasts: often enough to see that it does, seldom enough to read on.
const EVERY: Duration = Duration::from_secs(60);

/// Commands that failed because log or keys are out of reach, since the last one that was stored.
#[derive(Default)]
pub(crate) struct Outage {
    /// Whether there is one: all that a stored command asks.
    lasts: AtomicBool,
    state: Mutex<Option<State>>,
}

struct State {
    began: Instant,
    told: Instant,
    failed: u64,
}

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Began,
    Lasts { failed: u64, since: Duration },
    Ended { failed: u64, after: Duration },
}

impl Outage {
    /// A command failed.
    pub(crate) fn failed(&self, now: Instant) -> Option<Notice> {
        let mut state = self.state();
        let Some(outage) = &mut *state else {
            *state = Some(State {
                began: now,
                told: now,
                failed: 1,
            });
            self.lasts.store(true, Ordering::Release);
            return Some(Notice::Began);
        };
        outage.failed += 1;
        if now.duration_since(outage.told) < EVERY {
            return None;
        }
        outage.told = now;
        Some(Notice::Lasts {
            failed: outage.failed,
            since: now.duration_since(outage.began),
        })
    }

    /// A command was stored.
    pub(crate) fn stored(&self, now: Instant) -> Option<Notice> {
        if !self.lasts.load(Ordering::Acquire) {
            return None;
        }
        let outage = self.state().take()?;
        self.lasts.store(false, Ordering::Release);
        Some(Notice::Ended {
            failed: outage.failed,
            after: now.duration_since(outage.began),
        })
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notice {
    /// The line in the log of the process.
    pub(crate) fn tell(self, reason: &str, cause: &str) {
        match self {
            Self::Began => tracing::warn!(
                reason,
                cause,
                "commands fail; the next line about it comes in a minute"
            ),
            Self::Lasts { failed, since } => tracing::warn!(
                reason,
                cause,
                failed,
                since_s = since.as_secs(),
                "commands still fail"
            ),
            Self::Ended { failed, after } => tracing::warn!(
                failed,
                after_s = after.as_secs(),
                "commands are stored again"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_once_a_minute_and_when_it_ends() {
        let outage = Outage::default();
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(outage.stored(at(0)), None, "nothing failed");
        let told: Vec<_> = (0..150)
            .filter_map(|second| Some((second, outage.failed(at(second))?)))
            .collect();
        let lasts = |since| Notice::Lasts {
            failed: since + 1,
            since: Duration::from_secs(since),
        };
        assert_eq!(
            told,
            [(0, Notice::Began), (60, lasts(60)), (120, lasts(120))]
        );
        let ended = Notice::Ended {
            failed: 150,
            after: Duration::from_secs(150),
        };
        assert_eq!(outage.stored(at(150)), Some(ended));
        assert_eq!(outage.stored(at(151)), None, "it is told once");
        assert_eq!(outage.failed(at(152)), Some(Notice::Began));
    }
}
