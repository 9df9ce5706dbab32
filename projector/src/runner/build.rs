//! Builds a generation from the start of the log, beside the one that serves.
//!
//! ```text
//!  serving   ────────────T0──────────────T1────────T2 ─ ─ ─ ─ ─▶
//!  build     ═══════════▶T0 seal ───────▶T1 ─────▶T2 + what came since, kept: compare, promote
//! ```
//!
//! A build goes up to where the serving view was at one moment, exactly. What the serving view folds
//! after that moment is kept beside, as long as it is little; with it the build gets to the same
//! place between two batches, and asks nothing of the log meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Entry, Head, TailError};
use futures::StreamExt as _;
use read_model::Task;
use tokio_util::sync::CancellationToken;

use super::job::{Outcome, Steps};
use super::shared::{Reached, Shared, covers, distance, sequences};
use super::{Ended, Stop};
use crate::Folder;
use crate::fold::Mode;

/// Entries folded in one go: a build has no reader to hurry for.
const CHUNK: usize = 4096;
/// Entries kept for a build that is nearly there. With more, it reads them from the log in another
/// round.
const KEPT: usize = 4096;
/// With so few kept entries, a build takes the place of what serves: it stands still for
/// milliseconds.
const FEW: usize = 256;
/// After so many rounds it does so with as many as are kept: writers are as fast as it is.
const ROUNDS: u32 = 8;
/// A first build serves when it is this close to the head; readers see how far behind it is.
const CLOSE: u64 = 4096;

type Round = Pin<Box<dyn Future<Output = Result<(Folder, Steps), Stop>> + Send>>;

/// A build that goes on while the runner follows the log.
pub(super) struct Building {
    round: Round,
    rounds: u32,
    task: Task,
    job: tokio::sync::watch::Receiver<super::Job>,
    stop: CancellationToken,
    kept: Option<Vec<Entry>>,
}

/// A build that stands where the serving view stood a few entries ago.
pub(super) struct Built {
    pub(super) folder: Folder,
    pub(super) steps: Steps,
    /// Those entries.
    pub(super) kept: Vec<Entry>,
}

impl Building {
    /// Begins to build up to `target`, where the serving view is now.
    pub(super) fn begin(
        shared: &Shared,
        task: Task,
        identity: [u8; 16],
        target: Reached,
        patience: Duration,
    ) -> Self {
        let steps = Steps::new(shared, task, distance(&Reached::new(), &target));
        let (job, stop) = (steps.job(), CancellationToken::new());
        let (shared, token) = (shared.clone(), stop.clone());
        let round = Box::pin(async move {
            let folder = shared.new_folder(identity).await?;
            shared.round(folder, steps, target, patience, &token).await
        });
        Self {
            round,
            rounds: 1,
            task,
            job,
            stop,
            kept: Some(Vec::new()),
        }
    }

    pub(super) const fn task(&self) -> Task {
        self.task
    }

    pub(super) fn job(&self) -> tokio::sync::watch::Receiver<super::Job> {
        self.job.clone()
    }

    /// Keeps what the serving view has just folded.
    pub(super) fn keep(&mut self, entries: &[Entry]) {
        self.kept = self.kept.take().filter(|kept| kept.len() <= KEPT);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(entries);
        }
    }

    /// Where a round has ended.
    pub(super) async fn round(&mut self) -> Result<(Folder, Steps), Stop> {
        self.round.as_mut().await
    }

    /// After a round: the build is there, or goes another round up to `target`, where the serving
    /// view is now.
    pub(super) fn next(
        self,
        shared: &Shared,
        folder: Folder,
        steps: Steps,
        target: Reached,
        patience: Duration,
    ) -> Result<Built, Self> {
        let is_there = |kept: &Vec<Entry>| kept.len() <= FEW || self.rounds >= ROUNDS;
        if let Some(kept) = self.kept.filter(is_there) {
            return Ok(Built {
                folder,
                steps,
                kept,
            });
        }
        let (shared, token) = (shared.clone(), self.stop.clone());
        let round =
            Box::pin(async move { shared.round(folder, steps, target, patience, &token).await });
        Err(Self {
            round,
            rounds: self.rounds.saturating_add(1),
            kept: Some(Vec::new()),
            ..self
        })
    }

    /// Gives it up, and waits until it has stopped.
    pub(super) async fn abandon(mut self, shared: &Shared, why: &str) {
        self.stop.cancel();
        match self.round().await {
            Ok((folder, steps)) => shared.give_up(folder, steps, why.to_owned()),
            Err(_stopped) => {}
        }
    }

    /// Asks it to stop; it ends as given up.
    pub(super) fn cancel(&self) {
        self.stop.cancel();
    }
}

impl Shared {
    async fn new_folder(&self, identity: [u8; 16]) -> Result<Folder, Stop> {
        let shared = self.clone();
        let folder = self.blocking(move || {
            let generation = shared.store.create()?;
            let folder = Folder::new(shared.projections, generation, identity, Mode::Build)?;
            Ok(folder.with_program(shared.program))
        });
        Ok(folder.await?)
    }

    /// Builds up to the head of the log, because nothing serves.
    pub(super) async fn build_first(
        self,
        head: Head,
        mut steps: Steps,
        patience: Duration,
        cancel: CancellationToken,
    ) -> Result<(Folder, Steps), Stop> {
        let mut folder = self.new_folder(head.identity.0).await?;
        let generation = Arc::clone(folder.generation());
        let mut target = sequences(&head);
        let built = async {
            loop {
                folder = self
                    .fill(folder, &target, &mut steps, patience, &cancel)
                    .await?;
                let newer = sequences(&self.head().await?);
                if distance(folder.reached(), &newer) <= CLOSE {
                    break;
                }
                target = newer;
            }
            self.seal(folder).await
        };
        let built = built.await;
        if built.is_err() {
            self.store.discard(generation);
        }
        built.map(|folder| (folder, steps))
    }

    /// One round: up to `target` exactly, complete and on disk. A build that fails leaves nothing
    /// behind.
    async fn round(
        &self,
        folder: Folder,
        mut steps: Steps,
        target: Reached,
        patience: Duration,
        cancel: &CancellationToken,
    ) -> Result<(Folder, Steps), Stop> {
        let generation = Arc::clone(folder.generation());
        let filled = async {
            let folder = self
                .fill(folder, &target, &mut steps, patience, cancel)
                .await?;
            match folder.mode() {
                Mode::Build => self.seal(folder).await,
                Mode::Live => Ok(folder),
            }
        };
        match filled.await {
            Ok(folder) => Ok((folder, steps)),
            Err(stop) => {
                self.store.discard(generation);
                steps.finish(Outcome::GivenUp(stop.to_string()));
                Err(stop)
            }
        }
    }

    async fn seal(&self, mut folder: Folder) -> Result<Folder, Stop> {
        let sealed = self.blocking(move || {
            folder.seal()?;
            Ok(folder)
        });
        Ok(sealed.await?)
    }

    /// Folds on until `target` is reached, and not beyond it.
    async fn fill(
        &self,
        mut folder: Folder,
        target: &Reached,
        steps: &mut Steps,
        patience: Duration,
        cancel: &CancellationToken,
    ) -> Result<Folder, Stop> {
        if covers(folder.reached(), target) {
            return Ok(folder);
        }
        let mut tail = self.tail(folder.checkpoint()).await?.ready_chunks(CHUNK);
        while !covers(folder.reached(), target) {
            let chunk = tokio::select! {
                () = cancel.cancelled() => return Err(Ended::Cancelled.into()),
                () = tokio::time::sleep(patience) => return Err(Ended::Stalled(patience).into()),
                chunk = tail.next() => chunk.unwrap_or_default(),
            };
            let (mut entries, ended) = split(chunk);
            entries.retain(|entry| is_within(entry, target));
            let done = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            folder = self.advance(folder, entries).await?;
            steps.advance(done, distance(&Reached::new(), target));
            if let Some(ended) = ended {
                return Err(ended.into());
            }
            if steps.task() == Task::Verify {
                // Nobody waits for it: other work comes first.
                tokio::task::yield_now().await;
            }
        }
        Ok(folder)
    }

    pub(super) fn give_up(&self, folder: Folder, steps: Steps, why: String) {
        tracing::warn!(
            task = steps.task().name(),
            why,
            "given up; what serves goes on"
        );
        let generation = Arc::clone(folder.generation());
        drop(folder);
        self.store.discard(generation);
        steps.finish(Outcome::GivenUp(why));
    }
}

fn is_within(entry: &Entry, target: &Reached) -> bool {
    let position = entry.position();
    let end = target.get(&position.partition).copied();
    position.sequence <= end.unwrap_or(0)
}

/// Entries before the first error, and what it means.
pub(super) fn split(chunk: Vec<Result<Entry, TailError>>) -> (Vec<Entry>, Option<Ended>) {
    let empty = chunk.is_empty();
    let mut entries = Vec::with_capacity(chunk.len());
    for item in chunk {
        match item {
            Ok(entry) => entries.push(entry),
            Err(error) => return (entries, Some(error.into())),
        }
    }
    (entries, empty.then_some(Ended::Closed))
}
