//! A projector that runs, and what is asked of it.

#![allow(clippy::panic, reason = "a wait that ends in vain fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Head, Record};
use projector::{Folder, Projection, Projector, Rebuild};
use read_model::{Error, Progress, Reader, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::Log;

pub(crate) const CACHE: u64 = 8 << 20;
/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) views: Arc<Store>,
    pub(crate) reader: Reader,
    pub(crate) rebuild: Rebuild,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Node {
    pub(crate) fn start<P: Projection>(projection: P, log: &Log, root: &Path, schema: u32) -> Self {
        let name = projection.name();
        let views = Arc::new(Store::open(root, name, schema, CACHE).expect("opened"));
        let mut projector = Projector::new(projection, log.shared(), Arc::clone(&views))
            .with_patience(Duration::from_millis(1500));
        let (reader, rebuild) = (projector.reader(), projector.rebuild());
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let task = tokio::spawn(async move { projector.run(&token).await });
        Self {
            views,
            reader,
            rebuild,
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
            progress.identity == identity && progress.covers(&last) && progress.caught_up
        })
    }

    pub(crate) fn generation(&self) -> String {
        self.views.active().name().to_owned()
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.views.active().digest().expect("digest")
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        let ended = tokio::time::timeout(LONG, self.task).await;
        ended.expect("it stops").expect("no panic").expect("clean");
    }
}

/// The digest of a view that folds the records in one go.
pub(crate) fn digest_of<P: Projection>(projection: P, records: &[Record]) -> [u8; 32] {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path(), "whole", 1, CACHE).expect("opened");
    let mut whole = Folder::new(Arc::new(projection), store.active(), [0; 16]).expect("folder");
    for record in records {
        whole.fold(record).expect("folded");
    }
    whole.seal().expect("sealed");
    store.active().digest().expect("digest")
}

/// Views of a projection that were set aside.
pub(crate) fn quarantined(root: &Path) -> usize {
    std::fs::read_dir(root.join("quarantine")).map_or(0, Iterator::count)
}
