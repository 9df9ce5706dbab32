//! Builds a generation from the start of the log, beside the one that serves.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Head, Positions, Record};
use futures::StreamExt as _;
use read_model::{Error, Generation};
use tokio_util::sync::CancellationToken;

use super::follow::split;
use super::rebuild::{Request, Steps};
use super::{Ended, Scene, answer, blocking, bookmark, positions};
use crate::{Folder, Projection};

/// Commits folded in one go: a build has no reader to hurry for.
const CHUNK: usize = 4096;
/// Changes kept in memory, and so merged, before they are written in the order of their keys.
const LOAD_BYTES: usize = 32 << 20;

/// A generation that was built and does not serve yet.
pub(super) struct Built<P: Projection> {
    folder: Folder<P>,
    steps: Steps,
}

/// A build that runs while the projector follows the log. Whatever becomes of it, what serves goes
/// on serving.
pub(super) struct Building<P: Projection> {
    future: Pin<Box<dyn Future<Output = Option<Built<P>>> + Send>>,
    stop: CancellationToken,
}

impl<P: Projection> Building<P> {
    /// Begins a build that somebody asked for. It moves when it is polled.
    pub(super) fn new(scene: Scene<P>, request: Request, patience: Duration) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let future = Box::pin(async move {
            let given_up = |why: &dyn std::fmt::Display| {
                let projection = scene.projection.name();
                tracing::warn!(projection, %why, "rebuild given up");
            };
            let head = match scene.head().await {
                Ok(head) => head,
                Err(error) => {
                    given_up(&error);
                    return None;
                }
            };
            match scene.build(&head, Some(request), patience, &token).await {
                Ok(built) => built.inspect_err(|ended| given_up(ended)).ok(),
                Err(error) => {
                    given_up(&error);
                    None
                }
            }
        });
        Self { future, stop }
    }

    /// What was built; `None` when it was given up.
    pub(super) async fn built(&mut self) -> Option<Built<P>> {
        self.future.as_mut().await
    }

    /// Gives it up, and waits until nothing of it is left.
    pub(super) async fn abandon(self, scene: &Scene<P>) -> Result<(), Error> {
        self.stop.cancel();
        match self.future.await {
            Some(built) => scene.discard_built(built).await,
            None => Ok(()),
        }
    }
}

impl<P: Projection> Scene<P> {
    /// Builds up to `head`. A build that is cut short leaves nothing behind: it is not the
    /// generation that the pointer names.
    pub(super) async fn build(
        &self,
        head: &Head,
        request: Option<Request>,
        patience: Duration,
        cancel: &CancellationToken,
    ) -> Result<Result<Built<P>, Ended>, Error> {
        let (scene, identity) = (self.clone(), head.identity.0);
        let folder = blocking(move || {
            let generation = scene.views.next()?;
            Folder::new(scene.projection, generation, identity)
        })
        .await?;
        let generation = Arc::clone(folder.generation());
        let mut steps = Steps::new(request, Positions::start().distance_to(&head.last));
        let filled = self
            .fill(folder, &head.last, &mut steps, patience, cancel)
            .await?;
        match filled {
            Ok(mut folder) => {
                drop(generation);
                let folder = blocking(move || {
                    // On disk before it is promoted: what is left to do then is short.
                    folder.load()?;
                    folder.generation().flush()?;
                    Ok(folder)
                })
                .await?;
                Ok(Ok(Built { folder, steps }))
            }
            Err(ended) => {
                self.discard(generation).await?;
                Ok(Err(ended))
            }
        }
    }

    /// Folds on until `target` is reached, without checkpoints.
    async fn fill(
        &self,
        mut folder: Folder<P>,
        target: &Positions,
        steps: &mut Steps,
        patience: Duration,
        cancel: &CancellationToken,
    ) -> Result<Result<Folder<P>, Ended>, Error> {
        let missing = target.iter().filter(|at| at.sequence > 0).collect();
        if positions(folder.checkpoint()).covers_all(&missing) {
            return Ok(Ok(folder));
        }
        let mut tail = match answer(self.log.tail(bookmark(folder.checkpoint()))).await {
            Ok(tail) => tail.ready_chunks(CHUNK),
            Err(error) => return Ok(Err(Ended::Unreachable(error))),
        };
        while !positions(folder.checkpoint()).covers_all(&missing) {
            let chunk = tokio::select! {
                () = cancel.cancelled() => return Ok(Err(Ended::Cancelled)),
                () = steps.unwanted() => return Ok(Err(Ended::Cancelled)),
                () = tokio::time::sleep(patience) => return Ok(Err(Ended::Stalled(patience))),
                chunk = tail.next() => chunk.unwrap_or_default(),
            };
            let (records, ended) = split(chunk);
            steps.advance(records.len() as u64);
            folder = load(folder, records).await?;
            if let Some(error) = ended {
                return Ok(Err(Ended::Tail(error)));
            }
        }
        Ok(Ok(folder))
    }

    /// Folds on to where the one that serves is, so that no reader sees time go back.
    pub(super) async fn catch_up(
        &self,
        built: Built<P>,
        target: &Positions,
        patience: Duration,
        cancel: &CancellationToken,
    ) -> Result<Result<Built<P>, Ended>, Error> {
        let Built { folder, mut steps } = built;
        let generation = Arc::clone(folder.generation());
        match self
            .fill(folder, target, &mut steps, patience, cancel)
            .await?
        {
            Ok(folder) => Ok(Ok(Built { folder, steps })),
            Err(ended) => {
                self.discard(generation).await?;
                Ok(Err(ended))
            }
        }
    }

    /// Lets a built generation serve; nobody may fold into the one before any more.
    pub(super) async fn promote(
        &self,
        built: Built<P>,
        head: Option<&Head>,
    ) -> Result<Folder<P>, Error> {
        let Built { mut folder, steps } = built;
        let views = Arc::clone(&self.views);
        let folder = blocking(move || {
            folder.seal()?;
            views.promote(Arc::clone(folder.generation()))?;
            Ok(folder)
        })
        .await?;
        self.publish(&folder, head);
        let (projection, generation) = (self.projection.name(), folder.generation().name());
        tracing::info!(projection, generation, "generation promoted");
        steps.finish(folder.generation()).await;
        Ok(folder)
    }

    pub(super) async fn discard_built(&self, built: Built<P>) -> Result<(), Error> {
        let generation = Arc::clone(built.folder.generation());
        drop(built);
        self.discard(generation).await
    }

    async fn discard(&self, generation: Arc<Generation>) -> Result<(), Error> {
        let views = Arc::clone(&self.views);
        blocking(move || views.discard(generation)).await
    }
}

impl<P: Projection> Built<P> {
    pub(super) const fn identity(&self) -> &[u8; 16] {
        &self.folder.checkpoint().identity
    }
}

async fn load<P: Projection>(
    mut folder: Folder<P>,
    records: Vec<Record>,
) -> Result<Folder<P>, Error> {
    blocking(move || {
        for record in &records {
            folder.fold(record)?;
            if folder.pending_bytes() >= LOAD_BYTES {
                folder.load()?;
            }
        }
        Ok(folder)
    })
    .await
}
