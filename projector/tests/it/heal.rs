//! Damage that is found while a node runs ends in a view that is whole again, by itself.

use std::time::Duration;

use event_store::EventStore as _;
use projector::{Settings, all};
use read_model::{Changes, Old, keys};

use crate::history::Writer;
use crate::log::Log;
use crate::node::{Node, digest_of, quarantined, settings};

async fn node_of(root: &std::path::Path, settings: Settings) -> (Writer, Log, Node) {
    let mut writer = Writer::new(40);
    writer.wander(20, 400);
    let log = Log::new(1);
    log.append_all(&writer, 0..300).await;
    let node = Node::start_with(all(), &log, root, settings);
    node.reached(&log.head().await.expect("head")).await;
    (writer, log, node)
}

/// Plants a value, or none, behind the writer's back.
fn plant(node: &Node, key: Vec<u8>, value: Option<Vec<u8>>) {
    let mut damage = Changes::default();
    damage.set(key, Old::Unread, value);
    node.active().load(damage).expect("planted");
}

/// Waits until another generation serves everything.
async fn healed(node: &Node, log: &Log, first: &str) {
    node.until("another view", |it| it.serving && it.generation != first)
        .await;
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.reader.progress().borrow().healed.damaged, 1);
}

#[tokio::test]
async fn what_a_reader_reports_is_healed() {
    let root = tempfile::tempdir().expect("folder");
    let (writer, log, node) = node_of(root.path(), settings()).await;
    let first = node.generation();
    let view = node.reader.view().expect("view");
    view.report_damage(&"a row that cannot be decoded");
    // A reader that still holds it reads on, and no file goes away under it.
    healed(&node, &log, &first).await;
    assert!(view.get(&keys::row("o1")).expect("read").is_some());
    assert!(root.path().join(&first).exists());
    // A late report of the same is about nothing that serves.
    view.report_damage(&"once more");
    drop(view);
    log.append_all(&writer, 300..400).await;
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.digest(), digest_of(&writer.records(1)));
    assert_eq!(node.reader.progress().borrow().healed.damaged, 1);
    while root.path().join(&first).exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(quarantined(root.path()), 1);
    node.stop().await;
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_is_healed_when_a_reader_meets_it() {
    let root = tempfile::tempdir().expect("folder");
    let (writer, log, node) = node_of(root.path(), settings()).await;
    let first = node.generation();
    plant(&node, keys::CHECKPOINT.to_vec(), Some(b"nonsense".to_vec()));
    assert!(node.reader.view().is_err(), "no answer comes from it");
    healed(&node, &log, &first).await;
    assert_eq!(node.digest(), digest_of(&writer.records(1)[..300]));
    node.stop().await;
}

#[tokio::test]
async fn a_row_that_the_fold_finds_wrong_is_healed_and_parks_nobody() {
    let root = tempfile::tempdir().expect("folder");
    let (writer, log, node) = node_of(root.path(), settings()).await;
    node.stop().await;
    // The rows are not in the fold's memory any more.
    let node = Node::start(&log, root.path());
    node.reached(&log.head().await.expect("head")).await;
    let first = node.generation();
    let next = writer.commits[300].0.clone();
    plant(&node, keys::row(next.as_str()), None);
    log.append_all(&writer, 300..400).await;
    healed(&node, &log, &first).await;
    let shown = node.reader.progress().borrow().clone();
    assert_eq!(shown.parked, 0);
    assert_eq!(node.digest(), digest_of(&writer.records(1)));
    node.stop().await;
}

#[tokio::test]
async fn the_scan_while_serving_finds_what_nobody_reads() {
    let root = tempfile::tempdir().expect("folder");
    let often = Settings {
        scan_every: Duration::ZERO,
        ..settings()
    };
    let (writer, log, node) = node_of(root.path(), often).await;
    let first = node.generation();
    plant(&node, b"xnobody".to_vec(), Some(b"planted".to_vec()));
    healed(&node, &log, &first).await;
    assert_eq!(node.digest(), digest_of(&writer.records(1)[..300]));
    node.stop().await;
}

#[tokio::test]
async fn the_scan_while_serving_finds_nothing_in_a_sound_view_that_grows() {
    let root = tempfile::tempdir().expect("folder");
    let often = Settings {
        scan_every: Duration::ZERO,
        ..settings()
    };
    let (writer, log, node) = node_of(root.path(), often).await;
    let first = node.generation();
    for n in 300..400 {
        log.append_all(&writer, n..n + 1).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.generation(), first);
    assert_eq!(node.reader.progress().borrow().healed, Default::default());
    node.stop().await;
}
