//! Keeps one projection up to date.
//!
//! ```text
//!  attach ─▶ is the checkpoint's commit still in the log?  no ─▶ set the view aside
//!    ▲         │ yes                                               │
//!    │         ▼                                                   ▼
//!    │       follow ◀───────────── promote ◀──────── build beside what serves
//!    │         │  └─ asked to rebuild: build, while following ──────▲
//!    └─────────┘ the tail ended or stands still: say why, wait, attach again
//! ```

mod attach;
mod build;
mod follow;
mod rebuild;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use event_store::{
    Bookmark, CommitId, EventStore, Head, Position, Positions, ReadError, TailError,
};
use read_model::{Checkpoint, Error, Progress, Reader, Store};
use tokio_util::sync::CancellationToken;

use crate::{Folder, Projection};
use build::Building;
use rebuild::Requests;

pub use rebuild::{Rebuild, RebuildRefused, Step};

/// Between two questions for the log's head, and how long the first pause after a fault is.
const PULSE: Duration = Duration::from_secs(1);
/// Longest pause between two tries to attach: a log that comes back is found soon enough.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long the log may take to answer a question. Its own timeouts are shorter.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a tail may stand still while the log's head is ahead of it, by default.
const PATIENCE: Duration = Duration::from_secs(10);
/// Views set aside as damaged one after the other, none of which caught up, before the projector
/// gives up: it is the disk then, or the code, and not the view.
const MOST_DAMAGED: u32 = 3;

/// Keeps one projection up to date; one for each in a process.
pub struct Projector<P: Projection> {
    scene: Scene<P>,
    requests: Requests,
    building: Option<Building<P>>,
    patience: Duration,
    damaged: u32,
}

/// What following and building share.
struct Scene<P: Projection> {
    projection: Arc<P>,
    log: Arc<dyn EventStore>,
    views: Arc<Store>,
}

/// Why following or building ended.
#[derive(Debug)]
enum Ended {
    Cancelled,
    Tail(TailError),
    Unreachable(ReadError),
    /// The log said nothing for so long, though there is more in it.
    Stalled(Duration),
    /// A rebuilt generation serves.
    Promoted,
}

impl<P: Projection> Projector<P> {
    /// A projector of `log` into `views`.
    pub fn new(projection: P, log: Arc<dyn EventStore>, views: Arc<Store>) -> Self {
        Self {
            scene: Scene {
                projection: Arc::new(projection),
                log,
                views,
            },
            requests: Requests::new(),
            building: None,
            patience: PATIENCE,
            damaged: 0,
        }
    }

    /// Sets how long the tail may stand still while the log's head is ahead of it. After that it is
    /// made anew.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What asks it for rebuilds.
    #[must_use]
    pub fn rebuild(&self) -> Rebuild {
        self.requests.handle()
    }

    /// What reads its view.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.scene.views.reader()
    }

    /// Runs until `cancel` fires. Whatever the log does, it waits, attaches again and says why in
    /// [`read_model::Progress::trouble`]. A view that turns out to be damaged is set aside and built
    /// again.
    ///
    /// # Errors
    /// [`Error`]: the machine does not let it store a view.
    pub async fn run(&mut self, cancel: &CancellationToken) -> Result<(), Error> {
        let mut pause = PULSE;
        while !cancel.is_cancelled() {
            let before = self.positions();
            let trouble = match self.round(cancel).await {
                Ok(Ended::Cancelled) => break,
                Ok(Ended::Promoted) => continue,
                Ok(ended) => ended.to_string(),
                Err(error) => self.set_damaged_aside(error).await?,
            };
            self.scene.report(trouble);
            if self.positions() != before {
                pause = PULSE;
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.abandon_build().await?;
        let views = Arc::clone(&self.scene.views);
        blocking(move || views.active().flush()).await
    }

    /// Attaches and follows, once.
    async fn round(&mut self, cancel: &CancellationToken) -> Result<Ended, Error> {
        match self.attach(cancel).await? {
            Ok(folder) => Box::pin(self.follow(folder, cancel)).await,
            Err(ended) => Ok(ended),
        }
    }

    /// Makes way for a new build when an error says that the view is damaged.
    async fn set_damaged_aside(&mut self, error: Error) -> Result<String, Error> {
        if !matches!(error, Error::Damaged { .. }) || self.damaged >= MOST_DAMAGED {
            return Err(error);
        }
        self.damaged += 1;
        let projection = self.scene.projection.name();
        tracing::error!(projection, %error, "view set aside; it is built again from the log");
        self.set_aside().await?;
        Ok(error.to_string())
    }

    async fn set_aside(&mut self) -> Result<(), Error> {
        self.abandon_build().await?;
        let views = Arc::clone(&self.scene.views);
        blocking(move || views.set_aside()).await?;
        self.scene.views.progress().send_modify(|progress| {
            *progress = Progress {
                behind_since: progress.behind_since,
                ..Progress::default()
            };
        });
        Ok(())
    }

    /// Ends the build that is running, if any, and waits until it has cleaned up.
    async fn abandon_build(&mut self) -> Result<(), Error> {
        match self.building.take() {
            Some(building) => building.abandon(&self.scene).await,
            None => Ok(()),
        }
    }

    fn positions(&self) -> std::collections::BTreeMap<u32, u64> {
        self.scene.views.progress().borrow().positions.clone()
    }
}

impl<P: Projection> Scene<P> {
    /// Asks for the head, in a bounded time.
    async fn head(&self) -> Result<Head, ReadError> {
        answer(self.log.head()).await
    }

    fn publish(&self, folder: &Folder<P>, head: Option<&Head>) {
        let checkpoint = folder.checkpoint();
        self.views.progress().send_modify(|progress| {
            progress.identity = checkpoint.identity;
            progress.positions = checkpoint.positions();
            let times = checkpoint.partitions.values().map(|mark| mark.record_time);
            progress.record_time = times.max().unwrap_or(0);
            progress.parked = folder.parked();
            if let Some(head) = head {
                progress.head = sequences(head);
                progress.trouble = None;
            }
            // What was folded is in the log, whatever it said of its head a moment ago.
            for (&partition, &reached) in &progress.positions {
                let head = progress.head.entry(partition).or_default();
                *head = reached.max(*head);
            }
            progress.caught_up |= progress.lag_commits() == 0 && progress.trouble.is_none();
            progress.look();
        });
    }

    fn report(&self, trouble: String) {
        let projection = self.projection.name();
        self.views.progress().send_if_modified(|progress| {
            let new = progress.trouble.as_ref() != Some(&trouble);
            if new {
                tracing::warn!(projection, trouble, "projection waits");
                progress.trouble = Some(trouble);
                progress.look();
            }
            new
        });
    }
}

impl<P: Projection> Clone for Scene<P> {
    fn clone(&self) -> Self {
        Self {
            projection: Arc::clone(&self.projection),
            log: Arc::clone(&self.log),
            views: Arc::clone(&self.views),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::Tail(error) => write!(f, "{error}"),
            Self::Unreachable(error) => write!(f, "{error}"),
            Self::Stalled(waited) => write!(
                f,
                "the tail stood still for {} s while the head of the log was ahead; it is made anew",
                waited.as_secs()
            ),
            Self::Promoted => f.write_str("another generation serves"),
        }
    }
}

/// An answer of the log, or that it gave none.
async fn answer<T>(asked: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
    let silent = |_elapsed| {
        let cause = format!("no answer within {} s", ANSWER.as_secs());
        Err(ReadError::Unavailable { cause })
    };
    tokio::time::timeout(ANSWER, asked)
        .await
        .unwrap_or_else(silent)
}

/// Runs what blocks on a thread of its own kind; a panic there is damage to the view.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| {
            Err(Error::Damaged {
                path: "the view".to_owned(),
                cause: panic.to_string(),
            })
        })
}

/// Where a tail goes on: after the commits of a checkpoint.
fn bookmark(checkpoint: &Checkpoint) -> Bookmark {
    let marks = checkpoint.partitions.iter();
    marks
        .map(|(&partition, mark)| {
            let position = Position::new(partition, mark.sequence);
            (position, CommitId(mark.commit_id))
        })
        .collect()
}

fn positions(checkpoint: &Checkpoint) -> Positions {
    let marks = checkpoint.partitions.iter();
    marks
        .map(|(&partition, mark)| Position::new(partition, mark.sequence))
        .collect()
}

fn sequences(head: &Head) -> std::collections::BTreeMap<u32, u64> {
    let last = head.last.iter();
    last.map(|at| (at.partition, at.sequence)).collect()
}
