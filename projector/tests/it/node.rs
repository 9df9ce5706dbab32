//! A runner that runs, and what is asked of it.

#![allow(clippy::panic, reason = "a wait that ends in vain fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Head, Record};
use projector::{FOLD, Folder, Job, Mode, Operator, Outcome, Projections, Runner, Settings, all};
use read_model::{Digest, Generation, Memory, Progress, Reader, Scan, Sled, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::Log;

pub(crate) const SLED: Sled = Sled {
    cache_bytes: 8 << 20,
};
/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(120);

pub(crate) struct Node {
    pub(crate) store: Arc<Store>,
    pub(crate) reader: Reader,
    pub(crate) operator: Operator,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

pub(crate) fn settings() -> Settings {
    Settings {
        patience: Duration::from_millis(1500),
        ..Settings::default()
    }
}

impl Node {
    pub(crate) fn start(log: &Log, root: &Path) -> Self {
        Self::start_with(all(), log, root, settings())
    }

    pub(crate) fn start_with(
        projections: Projections,
        log: &Log,
        root: &Path,
        settings: Settings,
    ) -> Self {
        let store = Arc::new(Store::new(root, FOLD, Arc::new(SLED)));
        Self::run(projections, log, store, settings)
    }

    pub(crate) fn run(
        projections: Projections,
        log: &Log,
        store: Arc<Store>,
        settings: Settings,
    ) -> Self {
        let mut runner = Runner::new(projections, log.shared(), Arc::clone(&store), settings);
        let (reader, operator) = (runner.reader(), runner.operator());
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let task = tokio::spawn(async move { runner.run(&token).await });
        Self {
            store,
            reader,
            operator,
            cancel,
            task,
        }
    }

    #[track_caller]
    pub(crate) fn until(
        &self,
        what: &'static str,
        is: impl FnMut(&Progress) -> bool,
    ) -> impl Future<Output = Progress> {
        let mut progress = self.reader.progress();
        async move {
            let waited = tokio::time::timeout(LONG, progress.wait_for(is));
            let reached = waited
                .await
                .map(|reached| reached.expect("it runs").clone());
            reached.unwrap_or_else(|_late| {
                panic!("not within {LONG:?}: {what}; {:?}", progress.borrow())
            })
        }
    }

    /// Until the view shows this head, of this log.
    #[track_caller]
    pub(crate) fn reached(&self, head: &Head) -> impl Future<Output = Progress> {
        let identity = head.identity.0;
        let last = head.last.iter().map(|at| (at.partition, at.sequence));
        let last = last.collect();
        self.until("the head", move |progress| {
            progress.serving
                && progress.identity == identity
                && progress.covers(&last)
                && progress.caught_up
        })
    }

    pub(crate) fn active(&self) -> Arc<Generation> {
        self.store.active().expect("one serves")
    }

    pub(crate) fn generation(&self) -> String {
        self.active().name().to_owned()
    }

    /// The digest in the checkpoint, which is that of the data.
    #[track_caller]
    pub(crate) fn digest(&self) -> Digest {
        digest(&self.active())
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        let ended = tokio::time::timeout(LONG, self.task).await;
        ended.expect("it stops").expect("no panic");
    }
}

/// The digest in the checkpoint of a generation at rest, which is that of its data.
#[track_caller]
pub(crate) fn digest(generation: &Generation) -> Digest {
    let checkpoint = generation.checkpoint().expect("read").expect("complete");
    let found = Scan::whole(generation).expect("read").digest();
    assert_eq!(found, checkpoint.digest, "the checkpoint knows its data");
    found
}

/// What came of a job.
pub(crate) async fn outcome(job: &mut watch::Receiver<Job>) -> Outcome {
    let ended = tokio::time::timeout(LONG, job.wait_for(|job| job.outcome.is_some())).await;
    let job = ended.expect("it ends").expect("it says so").clone();
    job.outcome.expect("waited for")
}

/// A store in memory, whose folder lives as long as the first of the two.
pub(crate) fn memory() -> (tempfile::TempDir, Arc<Store>) {
    let root = tempfile::tempdir().expect("folder");
    let store = Store::new(root.path(), FOLD, Arc::new(Memory));
    store.open().expect("opened");
    (root, Arc::new(store))
}

/// A folder into a new generation in memory.
pub(crate) fn folder(store: &Store, projections: Projections, mode: Mode) -> Folder {
    let generation = store.create().expect("made");
    Folder::new(projections, generation, [7; 16], mode).expect("folder")
}

#[track_caller]
pub(crate) fn fold_all(folder: &mut Folder, records: &[Record]) {
    for record in records {
        let folded = folder.fold(record).expect("folded");
        assert!(folded.is_done(), "{folded:?}");
    }
}

/// The digest of a view that folds the records in one go.
pub(crate) fn digest_by(projections: Projections, records: &[Record]) -> Digest {
    let (_root, store) = memory();
    let mut whole = folder(&store, projections, Mode::Build);
    fold_all(&mut whole, records);
    whole.seal().expect("sealed");
    digest(whole.generation())
}

pub(crate) fn digest_of(records: &[Record]) -> Digest {
    digest_by(all(), records)
}

/// Generations that were set aside.
pub(crate) fn quarantined(root: &Path) -> usize {
    std::fs::read_dir(root.join("quarantine")).map_or(0, Iterator::count)
}
