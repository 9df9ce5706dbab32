//! Keeps one projection up to date.
//!
//! ```text
//!  attach ─▶ is the checkpoint's commit still in the log?  no ─▶ set the view aside
//!    ▲         │ yes                                               │
//!    │         ▼                                                   ▼
//!    │       follow ◀──────────── promote ◀──────── build beside what serves
//!    │         │
//!    └─────────┘ the tail ended: say why, wait, attach again
//! ```

mod build;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use event_store::{EventStore, Head, Position, Positions, ReadError, Record, TailError};
use futures::StreamExt as _;
use read_model::{Checkpoint, Error, Reader, Store};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Folder, Projection};

/// Commits folded in one go while following: enough to amortise the hand-over to the writer's
/// thread, few enough that a reader sees a commit within milliseconds.
const CHUNK: usize = 256;
/// Keys of one atomic batch. sled holds a lock of the whole process while it applies one, and keeps
/// large batches in memory.
const BATCH_KEYS: usize = 128;
/// Between two questions for the log's head.
const PULSE: Duration = Duration::from_secs(1);
/// Between two tries to attach. Each costs one question, and none while the log is disconnected.
const RETRY: Duration = Duration::from_millis(200);

/// Keeps one projection up to date; one for each in a process.
pub struct Projector<P: Projection> {
    projection: Arc<P>,
    log: Arc<dyn EventStore>,
    views: Arc<Store>,
    requests: mpsc::Receiver<mpsc::Sender<Step>>,
    handle: Rebuild,
}

/// Asks a running projector for a rebuild. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Rebuild {
    requests: mpsc::Sender<mpsc::Sender<Step>>,
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

/// Ends when a rebuild does, however it does.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Why following ended.
enum Ended {
    Cancelled,
    Tail(TailError),
    Unreachable(ReadError),
}

impl Rebuild {
    /// Begins a rebuild; the steps arrive as it goes on. Dropping the receiver cancels it.
    ///
    /// # Errors
    /// [`RebuildRefused`].
    pub async fn begin(&self) -> Result<mpsc::Receiver<Step>, RebuildRefused> {
        if self.running.swap(true, Ordering::AcqRel) {
            return Err(RebuildRefused::Running);
        }
        let (steps, received) = mpsc::channel(16);
        if self.requests.send(steps).await.is_err() {
            self.running.store(false, Ordering::Release);
            return Err(RebuildRefused::Stopped);
        }
        Ok(received)
    }
}

impl<P: Projection> Projector<P> {
    /// A projector of `log` into `views`.
    pub fn new(projection: P, log: Arc<dyn EventStore>, views: Arc<Store>) -> Self {
        let (sender, requests) = mpsc::channel(1);
        let handle = Rebuild {
            requests: sender,
            running: Arc::default(),
        };
        Self {
            projection: Arc::new(projection),
            log,
            views,
            requests,
            handle,
        }
    }

    /// What asks it for rebuilds.
    #[must_use]
    pub fn rebuild(&self) -> Rebuild {
        self.handle.clone()
    }

    /// What reads its view.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.views.reader()
    }

    /// Runs until `cancel` fires. Whatever the log does, it waits, attaches again and says why in
    /// [`read_model::Progress::trouble`].
    ///
    /// # Errors
    /// [`Error`]: the view's own storage failed.
    pub async fn run(&mut self, cancel: &CancellationToken) -> Result<(), Error> {
        while !cancel.is_cancelled() {
            let ended = match self.attach(cancel).await? {
                Ok(folder) => self.follow(folder, cancel).await?,
                Err(ended) => ended,
            };
            let trouble = match ended {
                Ended::Cancelled => break,
                Ended::Tail(error) => error.to_string(),
                Ended::Unreachable(error) => error.to_string(),
            };
            self.report(trouble);
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        let views = Arc::clone(&self.views);
        blocking(move || views.active().flush()).await
    }

    /// Finds the place to go on: behind the checkpoint, or at the end of a new build.
    async fn attach(
        &mut self,
        cancel: &CancellationToken,
    ) -> Result<Result<Folder<P>, Ended>, Error> {
        let head = match self.log.head().await {
            Ok(head) => head,
            Err(error) => return Ok(Err(Ended::Unreachable(error))),
        };
        let active = self.views.active();
        let checkpoint = blocking(move || active.checkpoint()).await?;
        let intact = match checkpoint {
            None => false,
            Some(checkpoint) => match self.fence(&checkpoint, &head).await {
                Err(error) => return Ok(Err(Ended::Unreachable(error))),
                Ok(Ok(())) => true,
                Ok(Err(found)) => {
                    let projection = self.projection.name();
                    tracing::warn!(
                        projection,
                        found,
                        "the view is not of this log; it is set aside and built again"
                    );
                    let views = Arc::clone(&self.views);
                    blocking(move || views.set_aside()).await?;
                    self.views.progress().send_modify(|progress| {
                        *progress = read_model::Progress::default();
                    });
                    false
                }
            },
        };
        if !intact {
            return self.build(&head, None, cancel).await;
        }
        let (projection, active) = (Arc::clone(&self.projection), self.views.active());
        let folder = blocking(move || Folder::new(projection, active, head.identity.0)).await?;
        self.publish(&folder, Some(&head));
        Ok(Ok(folder))
    }

    /// Whether the log still holds, at every position of the checkpoint, the commit that was folded
    /// from there; if not, what it holds instead.
    async fn fence(
        &self,
        checkpoint: &Checkpoint,
        head: &Head,
    ) -> Result<Result<(), String>, ReadError> {
        if checkpoint.identity != head.identity.0 {
            return Ok(Err(format!("this is another log, {}", head.identity)));
        }
        for (&partition, mark) in &checkpoint.partitions {
            let position = Position::new(partition, mark.sequence);
            if head.last.sequence(partition) < mark.sequence {
                let end = head.last.sequence(partition);
                return Ok(Err(format!(
                    "the log ends at {partition}:{end}, before {position}: its tail was lost"
                )));
            }
            match self.log.read_at(position).await? {
                Some(record) if record.commit_id.0 == mark.commit_id => {}
                Some(record) => {
                    return Ok(Err(format!("commit {} is at {position}", record.commit_id)));
                }
                None => return Ok(Err(format!("nothing is at {position}"))),
            }
        }
        Ok(Ok(()))
    }

    /// Folds what comes, until something ends it.
    async fn follow(
        &mut self,
        mut folder: Folder<P>,
        cancel: &CancellationToken,
    ) -> Result<Ended, Error> {
        let mut tail = match self.log.tail(positions(folder.checkpoint())).await {
            Ok(tail) => tail.ready_chunks(CHUNK),
            Err(error) => return Ok(Ended::Unreachable(error)),
        };
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(Ended::Cancelled),
                chunk = tail.next() => {
                    let (records, ended) = split(chunk.unwrap_or_default());
                    folder = fold(folder, records).await?;
                    self.publish(&folder, None);
                    if let Some(error) = ended {
                        return Ok(Ended::Tail(error));
                    }
                }
                _ = pulse.tick() => self.take_pulse(&folder).await,
                Some(steps) = self.requests.recv() => {
                    drop(tail);
                    let running = Running(Arc::clone(&self.handle.running));
                    let head = match self.log.head().await {
                        Ok(head) => head,
                        Err(error) => return Ok(Ended::Unreachable(error)),
                    };
                    let built = self.build(&head, Some(steps), cancel).await?;
                    drop(running);
                    return Ok(match built {
                        Ok(_promoted) => Ended::Tail(TailError::Closed),
                        Err(ended) => ended,
                    });
                }
            }
        }
    }

    /// Asks for the head apart from the tail: a tail that has died in silence shows as lag.
    async fn take_pulse(&self, folder: &Folder<P>) {
        match self.log.head().await {
            Ok(head) => self.publish(folder, Some(&head)),
            Err(error) => self.report(error.to_string()),
        }
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
                progress.head = head
                    .last
                    .iter()
                    .map(|p| (p.partition, p.sequence))
                    .collect();
                progress.trouble = None;
            }
            let (head, reached) = (&progress.head, &progress.positions);
            let ahead = reached.iter().map(|(partition, sequence)| {
                (
                    *partition,
                    (*sequence).max(head.get(partition).copied().unwrap_or(0)),
                )
            });
            let merged = head
                .iter()
                .map(|(p, s)| (*p, *s))
                .chain(ahead.collect::<Vec<_>>());
            progress.head = merged.collect();
            progress.caught_up |= progress.lag_commits() == 0 && progress.trouble.is_none();
        });
    }

    fn report(&self, trouble: String) {
        let projection = self.projection.name();
        self.views.progress().send_if_modified(|progress| {
            let new = progress.trouble.as_ref() != Some(&trouble);
            if new {
                tracing::warn!(projection, trouble, "projection waits");
                progress.trouble = Some(trouble);
            }
            new
        });
    }
}

/// Records before the first error, and the error.
fn split(chunk: Vec<Result<Record, TailError>>) -> (Vec<Record>, Option<TailError>) {
    let empty = chunk.is_empty();
    let mut records = Vec::with_capacity(chunk.len());
    for item in chunk {
        match item {
            Ok(record) => records.push(record),
            Err(error) => return (records, Some(error)),
        }
    }
    (records, empty.then_some(TailError::Closed))
}

/// Folds and writes on a thread where blocking is fine.
async fn fold<P: Projection>(
    mut folder: Folder<P>,
    records: Vec<Record>,
) -> Result<Folder<P>, Error> {
    blocking(move || {
        for record in &records {
            folder.fold(record)?;
            if folder.pending().len() >= BATCH_KEYS {
                folder.write()?;
            }
        }
        if !records.is_empty() {
            folder.write()?;
        }
        Ok(folder)
    })
    .await
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

fn positions(checkpoint: &Checkpoint) -> Positions {
    let marks = checkpoint.partitions.iter();
    marks
        .map(|(&partition, mark)| Position::new(partition, mark.sequence))
        .collect()
}

/// How often a rebuild says how far it is.
const STEP: Duration = Duration::from_millis(250);

/// Says how far a build is, not too often.
struct Steps {
    to: Option<mpsc::Sender<Step>>,
    total: u64,
    done: u64,
    started: Instant,
    last: Instant,
}
