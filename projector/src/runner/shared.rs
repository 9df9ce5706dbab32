//! What following and building share.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use event_store::{
    ALL, Bookmark, CommitId, Consistency, Entry, EventStore, Head, Position, ReadError, Tail,
};
use read_model::{Checkpoint, Error, Progress, Store, Work};
use tokio::time::Instant;

use super::{Ended, Settings, Stop};
use crate::fold::Mode;
use crate::{Doubt, Folded, Folder, Projections, follows_in};

/// How long the log may take to answer a question. Its own timeouts are shorter.
const ANSWER: Duration = Duration::from_secs(10);
/// Keys of one atomic batch. sled holds a lock of the whole process while it applies one, and keeps
/// large batches in memory.
const BATCH_KEYS: usize = 128;
/// Changes of a build kept in memory, and so merged, before they are written in the order of their
/// keys.
const LOAD_BYTES: usize = 32 << 20;

/// Sequences by partition.
pub(super) type Reached = BTreeMap<u32, u64>;

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) projections: Projections,
    pub(super) log: Arc<dyn EventStore>,
    pub(super) store: Arc<Store>,
    pub(super) program: Arc<str>,
    threads: bool,
}

impl Shared {
    pub(super) fn new(
        projections: Projections,
        log: Arc<dyn EventStore>,
        store: Arc<Store>,
        settings: &Settings,
    ) -> Self {
        Self {
            projections,
            log,
            store,
            program: Arc::clone(&settings.program),
            threads: settings.threads,
        }
    }

    /// Asks for the head, in a bounded time.
    pub(super) async fn head(&self) -> Result<Head, Ended> {
        self.answer(self.log.head()).await
    }

    /// Everything after a checkpoint.
    pub(super) async fn tail(&self, checkpoint: &Checkpoint) -> Result<Tail, Ended> {
        self.answer(self.log.tail(bookmark(checkpoint))).await
    }

    /// An answer of the log, or that it gave none.
    pub(super) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, Ended> {
        let silent = |_elapsed| {
            let cause = format!("no answer within {} s", ANSWER.as_secs());
            Err(ReadError::Unavailable { cause })
        };
        let answered = tokio::time::timeout(ANSWER, asked).await;
        answered.unwrap_or_else(silent).map_err(Ended::Unreachable)
    }

    /// Runs what blocks where it may; a panic there is damage to the view.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if !self.threads {
            return work();
        }
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| {
                let cause = panic.to_string();
                Err(Error::damaged(&self.store.root(), &cause))
            })
    }

    /// Folds entries and writes them. Where one is in doubt the log's own stream decides whether the
    /// order is parked or the view is damaged.
    pub(super) async fn advance(
        &self,
        mut folder: Folder,
        entries: Vec<Entry>,
    ) -> Result<Folder, Stop> {
        let mut left = entries;
        loop {
            let folded = self.blocking(move || fold_some(folder, left)).await?;
            folder = folded.folder;
            let Some((doubt, rest)) = folded.doubt else {
                return Ok(folder);
            };
            if self.is_sound(&doubt).await? {
                // A log that was rolled back and has grown again shows no break of its own.
                self.holds_all(folder.checkpoint()).await?;
                let (id, detail) = (&doubt.record().stream, doubt.detail());
                let cause = format!("the row of {id} is not what the log says: {detail}");
                return Err(folder.generation().damaged(&cause).into());
            }
            folder.settle(doubt);
            left = rest;
        }
    }

    /// Whether the log's own stream shows no break at a record that does not follow its row.
    async fn is_sound(&self, doubt: &Doubt) -> Result<bool, Ended> {
        let record = doubt.record();
        let stream = self
            .log
            .read_stream(&record.stream, None, ALL, Consistency::Latest);
        match self.answer(stream).await {
            Ok(stream) => Ok(follows_in(&stream.records, record)),
            Err(Ended::Unreachable(ReadError::Corrupt { .. })) => Ok(false),
            Err(ended) => Err(ended),
        }
    }

    pub(super) fn positions(&self) -> Reached {
        self.store.progress().borrow().positions.clone()
    }

    /// Publishes how far the view that serves is.
    pub(super) fn publish(&self, folder: &Folder) {
        let checkpoint = folder.checkpoint();
        self.update(|progress| {
            progress.identity = checkpoint.identity;
            progress.positions.clone_from(folder.reached());
            progress.record_time = checkpoint.record_time();
            progress.digest = checkpoint.digest;
            if progress.parked != folder.parked() {
                progress.parked = folder.parked();
                progress.first_parked = folder.first_parked();
            }
        });
    }

    /// Publishes where the log ends: the answer to a question of its own.
    pub(super) fn publish_head(&self, head: &Head) {
        self.update(|progress| {
            progress.head = sequences(head);
            progress.head_unknown_since = None;
        });
    }

    /// Following has begun, or goes on: there is no trouble.
    pub(super) fn all_is_well(&self) {
        self.update(|progress| progress.trouble = None);
    }

    /// Publishes what is being built or checked.
    pub(super) fn publish_work(&self, work: Option<Work>) {
        self.store
            .progress()
            .send_modify(|progress| progress.work = work);
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.store.progress().send_modify(|progress| {
            change(progress);
            // What was folded is in the log, whatever it said of its head a moment ago.
            for (&partition, &reached) in &progress.positions {
                let head = progress.head.entry(partition).or_default();
                *head = reached.max(*head);
            }
            let shows_all = progress.lag_commits() == 0 && progress.trouble.is_none();
            progress.caught_up |= progress.serving && shows_all;
            progress.look();
        });
    }

    /// Says why it does not go on.
    pub(super) fn report(&self, trouble: String) {
        if self.store.progress().borrow().trouble.as_ref() == Some(&trouble) {
            return;
        }
        tracing::warn!(trouble, "the read model waits");
        self.update(|progress| progress.trouble = Some(trouble));
    }

    /// The log's head cannot be asked.
    pub(super) fn report_no_head(&self, ended: &Ended) {
        self.store.progress().send_modify(|progress| {
            progress.head_unknown_since.get_or_insert_with(Instant::now);
        });
        self.report(ended.to_string());
    }
}

struct SomeFolded {
    folder: Folder,
    /// An entry in doubt, and those after it.
    doubt: Option<(Doubt, Vec<Entry>)>,
}

/// Folds and writes until an entry is in doubt.
fn fold_some(mut folder: Folder, entries: Vec<Entry>) -> Result<SomeFolded, Error> {
    let mut entries = entries.into_iter();
    let mut doubt = None;
    while let Some(entry) = entries.next() {
        match entry {
            Entry::Record(record) => {
                if let Folded::Doubtful(found) = folder.fold(&record)? {
                    doubt = Some((found, entries.collect()));
                    break;
                }
            }
            Entry::Missing(missing) => {
                folder.pass_over(missing.position, missing.stream.as_ref())?;
            }
        }
        if is_full(&folder) {
            folder.write()?;
        }
    }
    if folder.mode() == Mode::Live && folder.has_news() {
        folder.write()?;
    }
    Ok(SomeFolded { folder, doubt })
}

fn is_full(folder: &Folder) -> bool {
    match folder.mode() {
        Mode::Live => folder.pending_keys() >= BATCH_KEYS,
        Mode::Build => folder.pending_bytes() >= LOAD_BYTES,
    }
}

pub(super) fn bookmark(checkpoint: &Checkpoint) -> Bookmark {
    let marks = checkpoint.partitions.iter();
    marks
        .map(|(&partition, mark)| {
            let position = Position::new(partition, mark.sequence);
            (position, CommitId(mark.commit_id))
        })
        .collect()
}

/// The end of every partition that holds something.
pub(super) fn sequences(head: &Head) -> Reached {
    let last = head.last.iter().filter(|at| at.sequence > 0);
    last.map(|at| (at.partition, at.sequence)).collect()
}

/// Whether everything up to `target` was reached.
pub(super) fn covers(reached: &Reached, target: &Reached) -> bool {
    distance(reached, target) == 0
}

/// Sequences between the two.
pub(super) fn distance(reached: &Reached, target: &Reached) -> u64 {
    let each = target
        .iter()
        .map(|(partition, end)| end.saturating_sub(reached.get(partition).copied().unwrap_or(0)));
    each.sum()
}
