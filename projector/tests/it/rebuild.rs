//! A rebuild happens beside what serves, and ends in the same bytes.

use event_store::EventStore as _;
use projector::{Orders, RebuildRefused, Reports};

use crate::history::Writer;
use crate::log::{Log, Mood};
use crate::node::{Node, digest_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_neither_a_gap_nor_time_go_back() {
    let mut writer = Writer::new(20);
    writer.usual(1500, 2);
    let log = Log::new(2);
    log.append_all(&writer, 0..4000).await;
    let root = tempfile::tempdir().expect("folder");
    let node = Node::start(Orders, &log, root.path(), 1);
    node.reached(&log.head().await.expect("head")).await;
    let first = node.generation();

    let mut steps = node.rebuild.begin().await.expect("begun");
    let refused = node.rebuild.begin().await;
    assert_eq!(refused.err(), Some(RebuildRefused::Running));
    let mut promoted = None;
    let (mut seen, mut written) = (0, 4000);
    while promoted.is_none() {
        let next = (written + 40).min(writer.commits.len());
        log.append_all(&writer, written..next).await;
        written = next;
        let view = node.reader.view().expect("view");
        let reached: u64 = view.checkpoint().positions().values().sum();
        assert!(reached >= seen, "{reached} after {seen}");
        seen = reached;
        tokio::select! {
            step = steps.recv() => promoted = step.expect("it ends with a promotion").promoted,
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(promoted, Some(node.generation()));
    assert_ne!(node.generation(), first);
    log.append_all(&writer, written..writer.commits.len()).await;
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.digest(), digest_of(Orders, &writer.records(2)));
    let folders = std::fs::read_dir(root.path().join("orders")).expect("listed");
    let generations = folders.filter(|e| e.as_ref().is_ok_and(|e| e.path().is_dir()));
    assert_eq!(generations.count(), 1);
    node.stop().await;
}

#[tokio::test]
async fn what_is_rebuilt_is_what_was_there() {
    let mut writer = Writer::new(21);
    writer.wander(30, 500);
    let log = Log::new(1);
    let root = tempfile::tempdir().expect("folder");
    let node = Node::start(Reports, &log, root.path(), 1);
    node.until("it follows", |progress| progress.caught_up)
        .await;
    log.append_all(&writer, 0..500).await;
    node.reached(&log.head().await.expect("head")).await;
    let live = node.digest();
    let mut steps = node.rebuild.begin().await.expect("begun");
    let mut last = None;
    while let Some(step) = steps.recv().await {
        last = Some(step);
    }
    let last = last.expect("a step");
    assert_eq!((last.done, last.total), (500, 500));
    assert_eq!(last.promoted, Some(node.generation()));
    assert_eq!(node.digest(), live);
    node.stop().await;
}

#[tokio::test]
async fn a_rebuild_that_nobody_waits_for_is_given_up() {
    let mut writer = Writer::new(22);
    writer.wander(30, 300);
    let log = Log::holding(&writer, 1).await;
    let root = tempfile::tempdir().expect("folder");
    let node = Node::start(Orders, &log, root.path(), 1);
    node.reached(&log.head().await.expect("head")).await;
    let first = node.generation();
    // The build gets a tail that yields nothing, and so is running for certain.
    log.set(Mood::Deaf);
    let steps = node.rebuild.begin().await.expect("begun");
    drop(steps);
    let again = loop {
        match node.rebuild.begin().await {
            Ok(steps) => break steps,
            Err(_running) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(node.generation(), first);
    drop(again);
    log.set(Mood::Fine);
    node.stop().await;
}

#[tokio::test]
async fn a_projector_that_has_stopped_refuses() {
    let log = Log::new(1);
    let root = tempfile::tempdir().expect("folder");
    let node = Node::start(Orders, &log, root.path(), 1);
    let rebuild = node.rebuild.clone();
    node.stop().await;
    assert_eq!(rebuild.begin().await.err(), Some(RebuildRefused::Stopped));
}
