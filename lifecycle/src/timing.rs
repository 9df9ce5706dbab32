//! How long the process as a whole may take to stop.

use std::time::Duration;

use tokio::time::Instant;

/// The limits of the process, as they were configured.
pub(crate) struct Timing {
    pub(crate) termination_delay: Duration,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) stop_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // What a Kubernetes endpoint takes to disappear from the proxies of its clients.
            termination_delay: Duration::from_secs(5),
            drain_timeout: None,
            // With the delay still inside the grace period of a pod, which is 30 s.
            stop_timeout: Duration::from_secs(20),
        }
    }
}

impl Timing {
    /// The moments at which a stop that begins now has to be over.
    pub(crate) fn budget(&self) -> Budget {
        let (now, total) = (Instant::now(), self.stop_timeout);
        Budget {
            drain_by: now + self.drain_timeout.unwrap_or(total * 3 / 4).min(total),
            stop_by: now + total,
        }
    }
}

/// The moments by which everything has to be over.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) drain_by: Instant,
    pub(crate) stop_by: Instant,
}
