//! What follows when a run fails or ends: a restart, a stop, or nothing.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::RetryPolicy;

/// What follows when a run fails, or panics.
///
/// A start that fails for good always stops the process: what has never worked is not restarted.
pub enum OnFailure {
    /// The process stops in good order.
    Fatal,
    /// The component is stopped and started again.
    Restart(Restart),
    /// The process goes on without it. It counts neither for readiness nor for liveness, only where
    /// a service requires it by name.
    Ignore,
}

/// What follows when a run returns `Ok` although it was not asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFinish {
    /// It is a failure, like any other: a server that stops serving is broken.
    Fail,
    /// It was a job and it is done; the others go on. When all are done, the process stops.
    Continue,
    /// It was the job of the process, which stops.
    Shutdown,
}

/// How often a component may be restarted: `max` times within the window, else the process stops.
pub struct Restart {
    max: usize,
    within: Duration,
    backoff: Box<dyn RetryPolicy>,
    with_dependents: bool,
    recent: VecDeque<Instant>,
}

impl Restart {
    /// At most `max` restarts in any window of `within`, each after a wait.
    pub fn new(max: usize, within: Duration, backoff: impl RetryPolicy + 'static) -> Self {
        Self {
            max,
            within,
            backoff: Box::new(backoff),
            with_dependents: false,
            recent: VecDeque::new(),
        }
    }

    /// The components that come [`after`](crate::ComponentExt::after) it, directly or not, are
    /// restarted with it: they drain and stop before it is stopped, and start once it runs again.
    /// Erlang calls this `rest_for_one`. Without it, dependents have to live with a dependency that
    /// goes and comes back. Jobs that have finished are not repeated.
    #[must_use]
    pub fn with_dependents(self) -> Self {
        Self {
            with_dependents: true,
            ..self
        }
    }

    pub(crate) fn concerns_dependents(&self) -> bool {
        self.with_dependents
    }

    /// The wait before the next restart, or `None` if the budget is spent.
    pub(crate) fn next_delay(&mut self) -> Option<Duration> {
        let now = Instant::now();
        self.recent
            .retain(|then| now.duration_since(*then) < self.within);
        if self.recent.is_empty() {
            // A quiet window: what failed long ago says nothing about how long to wait now.
            self.backoff.reset();
        }
        if self.recent.len() >= self.max {
            return None;
        }
        self.recent.push_back(now);
        self.backoff.next_delay()
    }
}
