//! Builds a generation from the start of the log, beside the one that serves.

use std::sync::Arc;

use event_store::{Head, Positions, Record};
use futures::StreamExt as _;
use read_model::{Error, Generation};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Ended, Projector, STEP, Step, Steps, blocking, positions, split};
use crate::{Folder, Projection};

/// Commits folded in one go: a build has no reader to hurry for.
const CHUNK: usize = 4096;
/// Changes kept in memory, and so merged, before they are written in the order of their keys.
const LOAD_BYTES: usize = 32 << 20;

impl<P: Projection> Projector<P> {
    /// Builds up to `head`, promotes, and answers the folder that goes on from there. A build that
    /// is cut short leaves nothing behind: it is not the generation that the pointer names.
    pub(super) async fn build(
        &mut self,
        head: &Head,
        to: Option<mpsc::Sender<Step>>,
        cancel: &CancellationToken,
    ) -> Result<Result<Folder<P>, Ended>, Error> {
        let (projection, views) = (Arc::clone(&self.projection), Arc::clone(&self.views));
        let identity = head.identity.0;
        let (generation, folder) = blocking(move || {
            let generation = views.next()?;
            let folder = Folder::new(projection, Arc::clone(&generation), identity)?;
            Ok((generation, folder))
        })
        .await?;
        let mut steps = Steps::new(to, Positions::start().distance_to(&head.last));
        match self.fill(folder, head, &mut steps, cancel).await? {
            Ok(folder) => {
                let views = Arc::clone(&self.views);
                let folder = blocking(move || {
                    let mut folder = folder;
                    folder.seal()?;
                    views.promote(generation)?;
                    Ok(folder)
                })
                .await?;
                self.publish(&folder, Some(head));
                steps.finish(folder.generation()).await;
                Ok(Ok(folder))
            }
            Err(ended) => {
                let views = Arc::clone(&self.views);
                blocking(move || views.discard(generation)).await?;
                Ok(Err(ended))
            }
        }
    }

    async fn fill(
        &self,
        mut folder: Folder<P>,
        head: &Head,
        steps: &mut Steps,
        cancel: &CancellationToken,
    ) -> Result<Result<Folder<P>, Ended>, Error> {
        if head.last.iter().all(|position| position.sequence == 0) {
            return Ok(Ok(folder));
        }
        let mut tail = match self.log.tail(Positions::start()).await {
            Ok(tail) => tail.ready_chunks(CHUNK),
            Err(error) => return Ok(Err(Ended::Unreachable(error))),
        };
        while !positions(folder.checkpoint()).covers_all(&head.last) {
            if steps.is_unwanted() {
                return Ok(Err(Ended::Tail(event_store::TailError::Closed)));
            }
            let chunk = tokio::select! {
                () = cancel.cancelled() => return Ok(Err(Ended::Cancelled)),
                chunk = tail.next() => chunk.unwrap_or_default(),
            };
            let (records, ended) = split(chunk);
            steps.advance(records.len() as u64).await;
            folder = load(folder, records).await?;
            if let Some(error) = ended {
                return Ok(Err(Ended::Tail(error)));
            }
        }
        Ok(Ok(folder))
    }
}

async fn load<P: Projection>(
    mut folder: Folder<P>,
    records: Vec<Record>,
) -> Result<Folder<P>, Error> {
    blocking(move || {
        for record in &records {
            folder.fold(record)?;
            if folder.pending().bytes() >= LOAD_BYTES {
                folder.load()?;
            }
        }
        Ok(folder)
    })
    .await
}

impl Steps {
    fn new(to: Option<mpsc::Sender<Step>>, total: u64) -> Self {
        let now = Instant::now();
        Self {
            to,
            total,
            done: 0,
            started: now,
            last: now,
        }
    }

    /// Whether whoever asked for the rebuild has gone away.
    fn is_unwanted(&self) -> bool {
        self.to.as_ref().is_some_and(mpsc::Sender::is_closed)
    }

    async fn advance(&mut self, commits: u64) {
        self.done = self.done.saturating_add(commits);
        if self.last.elapsed() >= STEP {
            self.last = Instant::now();
            self.send(None).await;
        }
    }

    async fn finish(self, generation: &Generation) {
        self.send(Some(generation.name().to_owned())).await;
    }

    async fn send(&self, promoted: Option<String>) {
        if let Some(to) = &self.to {
            let (done, total) = (self.done, self.total.max(self.done));
            let elapsed = self.started.elapsed();
            // Whoever has gone away is noticed before the next chunk.
            drop(
                to.send(Step {
                    done,
                    total,
                    elapsed,
                    promoted,
                })
                .await,
            );
        }
    }
}
