//! Folds what comes, as it comes.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Entry, EventStore, Head, Positions, ReadError, Record, Tail, TailError};
use futures::{Stream, StreamExt as _, stream};
use read_model::Error;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::build::{Building, Built};
use super::{Ended, PULSE, Projector, answer, blocking, bookmark, positions};
use crate::{Folder, Projection};

/// Commits folded in one go while following: enough to amortise the hand-over to the writer's
/// thread, few enough that a reader sees a commit within milliseconds.
const CHUNK: usize = 256;
/// What a tail yields.
type Yielded = Result<Entry, TailError>;
/// Keys of one atomic batch. sled holds a lock of the whole process while it applies one, and keeps
/// large batches in memory.
const BATCH_KEYS: usize = 128;

impl<P: Projection> Projector<P> {
    /// Folds what comes, until something ends it. A rebuild that is asked for goes on beside.
    pub(super) async fn follow(
        &mut self,
        mut folder: Folder<P>,
        cancel: &CancellationToken,
    ) -> Result<Ended, Error> {
        let log = &self.scene.log;
        let mut tail = match answer(log.tail(bookmark(folder.checkpoint()))).await {
            Ok(tail) => chunks(tail, self.scene.projection.gather()),
            Err(error) => return Ok(Ended::Unreachable(error)),
        };
        let mut heads = std::pin::pin!(heads(Arc::clone(log)));
        let mut still = Still::new(self.patience);
        loop {
            let building = self.building.as_mut();
            let idle = building.is_none();
            tokio::select! {
                () = cancel.cancelled() => return Ok(Ended::Cancelled),
                chunk = tail.next() => {
                    let (records, ended) = split(chunk.unwrap_or_default());
                    folder = fold(folder, records).await?;
                    self.scene.publish(&folder, None);
                    still.moved();
                    if let Some(error) = ended {
                        return Ok(Ended::Tail(error));
                    }
                }
                Some(head) = heads.next() => {
                    if let Some(ended) = self.take_pulse(head, &folder, &mut still) {
                        return Ok(ended);
                    }
                }
                request = self.requests.next(), if idle => {
                    let scene = self.scene.clone();
                    self.building = Some(Building::new(scene, request, self.patience));
                }
                built = built(building) => {
                    self.building = None;
                    if let Some(built) = built {
                        drop(tail);
                        return self.replace(folder, built, cancel).await;
                    }
                }
            }
        }
    }

    /// Looks at the head, which was asked for apart from the tail: a tail that has died in silence
    /// shows as lag.
    fn take_pulse(
        &mut self,
        head: Result<Head, ReadError>,
        folder: &Folder<P>,
        still: &mut Still,
    ) -> Option<Ended> {
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                self.scene.report(error.to_string());
                // Nothing is known, so nothing is known to be late.
                still.moved();
                return None;
            }
        };
        let reached = positions(folder.checkpoint());
        let stalled = still.since(&reached, &head);
        if stalled.is_some() {
            return stalled.map(Ended::Stalled);
        }
        self.scene.publish(folder, Some(&head));
        if self.scene.views.progress().borrow().caught_up {
            self.damaged = 0;
        }
        None
    }

    /// Lets what was built take the place of what was followed.
    async fn replace(
        &mut self,
        folder: Folder<P>,
        built: Built<P>,
        cancel: &CancellationToken,
    ) -> Result<Ended, Error> {
        let checkpoint = folder.checkpoint();
        if *built.identity() != checkpoint.identity {
            self.scene.discard_built(built).await?;
            return Ok(Ended::Tail(TailError::Closed));
        }
        let target = positions(checkpoint);
        drop(folder);
        let caught_up = self
            .scene
            .catch_up(built, &target, self.patience, cancel)
            .await?;
        match caught_up {
            Ok(built) => {
                drop(self.scene.promote(built, None).await?);
                Ok(Ended::Promoted)
            }
            Err(ended) => Ok(ended),
        }
    }
}

/// What has come, in chunks: at once, or gathered.
fn chunks(tail: Tail, gather: Duration) -> Pin<Box<dyn Stream<Item = Vec<Yielded>> + Send>> {
    if gather.is_zero() {
        Box::pin(tail.ready_chunks(CHUNK))
    } else {
        Box::pin(tokio_stream::StreamExt::chunks_timeout(tail, CHUNK, gather))
    }
}

/// What the build made, once it has; never without one.
async fn built<P: Projection>(building: Option<&mut Building<P>>) -> Option<Built<P>> {
    match building {
        Some(building) => building.built().await,
        None => pending().await,
    }
}

/// The head of the log, again and again.
fn heads(log: Arc<dyn EventStore>) -> impl Stream<Item = Result<Head, ReadError>> {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((log, pulse), |(log, mut pulse)| async move {
        pulse.tick().await;
        let head = answer(log.head()).await;
        Some((head, (log, pulse)))
    })
}

/// For how long nothing has come.
struct Still {
    patience: Duration,
    since: Instant,
}

impl Still {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: Instant::now(),
        }
    }

    fn moved(&mut self) {
        self.since = Instant::now();
    }

    /// How long nothing has come though there is more, when that is too long.
    fn since(&mut self, reached: &Positions, head: &Head) -> Option<Duration> {
        if reached.distance_to(&head.last) == 0 {
            self.moved();
        }
        Some(self.since.elapsed()).filter(|still| *still >= self.patience)
    }
}

/// Records before the first error, and the error.
pub(super) fn split(chunk: Vec<Yielded>) -> (Vec<Record>, Option<TailError>) {
    let empty = chunk.is_empty();
    let mut records = Vec::with_capacity(chunk.len());
    for item in chunk {
        match item {
            Ok(Entry::Record(record)) => records.push(record),
            // Its order parks at its next commit, which does not continue the one before it.
            Ok(Entry::Missing(missing)) => tracing::error!(
                position = %missing.position,
                cause = missing.cause,
                "a record is missing from the log"
            ),
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
            if folder.pending_keys() >= BATCH_KEYS {
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
