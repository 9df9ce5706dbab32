//! A view is folded on only over the log that it was folded from.

use event_store::{EventStore as _, LogIdentity};
use projector::{Orders, Reports};
use read_model::{Changes, keys};

use crate::history::Writer;
use crate::log::{IDENTITY, Log, Mood};
use crate::node::{Node, digest_of, quarantined};

fn written(seed: u64) -> Writer {
    let mut writer = Writer::new(seed);
    writer.wander(15, 200);
    writer
}

/// A view of the first `commits` of a history, and the generation that holds it.
async fn view_of(writer: &Writer, commits: usize, root: &std::path::Path) -> (Log, String) {
    let log = Log::new(1);
    log.append_all(writer, 0..commits).await;
    let node = Node::start(Orders, &log, root, 1);
    node.reached(&log.head().await.expect("head")).await;
    let generation = node.generation();
    node.stop().await;
    (log, generation)
}

/// Starts over what is there, and expects the view to become that of `commits` of `writer`.
async fn becomes(log: &Log, root: &std::path::Path, writer: &Writer, commits: usize) -> String {
    let node = Node::start(Orders, log, root, 1);
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(
        node.digest(),
        digest_of(Orders, &writer.records(1)[..commits])
    );
    let generation = node.generation();
    node.stop().await;
    generation
}

#[tokio::test]
async fn the_same_log_is_gone_on_with() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(1);
    let (log, first) = view_of(&writer, 120, root.path()).await;
    log.append_all(&writer, 120..200).await;
    let then = becomes(&log, root.path(), &writer, 200).await;
    assert_eq!(then, first);
    assert_eq!(quarantined(root.path()), 0);
}

#[tokio::test]
async fn another_log_makes_another_view() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(2);
    let (log, first) = view_of(&writer, 200, root.path()).await;
    log.exchange(LogIdentity([8; 16]), &writer, 200).await;
    let then = becomes(&log, root.path(), &writer, 200).await;
    assert_ne!(then, first);
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn a_log_that_lost_its_tail_makes_another_view() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(3);
    let (log, first) = view_of(&writer, 200, root.path()).await;
    log.exchange(IDENTITY, &writer, 150).await;
    let then = becomes(&log, root.path(), &writer, 150).await;
    assert_ne!(then, first);
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn another_commit_at_the_checkpoint_makes_another_view() {
    let root = tempfile::tempdir().expect("folder");
    let (log, first) = view_of(&written(4), 150, root.path()).await;
    let mut other = written(5);
    for (_, commit, _) in &mut other.commits {
        // Ids are numbers here; in a log that was restored and went on they are new ones.
        commit.commit_id[0] = 0xEE;
    }
    log.exchange(IDENTITY, &other, 200).await;
    let then = becomes(&log, root.path(), &other, 200).await;
    assert_ne!(then, first);
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn a_log_that_is_exchanged_while_it_is_followed_is_noticed() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(6);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(Reports, &log, root.path(), 1);
    node.reached(&log.head().await.expect("head")).await;
    for (identity, commits) in [(IDENTITY, 90), (LogIdentity([9; 16]), 140)] {
        log.exchange(identity, &writer, commits).await;
        let expected = digest_of(Reports, &writer.records(1)[..commits]);
        let head = log.head().await.expect("head");
        node.until("the view of the other log", |progress| {
            progress.identity == head.identity.0
                && progress.positions == [(0, head.last.sequence(0))].into()
        })
        .await;
        assert_eq!(node.digest(), expected);
    }
    assert_eq!(quarantined(root.path()), 2);
    node.stop().await;
}

#[tokio::test]
async fn another_schema_makes_another_view() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(7);
    let (log, _) = view_of(&writer, 200, root.path()).await;
    let node = Node::start(Orders, &log, root.path(), 2);
    node.reached(&log.head().await.expect("head")).await;
    assert!(node.generation().starts_with("2-"), "{}", node.generation());
    assert_eq!(node.digest(), digest_of(Orders, &writer.records(1)));
    node.stop().await;
}

#[tokio::test]
async fn a_view_that_does_not_open_makes_another_view() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(8);
    let (log, first) = view_of(&writer, 200, root.path()).await;
    let path = root.path().join("orders").join(&first).join("db");
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("damaged");
    becomes(&log, root.path(), &writer, 200).await;
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn a_view_that_turns_out_to_be_damaged_is_exchanged_while_it_runs() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(9);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(Orders, &log, root.path(), 1);
    node.reached(&log.head().await.expect("head")).await;
    let first = node.generation();

    let mut damage = Changes::default();
    damage.put(keys::CHECKPOINT.to_vec(), b"nonsense".to_vec());
    node.views.active().load(damage).expect("damaged");
    // The checkpoint is read again when the tail ends.
    log.set(Mood::Away);
    log.exchange(IDENTITY, &writer, 200).await;
    node.until("it is away", |progress| progress.trouble.is_some())
        .await;
    log.set(Mood::Fine);
    node.until("another view", |progress| {
        progress.trouble.is_none() && progress.caught_up
    })
    .await;
    assert_ne!(node.generation(), first);
    assert_eq!(quarantined(root.path()), 1);
    assert_eq!(node.digest(), digest_of(Orders, &writer.records(1)));
    node.stop().await;
}

#[tokio::test]
async fn a_log_that_is_away_is_waited_for_and_what_is_there_serves() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(10);
    let (log, first) = view_of(&writer, 150, root.path()).await;
    log.set(Mood::Away);
    let node = Node::start(Orders, &log, root.path(), 1);
    let waiting = node
        .until("trouble", |progress| progress.trouble.is_some())
        .await;
    assert!(waiting.intact);
    let trouble = waiting.trouble.unwrap_or_default();
    assert!(trouble.contains("somebody took it away"), "{trouble}");
    assert_eq!(node.digest(), digest_of(Orders, &writer.records(1)[..150]));

    log.append_all(&writer, 150..200).await;
    log.set(Mood::Fine);
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.generation(), first);
    node.stop().await;
}

#[tokio::test]
async fn a_tail_that_stands_still_is_named_and_made_anew() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(11);
    let (log, first) = view_of(&writer, 150, root.path()).await;
    log.set(Mood::Deaf);
    log.append_all(&writer, 150..200).await;
    let node = Node::start(Orders, &log, root.path(), 1);
    let stalled = node
        .until("trouble", |progress| progress.trouble.is_some())
        .await;
    assert_eq!(stalled.lag_commits(), 50);
    let trouble = stalled.trouble.unwrap_or_default();
    assert!(trouble.contains("stood still"), "{trouble}");

    log.set(Mood::Fine);
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.generation(), first);
    assert_eq!(node.digest(), digest_of(Orders, &writer.records(1)));
    node.stop().await;
}
