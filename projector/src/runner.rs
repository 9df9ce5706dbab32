//! Keeps the read model up to date.
//!
//! ```text
//!  open ─▶ check the stored view ─▶ attach: is its checkpoint's commit still in the log?
//!    ▲                                │ yes            │ no, or there is no view
//!    │                                ▼                ▼
//!    │                              follow ◀──────── build ◀─ set the wrong view aside
//!    │                                │  └ rebuild or verify: build beside, compare, promote
//!    └────────────────────────────────┘ it ended: say why, heal, wait, begin again
//! ```
//!
//! Nothing that the log or the disk does ends it. While it cannot go on it says why, and what
//! serves goes on serving.

mod attach;
mod build;
mod follow;
mod fork;
mod heal;
mod job;
mod replace;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use event_store::{EventStore, ReadError, TailError};
use read_model::{Error, Generation, Reader, Store};
use tokio_util::sync::CancellationToken;

use crate::Projections;
use build::Building;
use job::Requests;
use shared::Shared;

pub use job::{Job, Operator, Outcome, Refused};

/// Between two questions for the log's head, and how long the first pause after a fault is.
const PULSE: Duration = Duration::from_secs(1);
/// Longest pause between two tries to attach: a log that comes back is found soon enough.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// When the stored view is compared with its digest before it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyAtStart {
    /// At every start.
    Always,
    /// Unless the process before stopped cleanly: for views that take long to read.
    AfterCrash,
}

/// What a runner may be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the tail may stand still while the log's head is ahead of it. Then it is made anew.
    pub patience: Duration,
    /// When the stored view is checked.
    pub verify_at_start: VerifyAtStart,
    /// How often the view is read and compared with its digest while it serves.
    pub scan_every: Duration,
    /// Which build of the program this is: another one tries parked orders again.
    pub program: Arc<str>,
    /// Whether what blocks runs on threads of its own. A simulation runs it where it stands.
    pub threads: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            verify_at_start: VerifyAtStart::Always,
            scan_every: Duration::from_secs(24 * 3600),
            program: env!("CARGO_PKG_VERSION").into(),
            threads: true,
        }
    }
}

/// Keeps the read model of a node up to date; one in a process.
pub struct Runner {
    shared: Shared,
    settings: Settings,
    requests: Requests,
    building: Option<Building>,
    /// Whether the folder was opened, and what was found there and does not serve yet.
    opened: bool,
    found: Option<Arc<Generation>>,
    /// The machine failed the last write: the generation must be opened again.
    must_reopen: bool,
}

/// Why following or building ended.
#[derive(Debug)]
enum Ended {
    Cancelled,
    /// The log said nothing for so long, though there is more in it.
    Stalled(Duration),
    /// The log does not answer.
    Unreachable(ReadError),
    /// The tail ended because the log was closed.
    Closed,
    /// The view is not one of this log: the log was replaced.
    OtherLog(String),
    /// The log has lost commits that the view has folded.
    RolledBack {
        partition: u32,
        what: String,
    },
}

/// Why folding stopped.
#[derive(Debug)]
enum Stop {
    View(Error),
    Ended(Ended),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::View(error)
    }
}

impl From<Ended> for Stop {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

impl From<TailError> for Ended {
    fn from(error: TailError) -> Self {
        let what = error.to_string();
        match error {
            TailError::Replaced { .. } => Self::OtherLog(what),
            TailError::RolledBack { position, .. } => Self::RolledBack {
                partition: position.partition,
                what,
            },
            TailError::Closed => Self::Closed,
        }
    }
}

impl Runner {
    /// A runner that folds `log` into `store`.
    #[must_use]
    pub fn new(
        projections: Projections,
        log: Arc<dyn EventStore>,
        store: Arc<Store>,
        settings: Settings,
    ) -> Self {
        Self {
            shared: Shared::new(projections, log, store, &settings),
            settings,
            requests: Requests::new(),
            building: None,
            opened: false,
            found: None,
            must_reopen: false,
        }
    }

    /// What asks it for rebuilds, verifications and retries.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.requests.operator()
    }

    /// What reads its view.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.shared.store.reader()
    }

    /// Runs until `cancel` fires. Whatever the log and the disk do, it says why it waits in
    /// [`read_model::Progress::trouble`], heals what can be healed, and goes on.
    pub async fn run(&mut self, cancel: &CancellationToken) {
        let mut pause = PULSE;
        while !cancel.is_cancelled() {
            self.sweep().await;
            let before = self.shared.positions();
            let trouble = match Box::pin(self.session(cancel)).await {
                Err(Stop::Ended(Ended::Cancelled)) => break,
                Err(Stop::Ended(ended)) => self.end(ended).await,
                Err(Stop::View(error)) => self.heal(error).await,
                Ok(never) => match never {},
            };
            let Some(trouble) = trouble else {
                pause = PULSE;
                continue;
            };
            self.shared.report(trouble);
            if self.shared.positions() != before {
                pause = PULSE;
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.attend(None, tokio::time::sleep(pause)) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.stop().await;
    }

    /// Opens, attaches and follows, once.
    async fn session(&mut self, cancel: &CancellationToken) -> Result<Never, Stop> {
        if self.must_reopen {
            self.reopen().await?;
        }
        let folder = self.attach(cancel).await?;
        Box::pin(self.follow(folder, cancel)).await
    }

    async fn stop(&mut self) {
        self.abandon_build().await;
        let store = Arc::clone(&self.shared.store);
        let stopped = self.shared.blocking(move || match store.active() {
            Some(active) => store.stop_cleanly(&active),
            None => Ok(()),
        });
        if let Err(error) = stopped.await {
            tracing::warn!(%error, "failed to note the clean stop; the next start checks the view");
        }
        self.sweep().await;
    }

    /// Removes and moves what no reader holds any more.
    async fn sweep(&mut self) {
        let store = Arc::clone(&self.shared.store);
        if let Err(error) = self.shared.blocking(move || store.sweep()).await {
            tracing::warn!(%error, "failed to remove what no longer serves; trying again");
        }
    }

    /// Ends the build that is running, if any, and waits until it has cleaned up.
    async fn abandon_build(&mut self) {
        if let Some(building) = self.building.take() {
            building
                .abandon(&self.shared, "the runner began again")
                .await;
        }
    }
}

/// What following never ends with.
#[derive(Debug)]
enum Never {}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::Unreachable(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the log was closed"),
            Self::OtherLog(what) | Self::RolledBack { what, .. } => f.write_str(what),
            Self::Stalled(waited) => write!(
                f,
                "the tail stood still for {} s while the head of the log was ahead; it is made anew",
                waited.as_secs()
            ),
        }
    }
}
