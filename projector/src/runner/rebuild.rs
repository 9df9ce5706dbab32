//! Asking for a rebuild, and hearing how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use read_model::Generation;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How often a rebuild says how far it is.
const EVERY: Duration = Duration::from_millis(250);

/// Asks a running projector for a rebuild. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Rebuild {
    requests: mpsc::Sender<Request>,
    running: Arc<AtomicBool>,
}

/// How far a rebuild is.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Commits folded.
    pub done: u64,
    /// Commits that the log held when the rebuild began.
    pub total: u64,
    /// Since it began.
    pub elapsed: Duration,
    /// Name of the new generation, in the last step, when it serves.
    pub promoted: Option<String>,
}

impl Step {
    /// How long the rest takes at the rate so far; `None` while nothing is folded.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total.saturating_sub(self.done);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let share = left as f64 / self.done as f64;
        Duration::try_from_secs_f64(self.elapsed.as_secs_f64() * share).ok()
    }
}

/// Why a rebuild does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildRefused {
    /// One is running.
    #[error("a rebuild of this projection is running")]
    Running,
    /// The projector has stopped.
    #[error("the projector has stopped")]
    Stopped,
}

/// The projector's end of [`Rebuild`].
pub(super) struct Requests {
    received: mpsc::Receiver<Request>,
    handle: Rebuild,
}

/// Somebody who wants a rebuild, and hears of it.
#[derive(Debug)]
pub(super) struct Request {
    steps: mpsc::Sender<Step>,
    _running: Running,
}

/// Ends when a rebuild does, however it does.
#[derive(Debug)]
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Rebuild {
    /// Begins a rebuild; the steps arrive as it goes on, and end with one that says what was
    /// promoted, or without when the rebuild was given up. Dropping the receiver cancels it.
    ///
    /// # Errors
    /// [`RebuildRefused`].
    pub async fn begin(&self) -> Result<mpsc::Receiver<Step>, RebuildRefused> {
        if self.running.swap(true, Ordering::AcqRel) {
            return Err(RebuildRefused::Running);
        }
        let (steps, received) = mpsc::channel(16);
        let request = Request {
            steps,
            _running: Running(Arc::clone(&self.running)),
        };
        match self.requests.send(request).await {
            Ok(()) => Ok(received),
            Err(_stopped) => Err(RebuildRefused::Stopped),
        }
    }
}

impl Requests {
    pub(super) fn new() -> Self {
        let (requests, received) = mpsc::channel(1);
        let running = Arc::default();
        let handle = Rebuild { requests, running };
        Self { received, handle }
    }

    pub(super) fn handle(&self) -> Rebuild {
        self.handle.clone()
    }

    /// The next request. The handle keeps the channel open.
    pub(super) async fn next(&mut self) -> Request {
        match self.received.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

/// Says how far a build is, not too often.
pub(super) struct Steps {
    to: Option<Request>,
    total: u64,
    done: u64,
    started: Instant,
    last: Instant,
}

impl Steps {
    pub(super) fn new(to: Option<Request>, total: u64) -> Self {
        let now = Instant::now();
        Self {
            to,
            total,
            done: 0,
            started: now,
            last: now,
        }
    }

    /// Completes when whoever asked for the rebuild has gone away.
    pub(super) async fn unwanted(&self) {
        match &self.to {
            Some(request) => request.steps.closed().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn advance(&mut self, commits: u64) {
        self.done = self.done.saturating_add(commits);
        if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let step = self.step(None);
            if let Some(request) = &self.to {
                // Whoever does not keep up hears of the next one.
                drop(request.steps.try_send(step));
            }
        }
    }

    pub(super) async fn finish(self, generation: &Generation) {
        let step = self.step(Some(generation.name().to_owned()));
        if let Some(request) = &self.to {
            // Whoever has gone away has gone away.
            drop(tokio::time::timeout(EVERY, request.steps.send(step)).await);
        }
    }

    fn step(&self, promoted: Option<String>) -> Step {
        Step {
            done: self.done,
            total: self.total.max(self.done),
            elapsed: self.started.elapsed(),
            promoted,
        }
    }
}
