//! A view is folded on only over the log that it was folded from.

#![allow(clippy::panic, reason = "a helper fails the test that calls it")]

use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use event_store::{EventStore as _, LogIdentity};
use projector::{Settings, VerifyAtStart, all};
use read_model::{Changes, Engine, Engines, Entries, Error, Old, Store, Task, Write, keys};

use crate::history::Writer;
use crate::log::{IDENTITY, Log, Mood};
use crate::node::{Node, SLED, digest_of, quarantined, settings};

fn written(seed: u64) -> Writer {
    let mut writer = Writer::new(seed);
    writer.wander(15, 200);
    writer
}

/// The same commits under other ids: what another node wrote after a log was restored.
fn elsewhere(seed: u64) -> Writer {
    let mut other = written(seed);
    for (_, commit, _) in &mut other.commits {
        commit.commit_id[0] = 0xEE;
    }
    other
}

/// A view of the first `commits` of a history, and the generation that holds it.
async fn view_of(writer: &Writer, commits: usize, root: &Path) -> (Log, String) {
    let log = Log::new(1);
    log.append_all(writer, 0..commits).await;
    let node = Node::start(&log, root);
    node.reached(&log.head().await.expect("head")).await;
    let generation = node.generation();
    node.stop().await;
    (log, generation)
}

/// Starts over what is there, and expects the view to become that of `commits` of `writer`.
async fn becomes(log: &Log, root: &Path, writer: &Writer, commits: usize) -> String {
    let node = Node::start(log, root);
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.digest(), digest_of(&writer.records(1)[..commits]));
    assert_eq!(shown.trouble, None);
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
async fn a_log_that_has_grown_past_the_checkpoint_again_makes_another_view() {
    let root = tempfile::tempdir().expect("folder");
    let (log, first) = view_of(&written(4), 150, root.path()).await;
    let other = elsewhere(5);
    log.exchange(IDENTITY, &other, 200).await;
    let then = becomes(&log, root.path(), &other, 200).await;
    assert_ne!(then, first);
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn no_answer_comes_from_a_view_of_another_log() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(6);
    let (log, first) = view_of(&writer, 200, root.path()).await;
    log.exchange(LogIdentity([8; 16]), &writer, 100).await;
    let node = Node::start(&log, root.path());
    let identity = log.head().await.expect("head").identity.0;
    loop {
        if let Ok(view) = node.reader.view() {
            assert_ne!(view.generation(), first);
            assert_eq!(view.checkpoint().identity, identity);
            break;
        }
        tokio::task::yield_now().await;
    }
    node.stop().await;
}

#[tokio::test]
async fn a_log_that_is_replaced_while_it_is_followed_is_noticed() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(7);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(&log, root.path());
    node.reached(&log.head().await.expect("head")).await;
    log.exchange(LogIdentity([9; 16]), &writer, 140).await;
    let head = log.head().await.expect("head");
    node.until("the view of the other log", |progress| {
        progress.serving && progress.identity == head.identity.0
    })
    .await;
    node.reached(&head).await;
    assert_eq!(node.digest(), digest_of(&writer.records(1)[..140]));
    node.stop().await;
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn a_log_that_is_rolled_back_while_it_is_followed_is_noticed_and_the_loss_is_told() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(8);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(&log, root.path());
    node.reached(&log.head().await.expect("head")).await;
    let first = node.generation();
    // It has grown past the checkpoint again before anybody looks.
    log.roll_back(150);
    log.append_all(&written_after(&writer, 150), 150..230).await;
    node.until("another view", |progress| {
        progress.serving && progress.generation != first && progress.caught_up
    })
    .await;
    let healed = node.reader.progress().borrow().healed.clone();
    assert_eq!((healed.rolled_back, healed.damaged), (1, 0), "{healed:?}");
    let (agrees, lost) = bounds(&healed.last);
    assert!(
        agrees <= 150 && 150 < lost && lost <= 200,
        "{}",
        healed.last
    );
    assert_eq!(
        node.digest(),
        digest_of(&written_after(&writer, 150).records(1)[..230])
    );
    node.stop().await;
}

/// A history with the same beginning and another end.
fn written_after(writer: &Writer, commits: usize) -> Writer {
    let mut other = Writer::new(8);
    other.wander(15, commits);
    assert_eq!(other.commits.len(), commits, "whole commits");
    assert_eq!(other.commits[commits - 1].2, writer.commits[commits - 1].2);
    other.command_elsewhere();
    other.wander(15, 230);
    for (_, commit, _) in &mut other.commits[commits..] {
        commit.commit_id[0] = 0xEE;
    }
    other
}

/// The two positions in what is told of a fork.
fn bounds(told: &str) -> (u64, u64) {
    let positions = told.split("0:").skip(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    });
    let found: Vec<u64> = positions.collect();
    let [.., agrees, lost] = found[..] else {
        panic!("no bounds in {told:?}");
    };
    (agrees, lost)
}

#[tokio::test]
async fn another_fold_makes_another_view_and_the_older_binary_returns_to_its_own() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(9);
    let (log, _) = view_of(&writer, 150, root.path()).await;
    let newer = Arc::new(Store::new(root.path(), 99, Arc::new(SLED)));
    let node = Node::run(all(), &log, newer, settings());
    // Its checkpoints say 1, because the fold in here is the same; the folder says 99.
    node.until("it builds", |it| it.serving).await;
    assert!(
        node.generation().starts_with("sled-99-"),
        "{}",
        node.generation()
    );
    node.stop().await;
    log.append_all(&writer, 150..200).await;
    let node = Node::start(&log, root.path());
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert!(
        shown.generation.starts_with("sled-1-"),
        "{}",
        shown.generation
    );
    assert_eq!(node.digest(), digest_of(&writer.records(1)));
    node.stop().await;
}

#[tokio::test]
async fn a_log_that_is_away_is_waited_for_and_what_is_there_serves() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(10);
    let (log, first) = view_of(&writer, 150, root.path()).await;
    log.set(Mood::Away);
    let node = Node::start(&log, root.path());
    let waiting = node
        .until("trouble", |it| it.serving && it.trouble.is_some())
        .await;
    let trouble = waiting.trouble.unwrap_or_default();
    assert!(trouble.contains("somebody took it away"), "{trouble}");
    assert!(waiting.head_unknown_since.is_some() && waiting.behind_since.is_some());
    assert_eq!(node.digest(), digest_of(&writer.records(1)[..150]));

    log.append_all(&writer, 150..200).await;
    log.set(Mood::Fine);
    let there = node.reached(&log.head().await.expect("head")).await;
    assert_eq!((there.head_unknown_since, there.trouble), (None, None));
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
    let node = Node::start(&log, root.path());
    let stalled = node.until("trouble", |it| it.trouble.is_some()).await;
    assert_eq!(stalled.lag_commits(), 50);
    let trouble = stalled.trouble.unwrap_or_default();
    assert!(trouble.contains("stood still"), "{trouble}");

    log.set(Mood::Fine);
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.generation(), first);
    assert_eq!(node.digest(), digest_of(&writer.records(1)));
    node.stop().await;
}

/// Removes one row of a stopped view, as a disk would that drops a message without a word.
fn damage_at_rest(root: &Path) {
    let store = Store::new(root, 1, Arc::new(SLED));
    let found = store.open().expect("opened").expect("found");
    let mut changes = Changes::default();
    changes.set(keys::row("o3"), Old::Unread, None);
    found.generation.load(changes).expect("planted");
    if found.clean {
        store.stop_cleanly(&found.generation).expect("noted");
    }
}

#[tokio::test]
async fn a_view_that_lost_a_row_at_rest_never_answers_and_is_built_again() {
    let root = tempfile::tempdir().expect("folder");
    let writer = written(12);
    let (log, first) = view_of(&writer, 200, root.path()).await;
    damage_at_rest(root.path());
    let node = Node::start(&log, root.path());
    let seen = loop {
        if let Ok(view) = node.reader.view() {
            break view.generation().to_owned();
        }
        tokio::task::yield_now().await;
    };
    assert_ne!(seen, first);
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert_eq!(shown.healed.damaged, 1);
    assert!(
        shown.healed.last.contains("digest"),
        "{}",
        shown.healed.last
    );
    assert_eq!(node.digest(), digest_of(&writer.records(1)));
    node.stop().await;
    assert_eq!(quarantined(root.path()), 1);
}

#[tokio::test]
async fn the_check_at_start_is_left_out_after_a_clean_stop_only() {
    let after_crash = || Settings {
        verify_at_start: VerifyAtStart::AfterCrash,
        ..settings()
    };
    for clean in [true, false] {
        let root = tempfile::tempdir().expect("folder");
        let (log, first) = view_of(&written(13), 200, root.path()).await;
        if !clean {
            std::fs::remove_file(root.path().join("clean")).expect("as after a crash");
        }
        damage_at_rest(root.path());
        let node = Node::start_with(all(), &log, root.path(), after_crash());
        node.until("it serves", |it| it.serving).await;
        assert_eq!(node.generation() == first, clean);
        node.stop().await;
    }
}

/// Closed at first.
#[derive(Debug, Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().expect("no panic") = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let is_open = self.is_open.lock().expect("no panic");
        let passed = self.opened.wait_while(is_open, |is_open| !*is_open);
        drop(passed.expect("no panic"));
    }
}

/// Engines whose ranges wait for the gate.
#[derive(Debug)]
struct Gated(Arc<Gate>);

#[derive(Debug)]
struct GatedEngine(Arc<Gate>, Box<dyn Engine>);

impl Engines for Gated {
    fn name(&self) -> &'static str {
        SLED.name()
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Engine>, Error> {
        let inner = SLED.open(path)?;
        Ok(Box::new(GatedEngine(Arc::clone(&self.0), inner)))
    }
}

impl Engine for GatedEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.1.get(key)
    }

    fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Entries<'_> {
        self.0.pass();
        self.1.range(start, end)
    }

    fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.1.apply(batch)
    }

    fn load(&self, sorted: Vec<Write>) -> Result<(), Error> {
        self.1.load(sorted)
    }

    fn flush(&self) -> Result<(), Error> {
        self.1.flush()
    }
}

#[tokio::test]
async fn until_the_stored_view_is_checked_readers_are_told_that_it_is_being_verified() {
    let root = tempfile::tempdir().expect("folder");
    let (log, first) = view_of(&written(14), 200, root.path()).await;
    let gate = Arc::new(Gate::default());
    let engines = Arc::new(Gated(Arc::clone(&gate)));
    let store = Arc::new(Store::new(root.path(), 1, engines));
    let node = Node::run(all(), &log, store, settings());
    node.until("it checks", |it| it.work.is_some()).await;
    let none = node.reader.view().expect_err("not verified yet");
    assert_eq!(none.task, Some(Task::Check));
    assert_eq!(none.to_string(), "the read model is being verified");
    gate.open();
    node.until("it serves", |it| it.serving).await;
    assert_eq!(node.generation(), first);
    node.stop().await;
}
