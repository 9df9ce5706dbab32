//! An embedded log that lost something while nobody had it open.

use std::path::Path;

use event_store::embedded::{Embedded, Loss, OpenError};
use event_store::keys::EmbeddedKeys;
use event_store::{
    AppendError, Availability, Bookmark, CommitId, Entry, EventStore, NewRecord, Position, StreamId,
};
use futures::StreamExt as _;
use tempfile::TempDir;

const COMMITS: u64 = 10;

fn stream(number: u64) -> StreamId {
    StreamId::new(&format!("order-{number}")).expect("a plain name")
}

fn record() -> NewRecord {
    NewRecord {
        commit_id: CommitId(rand::random()),
        payload: vec![7; 3_000].into(),
        label: String::new(),
    }
}

/// A log with ten commits, each in a group of its own, as kill -9 leaves it.
async fn killed() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(directory.path()).expect("a log");
    for number in 1..=COMMITS {
        log.append(&stream(number), None, log.epoch(), record())
            .await
            .expect("stored");
    }
    let left = tempfile::tempdir().expect("a directory");
    for entry in std::fs::read_dir(directory.path()).expect("readable") {
        let entry = entry.expect("an entry");
        let copy = left.path().join(entry.file_name());
        std::fs::copy(entry.path(), copy).expect("copied");
    }
    log.close().await;
    left
}

/// Flips a bit of the write-ahead log, from there on nothing of it counts.
fn flip(directory: &Path, share: f64) {
    let path = directory.join("log.db-wal");
    let mut bytes = std::fs::read(&path).expect("readable");
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "somewhere in a small file"
    )]
    let at = (bytes.len() as f64 * share) as usize;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("writable");
}

fn refusal(directory: &Path) -> OpenError {
    Embedded::open(directory).err().expect("a refusal")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_recovery_drops_are_told_and_wait_for_consent() {
    for share in [0.5, 0.8, 0.999] {
        let directory = killed().await;
        flip(directory.path(), share);
        let log = Embedded::open(directory.path()).expect("it opens, to be read");
        let kept = log.head().await.expect("a head").last.sequence(0);
        let loss = Loss {
            from: kept + 1,
            to: COMMITS,
        };
        assert_eq!(log.loss(), Some(loss), "a flip at {share}");
        let told = format!("the log lost commits {}..10", loss.from);
        let refused = log.append(&stream(99), None, log.epoch(), record()).await;
        match refused {
            Err(AppendError::Unavailable { cause }) => assert!(cause.contains(&told), "{cause}"),
            other => panic!("no consent yet: {other:?}"),
        }
        let now = log.availability().borrow().clone();
        let health = now.cause().unwrap_or_default();
        assert!(health.contains(&told), "{now:?}");
        log.close().await;
        drop(log);

        let log = Embedded::open(directory.path()).expect("again");
        assert_eq!(log.loss(), Some(loss), "a restart is no consent");
        assert_eq!(log.accept_loss().await, Ok(Some(loss)));
        assert_eq!(log.accept_loss().await, Ok(None));
        assert_eq!(*log.availability().borrow(), Availability::Available);
        let new = record();
        let stored = log
            .append(&stream(99), None, log.epoch(), new.clone())
            .await;
        let position = Position::new(0, COMMITS + 1);
        assert_eq!(stored, Ok(position), "no position is given twice");
        let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
        for sequence in 1..=COMMITS + 1 {
            let entry = tail
                .next()
                .await
                .expect("goes on")
                .expect("a hole is no end");
            assert_eq!(entry.position().sequence, sequence);
            let is_lost = matches!(entry, Entry::Missing(_));
            assert_eq!(is_lost, (loss.from..=loss.to).contains(&sequence));
        }
        log.close().await;
        drop(log);
        let log = Embedded::open(directory.path()).expect("a third time");
        assert_eq!(log.loss(), None);
        assert_eq!(log.head().await.expect("a head").last, position.into());
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_recovery_keeps_is_no_loss() {
    let directory = killed().await;
    let log = Embedded::open(directory.path()).expect("a log");
    assert_eq!(log.loss(), None);
    assert_eq!(log.head().await.expect("a head").last.sequence(0), COMMITS);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_new_log_begins_beside_what_is_left_of_one() {
    let directory = killed().await;
    std::fs::remove_file(directory.path().join("log.db")).expect("removed");
    let told = refusal(directory.path()).to_string();
    assert!(
        told.contains("log.db is not usable: it is missing"),
        "{told}"
    );
    assert!(told.contains("ended at sequence 10"), "{told}");
    std::fs::remove_file(directory.path().join("log.head")).expect("removed");
    let told = refusal(directory.path()).to_string();
    assert!(told.contains("log.db-wal is there"), "{told}");
    assert!(
        !directory.path().join("log.db").exists(),
        "nothing was made"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_log_in_its_place_is_refused() {
    let (directory, other) = (killed().await, killed().await);
    for name in ["log.db", "log.db-wal"] {
        let from = other.path().join(name);
        std::fs::copy(from, directory.path().join(name)).expect("copied");
    }
    let told = refusal(directory.path()).to_string();
    assert!(told.contains("it is another log"), "{told}");
    std::fs::remove_file(directory.path().join("log.head")).expect("removed");
    let log = Embedded::open(directory.path()).expect("as the refusal says");
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_records_does_not_begin_with_new_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = directory.path().join("keys");
    let log = Embedded::open(directory.path().join("log")).expect("a log");
    let made = EmbeddedKeys::open_for(&log, &keys).expect("beside an empty log");
    made.close().await;
    drop(made);
    log.append(&stream(1), None, log.epoch(), record())
        .await
        .expect("stored");
    let again = EmbeddedKeys::open_for(&log, &keys).expect("they are there");
    again.close().await;
    drop(again);
    std::fs::remove_dir_all(&keys).expect("removed");
    let told = EmbeddedKeys::open_for(&log, &keys)
        .err()
        .expect("a refusal");
    let told = told.to_string();
    assert!(
        told.contains("keys.db is not usable: it is missing"),
        "{told}"
    );
    assert!(told.contains("ends at sequence 1"), "{told}");
    log.close().await;
}
