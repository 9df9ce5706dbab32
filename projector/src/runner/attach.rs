//! Finds the place to go on from, and makes sure that it is a place in this log.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use event_store::{ALL, Consistency, Head, Position, ReadError, StreamId};
use futures::StreamExt as _;
use futures::stream::{self, Stream};
use read_model::{Checkpoint, Error, Generation, Mark, Scan, Task};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::job::Steps;
use super::shared::{Shared, distance, sequences};
use super::{Ended, Job, Outcome, PULSE, Refused, Runner, Stop, VerifyAtStart};
use crate::fold::Mode;
use crate::{Folder, Retried};

/// Between the two looks at a commit that the log does not seem to hold: a leader that has just
/// changed may answer once from before.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// Entries read in one go by the check of the stored view.
const CHECK_CHUNK: usize = 20_000;

impl Runner {
    /// Finds the place to go on: behind the checkpoint, or at the end of a new build. When it
    /// returns, a view serves.
    pub(super) async fn attach(&mut self, cancel: &CancellationToken) -> Result<Folder, Stop> {
        let Some(generation) = self.stored(cancel).await? else {
            let head = self.shared.head().await?;
            return self.build_first(&head, cancel).await;
        };
        let checkpoint = self.checkpoint(&generation).await?;
        match self.shared.head().await {
            Ok(head) => {
                self.shared.fence(&checkpoint, &head).await?;
                self.serve(&generation).await?;
                self.shared.publish_head(&head);
            }
            Err(ended) => {
                // What was checked serves while the log is away.
                self.serve(&generation).await?;
                let folder = self.folder(generation).await?;
                self.shared.publish(&folder);
                self.shared.report_no_head(&ended);
                return Err(ended.into());
            }
        }
        let folder = self.folder(generation).await?;
        let folder = self.retry_after_upgrade(folder).await?;
        self.shared.publish(&folder);
        self.shared.all_is_well();
        Ok(folder)
    }

    /// The generation that serves, or that was found on disk and has passed its check.
    async fn stored(
        &mut self,
        cancel: &CancellationToken,
    ) -> Result<Option<Arc<Generation>>, Stop> {
        if let Some(active) = self.shared.store.active() {
            return Ok(Some(active));
        }
        if !self.opened {
            let store = Arc::clone(&self.shared.store);
            let found = self.shared.blocking(move || store.open()).await?;
            self.opened = true;
            if let Some(found) = found {
                // Damage found by the check concerns this one.
                self.found = Some(Arc::clone(&found.generation));
                let trusted = self.settings.verify_at_start == VerifyAtStart::AfterCrash;
                if !(trusted && found.clean) {
                    let shared = self.shared.clone();
                    let check = check(shared, found.generation, found.checkpoint, cancel.clone());
                    let checked = self.attend(None, check).await;
                    if matches!(checked, Err(Stop::Ended(_))) {
                        self.opened = false;
                        self.found = None;
                    }
                    checked?;
                }
            }
        }
        Ok(self.found.clone())
    }

    async fn checkpoint(&mut self, generation: &Arc<Generation>) -> Result<Checkpoint, Error> {
        let generation = Arc::clone(generation);
        self.shared
            .blocking(move || {
                let checkpoint = generation.checkpoint()?;
                checkpoint.ok_or_else(|| generation.damaged("it has no checkpoint"))
            })
            .await
    }

    async fn serve(&mut self, generation: &Arc<Generation>) -> Result<(), Error> {
        self.found = None;
        let is_active = |active: Arc<Generation>| Arc::ptr_eq(&active, generation);
        if self.shared.store.active().is_some_and(is_active) {
            return Ok(());
        }
        let (store, generation) = (Arc::clone(&self.shared.store), Arc::clone(generation));
        self.shared.blocking(move || store.serve(&generation)).await
    }

    async fn folder(&mut self, generation: Arc<Generation>) -> Result<Folder, Error> {
        let shared = self.shared.clone();
        self.shared
            .blocking(move || {
                let identity = [0; 16]; // Not used: there is a checkpoint.
                let folder = Folder::new(shared.projections, generation, identity, Mode::Live)?;
                Ok(folder.with_program(shared.program))
            })
            .await
    }

    /// Tries every order again that another build of the program has parked.
    async fn retry_after_upgrade(&mut self, mut folder: Folder) -> Result<Folder, Stop> {
        if folder.parked() == 0 {
            return Ok(folder);
        }
        for (order_id, parked) in folder.parked_orders()? {
            if parked.tried_by != *self.shared.program {
                let (next, retried) = self.shared.retry(folder, &order_id).await?;
                tracing::info!(
                    order_id,
                    ?retried,
                    "parked order tried again by another build"
                );
                folder = next;
            }
        }
        Ok(folder)
    }

    /// Builds because there is nothing to go on from; nothing serves meanwhile.
    async fn build_first(
        &mut self,
        head: &Head,
        cancel: &CancellationToken,
    ) -> Result<Folder, Stop> {
        self.abandon_build().await;
        self.shared.update(|progress| {
            progress.identity = head.identity.0;
            progress.head = sequences(head);
            progress.head_unknown_since = None;
            progress.trouble = None;
        });
        let total = distance(&super::shared::Reached::new(), &sequences(head));
        let steps = Steps::new(&self.shared, Task::Build, total);
        let (job, shared) = (steps.job(), self.shared.clone());
        let build = shared.build_first(head.clone(), steps, self.settings.patience, cancel.clone());
        let (folder, steps) = Box::pin(self.attend(Some(job), build)).await?;
        self.serve(folder.generation()).await?;
        let (generation, digest) = (folder.generation().name(), folder.checkpoint().digest);
        tracing::info!(generation, %digest, "read model built");
        steps.finish(Outcome::Promoted {
            generation: generation.to_owned(),
            digest,
            same: true,
        });
        self.shared.publish(&folder);
        self.shared.all_is_well();
        Ok(folder)
    }

    /// Does something long, and meanwhile answers requests and looks at the log's head.
    pub(super) async fn attend<T>(
        &mut self,
        job: Option<watch::Receiver<Job>>,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        let mut heads = std::pin::pin!(heads(self.shared.clone()));
        loop {
            tokio::select! {
                done = &mut work => return done,
                request = self.requests.next() => {
                    let trouble = self.shared.store.progress().borrow().trouble.clone();
                    let why = trouble.map_or(Refused::NoView, Refused::Away);
                    request.refuse(job.as_ref(), why);
                }
                Some(head) = heads.next() => match head {
                    Ok(head) => self.shared.publish_head(&head),
                    Err(ended) => self.shared.report_no_head(&ended),
                },
            }
        }
    }
}

/// The head of the log, again and again.
pub(super) fn heads(shared: Shared) -> impl Stream<Item = Result<Head, Ended>> {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((shared, pulse), |(shared, mut pulse)| async move {
        pulse.tick().await;
        let head = shared.head().await;
        Some((head, (shared, pulse)))
    })
}

/// Compares a stored generation with the digest in its checkpoint.
async fn check(
    shared: Shared,
    generation: Arc<Generation>,
    checkpoint: Checkpoint,
    cancel: CancellationToken,
) -> Result<(), Stop> {
    let mut steps = Steps::new(&shared, Task::Check, 0);
    let mut scan = Scan::new();
    loop {
        if cancel.is_cancelled() {
            return Err(Ended::Cancelled.into());
        }
        let (read, scanned) = (scan.entries(), Arc::clone(&generation));
        let advanced = shared.blocking(move || {
            let flow = scan.advance(&scanned, CHECK_CHUNK)?;
            Ok((scan, flow))
        });
        let flow;
        (scan, flow) = advanced.await?;
        steps.advance(scan.entries().saturating_sub(read), scan.entries());
        if flow == ControlFlow::Break(()) {
            break;
        }
    }
    let (found, expected) = (scan.digest(), checkpoint.digest);
    if found != expected {
        let cause = format!("its data have the digest {found}, its checkpoint {expected}");
        return Err(generation.damaged(&cause).into());
    }
    Ok(())
}

impl Shared {
    /// Whether the log still holds, at every position of the checkpoint, the commit that was folded
    /// from there. On disagreement a second look must agree.
    async fn fence(&self, checkpoint: &Checkpoint, head: &Head) -> Result<(), Ended> {
        if checkpoint.identity != head.identity.0 {
            let found = head.identity;
            return Err(Ended::OtherLog(format!("this is another log, {found}")));
        }
        self.holds_all(checkpoint).await
    }

    /// Whether the log holds every commit that a checkpoint names.
    pub(super) async fn holds_all(&self, checkpoint: &Checkpoint) -> Result<(), Ended> {
        for (&partition, mark) in &checkpoint.partitions {
            if self.holds(partition, mark).await?.is_err() {
                tokio::time::sleep(SECOND_LOOK).await;
                if let Err(what) = self.holds(partition, mark).await? {
                    return Err(Ended::RolledBack { partition, what });
                }
            }
        }
        Ok(())
    }

    async fn holds(&self, partition: u32, mark: &Mark) -> Result<Result<(), String>, Ended> {
        let position = Position::new(partition, mark.sequence);
        Ok(match self.answer(self.log.read_at(position)).await {
            Ok(Some(record)) if record.commit_id.0 == mark.commit_id => Ok(()),
            Ok(Some(record)) => Err(format!(
                "the log was rolled back: {position} holds commit {} now",
                record.commit_id
            )),
            Ok(None) => Err(format!(
                "the log was rolled back: it holds nothing at {position}"
            )),
            // Damaged since it was folded: it is there, and what was folded of it is right.
            Err(Ended::Unreachable(ReadError::Corrupt { .. })) => Ok(()),
            Err(ended) => return Err(ended),
        })
    }

    /// Folds the commits of a parked order again, from the log.
    pub(super) async fn retry(
        &self,
        mut folder: Folder,
        order_id: &str,
    ) -> Result<(Folder, Retried), Stop> {
        let Ok(stream) = StreamId::new(order_id) else {
            return Ok((folder, Retried::NotParked));
        };
        let after = folder.row_position(order_id)?;
        let records = self
            .log
            .read_stream(&stream, after, ALL, Consistency::Latest);
        let records = match self.answer(records).await {
            Ok(slice) => Ok(slice.records),
            Err(Ended::Unreachable(error @ ReadError::Corrupt { .. })) => Err(error.to_string()),
            Err(ended) => return Err(ended.into()),
        };
        let order_id = order_id.to_owned();
        let retried = self.blocking(move || {
            let retried = match records {
                Ok(records) => folder.retry(&order_id, &records)?,
                Err(detail) => folder.retry_failed(&order_id, detail)?,
            };
            Ok((folder, retried))
        });
        Ok(retried.await?)
    }
}
