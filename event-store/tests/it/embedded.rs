//! The embedded log keeps the laws, and what is its own: one process, limits, damage, closing.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event_store::contract::Fixture;
use event_store::embedded::{Embedded, OpenError, Options};
use event_store::{
    ALL, AppendError, Availability, Bookmark, CommitId, Consistency, Entry, EventStore,
    LogIdentity, Missing, NewRecord, Position, ReadError, StreamId, TailError,
};
use futures::StreamExt as _;
use tempfile::TempDir;

/// Logs in directories of their own, found again by their identity.
#[derive(Default)]
struct OnDisk {
    open: Mutex<Vec<(LogIdentity, TempDir, Arc<Embedded>)>>,
}

#[async_trait]
impl Fixture for OnDisk {
    async fn open(&self) -> Arc<dyn EventStore> {
        let directory = tempfile::tempdir().expect("a directory");
        let log = Arc::new(Embedded::open(directory.path()).expect("a log"));
        let identity = log.head().await.expect("a head").identity;
        let mut open = self.open.lock().expect("no law panics here");
        open.push((identity, directory, Arc::clone(&log)));
        log
    }

    async fn reopen(&self, log: Arc<dyn EventStore>) -> Option<Arc<dyn EventStore>> {
        let identity = log.head().await.expect("a head").identity;
        drop(log);
        let index = {
            let open = self.open.lock().expect("no law panics here");
            open.iter().position(|(other, ..)| *other == identity)?
        };
        let (identity, directory, log) = self
            .open
            .lock()
            .expect("no law panics here")
            .swap_remove(index);
        log.close().await;
        let log = Arc::new(Embedded::open(directory.path()).expect("the log again"));
        let mut open = self.open.lock().expect("no law panics here");
        open.push((identity, directory, Arc::clone(&log)));
        Some(log)
    }

    async fn damage(&self, position: Position) -> bool {
        let open = self.open.lock().expect("no law panics here");
        let (_, directory, _) = open.last().expect("a log");
        change_payload(directory.path(), position.sequence)
    }
}

/// Changes a stored record behind the back of the log.
fn change_payload(directory: &Path, sequence: u64) -> bool {
    let connection = rusqlite::Connection::open(directory.join("log.db")).expect("opens");
    let update = "UPDATE records SET payload = x'00' WHERE seq = ?1";
    let changed = connection.execute(update, [sequence.cast_signed()]);
    changed == Ok(1)
}

event_store::log_contract!(OnDisk::default());
event_store::log_contract!(damageable OnDisk::default());

fn stream(number: usize) -> StreamId {
    StreamId::new(&format!("order-{number}")).expect("a plain name")
}

fn record(bytes: &[u8]) -> NewRecord {
    NewRecord {
        commit_id: CommitId(rand::random()),
        payload: bytes.to_vec().into(),
        label: String::new(),
    }
}

/// A closed log with ten records, the fifth of which is `marked`.
async fn written(directory: &Path, marked: &[u8]) {
    let log = Embedded::open(directory).expect("a log");
    for number in 1..=10 {
        let payload = if number == 5 { marked } else { &[0; 300] };
        log.append(&stream(number), None, log.epoch(), record(payload))
            .await
            .expect("stored");
    }
    log.close().await;
}

/// Changes the one place in the file where `old` stands.
fn overwrite(path: &Path, old: &[u8], new: &[u8]) {
    let mut bytes = std::fs::read(path).expect("readable");
    let found: Vec<_> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(old))
        .collect();
    assert_eq!(found.len(), 1, "the mark stands once in the file");
    bytes[found[0]..][..new.len()].copy_from_slice(new);
    std::fs::write(path, bytes).expect("writable");
}

#[tokio::test]
async fn a_second_opening_names_the_holder() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(directory.path()).expect("a log");
    let refused = Embedded::open(directory.path()).err().expect("a refusal");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    let told = refused.to_string();
    assert!(told.contains(&std::process::id().to_string()), "{told}");
    log.close().await;
    Embedded::open(directory.path()).expect("free after the close");
}

#[tokio::test]
async fn a_changed_byte_is_damage_to_every_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let mark = b"one byte of this is going to change".repeat(8);
    written(directory.path(), &mark).await;
    let mut changed = mark.clone();
    changed[100] ^= 1;
    overwrite(&directory.path().join("log.db"), &mark, &changed);

    let log = Embedded::open(directory.path()).expect("a log");
    let position = Position::new(0, 5);
    let damaged = |error: &ReadError| matches!(error, ReadError::Corrupt { position: at, .. } if *at == position);
    assert!(
        log.read_at(position)
            .await
            .is_err_and(|error| damaged(&error))
    );
    let read = log
        .read_stream(&stream(5), None, ALL, Consistency::Latest)
        .await;
    assert!(read.is_err_and(|error| damaged(&error)));
    assert!(
        log.read_at(Position::new(0, 6))
            .await
            .is_ok_and(|found| found.is_some())
    );
    let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
    for sequence in 1..=10 {
        let entry = tail
            .next()
            .await
            .expect("a tail goes on")
            .expect("damage is no end");
        assert_eq!(entry.position(), Position::new(0, sequence));
        match entry {
            Entry::Record(record) => assert_ne!(record.position, position),
            Entry::Missing(missing) => {
                assert_eq!(missing.position, position);
                assert_eq!(missing.stream, Some(stream(5)), "the index knows it too");
                assert!(missing.cause.contains("checksum"), "{missing:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_record_under_another_name_is_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let mark = b"this record is found through the name of its stream".repeat(4);
    written(directory.path(), &mark).await;
    let path = directory.path().join("log.db");
    let connection = rusqlite::Connection::open(&path).expect("opens");
    connection
        .execute("UPDATE records SET stream = 'order-6' WHERE seq = 5", [])
        .expect("changed behind the back of the log");
    drop(connection);
    let log = Embedded::open(directory.path()).expect("a log");
    let read = log
        .read_stream(&stream(6), None, ALL, Consistency::Latest)
        .await;
    assert!(matches!(read, Err(ReadError::Corrupt { .. })), "{read:?}");
    let mut tail = log.tail(after(&log, 4).await).await.expect("a tail");
    let told = tail.next().await.expect("a tail goes on");
    let told = told.expect("damage is no end").position();
    assert_eq!(told, Position::new(0, 5));
}

/// A bookmark at a record of a log.
async fn after(log: &Embedded, sequence: u64) -> Bookmark {
    let read = log.read_at(Position::new(0, sequence)).await;
    Bookmark::from_iter([&read.expect("readable").expect("a record")])
}

#[tokio::test]
async fn records_that_are_gone_are_told_by_a_tail() {
    let directory = tempfile::tempdir().expect("a directory");
    written(directory.path(), b"gone").await;
    let log = Embedded::open(directory.path()).expect("a log");
    let connection = rusqlite::Connection::open(directory.path().join("log.db")).expect("opens");
    let deleted = connection.execute("DELETE FROM records WHERE seq IN (5, 6, 10)", []);
    assert_eq!(deleted, Ok(3));
    drop(connection);
    let mut tail = log.tail(after(&log, 4).await).await.expect("a tail");
    for sequence in 5..=10 {
        let entry = tail
            .next()
            .await
            .expect("a tail goes on")
            .expect("a hole is no end");
        let position = Position::new(0, sequence);
        assert_eq!(entry.position(), position);
        let hole = Entry::Missing(Missing {
            position,
            stream: None,
            cause: "it was acknowledged, and is not in the file".to_owned(),
        });
        assert_eq!(entry == hole, [5, 6, 10].contains(&sequence), "{entry:?}");
    }
}

/// The pages of the index: each entry of it holds a stream's name, as does each record.
fn index_pages(path: &Path) -> Vec<usize> {
    let bytes = std::fs::read(path).expect("readable");
    // The first byte of a page tells what it is: 2 and 10 are an index's, inside and at its leaves.
    let kinds = bytes.chunks(4096).map(|page| page[0]);
    let pages = kinds.enumerate().skip(1);
    pages
        .filter_map(|(number, kind)| matches!(kind, 2 | 10).then_some(number))
        .collect()
}

/// One bit after another is flipped in the pages of the index: no stream may lose a record, or end
/// before its end.
#[tokio::test]
async fn a_flipped_bit_in_the_index_hides_no_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.db");
    let log = Embedded::open(directory.path()).expect("a log");
    let mut ends = Vec::new();
    for number in 0..300 {
        let first = log
            .append(&stream(number), None, log.epoch(), record(b"first"))
            .await
            .expect("stored");
        let last = log
            .append(&stream(number), Some(first), log.epoch(), record(b"last"))
            .await;
        ends.push(last.expect("stored"));
    }
    log.close().await;
    drop(log);
    let intact = std::fs::read(&path).expect("readable");
    let pages = index_pages(&path);
    assert!(pages.len() > 3, "an index with leaves: {pages:?}");
    let mut harmless = 0;
    for round in 0..60 {
        let mut damaged = intact.clone();
        // From page to page, everywhere in its part with content.
        let page = pages[round % pages.len()];
        damaged[page * 4096 + 4095 - round * 61] ^= 1 << (round % 8);
        std::fs::write(&path, &damaged).expect("writable");
        // The meta table has an index too: what it refuses is told.
        let Ok(log) = Embedded::open(directory.path()) else {
            harmless += 1;
            continue;
        };
        for (number, end) in ends.iter().enumerate() {
            let read = log
                .read_stream(&stream(number), None, ALL, Consistency::Latest)
                .await;
            let records = read.expect("readable").records;
            assert_eq!(records.len(), 2, "round {round}, page {page}");
            assert_eq!(records[1].position, *end);
        }
        let stale = log
            .append(&stream(7), None, log.epoch(), record(b"twice"))
            .await;
        let actual = Some(ends[7]);
        assert_eq!(stale, Err(AppendError::Conflict { actual }));
        log.close().await;
    }
    assert!(harmless < 30, "most rounds test something");
}

#[tokio::test]
async fn files_of_something_else_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.db");
    let refusal = || Embedded::open(directory.path()).err().expect("a refusal");

    std::fs::write(&path, "this is a diary, not a database".repeat(100)).expect("written");
    assert!(
        matches!(refusal(), OpenError::Format { .. }),
        "{}",
        refusal()
    );
    std::fs::remove_file(&path).expect("removed");

    let other = rusqlite::Connection::open(&path).expect("opens");
    other
        .execute_batch("CREATE TABLE diary (day)")
        .expect("made");
    drop(other);
    assert!(
        matches!(refusal(), OpenError::Format { .. }),
        "{}",
        refusal()
    );
    std::fs::remove_file(&path).expect("removed");

    let log = Embedded::open(directory.path()).expect("a log");
    log.close().await;
    drop(log);
    let newer = rusqlite::Connection::open(&path).expect("opens");
    newer
        .execute("UPDATE meta SET value = 2 WHERE name = 'format'", [])
        .expect("changed");
    drop(newer);
    assert!(
        refusal().to_string().contains("its format is 2"),
        "{}",
        refusal()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_says_so_stores_nothing_and_is_readable() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options {
        max_bytes: Some(1_048_576),
    };
    let log = Embedded::open_with(directory.path(), &options).expect("a log");
    let mut availability = log.availability();
    let (mut end, mut stored) = (None, 0);
    let refused = loop {
        match log
            .append(&stream(1), end, log.epoch(), record(&[7; 50_000]))
            .await
        {
            Ok(position) => end = Some(position),
            Err(error) => break error,
        }
        stored += 1;
        assert!(stored < 30, "the limit is one mebibyte");
    };
    assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
    assert!(!refused.is_retryable());
    let unavailable = |now: &Availability| matches!(now, Availability::Unavailable { .. });
    availability
        .wait_for(unavailable)
        .await
        .expect("the writer lives");
    let read = log
        .read_stream(&stream(1), None, ALL, Consistency::Latest)
        .await;
    assert_eq!(read.expect("readable").records.len(), stored);
    let small = log
        .append(&stream(1), end, log.epoch(), record(b"small"))
        .await;
    assert!(
        small.is_ok() || matches!(small, Err(AppendError::Full { .. })),
        "{small:?}"
    );
    log.close().await;

    let log = Embedded::open(directory.path()).expect("the log with more room");
    let end = log.head().await.expect("a head").last.sequence(0);
    let next = log
        .append(
            &stream(1),
            Some(Position::new(0, end)),
            log.epoch(),
            record(b"more"),
        )
        .await;
    assert_eq!(
        next,
        Ok(Position::new(0, end + 1)),
        "no sequence was lost to the refusal"
    );
}

#[tokio::test]
async fn a_closed_log_refuses_and_ends_its_tails() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(directory.path()).expect("a log");
    let end = log
        .append(&stream(1), None, log.epoch(), record(b"one"))
        .await
        .expect("stored");
    let mut tail = log
        .tail(after(&log, end.sequence).await)
        .await
        .expect("a tail");
    log.close().await;
    log.close().await;
    assert_eq!(tail.next().await, Some(Err(TailError::Closed)));
    let refused = log
        .append(&stream(1), Some(end), log.epoch(), record(b"two"))
        .await;
    assert!(
        matches!(refused, Err(AppendError::Unavailable { .. })),
        "{refused:?}"
    );
    assert!(matches!(
        log.read_at(end).await,
        Err(ReadError::Unavailable { .. })
    ));
    let now = log.availability().borrow().clone();
    assert!(matches!(now, Availability::Unavailable { .. }));
    let wal = directory.path().join("log.db-wal");
    assert!(!wal.exists(), "the write-ahead log was copied and removed");
}

/// What one group holds is a matter of luck; that a refused request in it harms no other is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_in_a_group_leave_the_rest_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(directory.path()).expect("a log");
    let appends = (0..600).map(|number| {
        // Every third append expects what is not there.
        let expected = (number % 3 == 0).then(|| Position::new(0, 1));
        let (log, order) = (&log, stream(number));
        async move {
            log.append(&order, expected, log.epoch(), record(b"one of many"))
                .await
        }
    });
    let answers = futures::future::join_all(appends).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(
            answer.is_err(),
            number % 3 == 0,
            "append {number}: {answer:?}"
        );
    }
    assert_eq!(log.head().await.expect("a head").last.sequence(0), 400);
}

/// More streams than are remembered: the index answers for the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_streams_are_looked_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(directory.path()).expect("a log");
    for chunk in 0..110 {
        let appends = (0..1_000).map(|number| {
            let (log, order) = (&log, stream(chunk * 1_000 + number));
            async move { log.append(&order, None, log.epoch(), record(b"x")).await }
        });
        assert!(
            futures::future::join_all(appends)
                .await
                .iter()
                .all(Result::is_ok)
        );
    }
    let first = log
        .read_stream(&stream(0), None, ALL, Consistency::Latest)
        .await;
    let first = first.expect("readable").records[0].position;
    let refused = log
        .append(&stream(0), None, log.epoch(), record(b"y"))
        .await;
    assert_eq!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(first)
        })
    );
    log.append(&stream(0), Some(first), log.epoch(), record(b"y"))
        .await
        .expect("stored");
}

/// A read that takes long holds its place in the write-ahead log, and nobody up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_from_outside_does_not_stop_writers() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(directory.path()).expect("a log");
    log.append(&stream(0), None, log.epoch(), record(b"first"))
        .await
        .expect("stored");
    let reader = rusqlite::Connection::open(directory.path().join("log.db")).expect("opens");
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM records;")
        .expect("a read begins");
    let appends = (1..=400).map(|number| {
        let (log, order) = (&log, stream(number));
        async move {
            log.append(&order, None, log.epoch(), record(&[7; 50_000]))
                .await
        }
    });
    let answers = futures::future::join_all(appends);
    let answers = tokio::time::timeout(std::time::Duration::from_secs(20), answers).await;
    assert!(
        answers
            .expect("nobody waits for the reader")
            .iter()
            .all(Result::is_ok)
    );
    let wal = || {
        let about = std::fs::metadata(directory.path().join("log.db-wal"));
        about.expect("the write-ahead log").len()
    };
    assert!(
        wal() > 16_000_000,
        "the reader keeps what it may still need"
    );
    reader.execute_batch("COMMIT").expect("the read ends");
    let before = wal();
    for number in 401..=800 {
        let order = stream(number);
        log.append(&order, None, log.epoch(), record(&[7; 50_000]))
            .await
            .expect("stored");
    }
    assert!(wal() < before * 3 / 2, "and after it the log starts over");
    drop(reader);
    log.close().await;
}
