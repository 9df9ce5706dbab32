//! The laws of [`EventStore`] and [`KeyStore`](crate::KeyStore) as tests for every implementation.
//!
//! A law is an async function that takes a [`Fixture`] and panics where the law is broken. The test
//! file of an implementation is one line; a law added here runs everywhere:
//!
//! ```ignore
//! event_store::log_contract!(MyFixture::new());
//! event_store::key_contract!(MyKeyFixture::new());
//! ```
//!
//! The suite is itself tested: `tests/it/checker.rs` breaks the model in one way at a time and shows
//! that a law notices.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;

use crate::{
    ALL, AppendError, Bookmark, CommitId, Consistency, Entry, EventStore, NewRecord, Position,
    Positions, Record, StreamId, Tail, TailError,
};

pub mod append;
pub mod damage;
pub mod key;
pub mod race;
pub mod read;
pub mod restart;
pub mod rollback;
pub mod tail;

/// How a log is opened for the laws.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A new, empty log, other than every one before.
    async fn open(&self) -> Arc<dyn EventStore>;

    /// Stops a log that [`open`](Fixture::open) gave, as a restart of the process would, and opens
    /// the same storage again. `None` when nothing is meant to survive.
    async fn reopen(&self, log: Arc<dyn EventStore>) -> Option<Arc<dyn EventStore>>;

    /// Makes the stored record at a position of the log that was opened last unreadable. `false` when
    /// this fixture cannot.
    async fn damage(&self, _position: Position) -> bool {
        false
    }

    /// Keeps a copy of the storage of the log that was opened last. `false` when this fixture cannot.
    async fn back_up(&self) -> bool {
        false
    }

    /// Puts that copy in the place of the storage, under the open log. `false` when there is none.
    async fn restore(&self) -> bool {
        false
    }
}

/// Makes one test of each law of a log: for a `volatile` one without the laws about restarts; for a
/// `damageable` one the laws about damaged records, for a `restorable` one those about restored
/// backups. Needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! log_contract {
    ($fixture:expr) => {
        $crate::log_contract! { volatile $fixture }
        $crate::log_contract! { @tests $fixture;
            restart::a_restart_keeps_identity_and_records,
            restart::a_restart_keeps_the_fence,
            restart::a_tail_goes_on_after_a_restart,
        }
    };
    (damageable $fixture:expr) => {
        $crate::log_contract! { @tests $fixture;
            damage::a_damaged_record_is_told_and_concerns_no_other,
        }
    };
    (restorable $fixture:expr) => {
        $crate::log_contract! { @tests $fixture;
            rollback::a_running_tail_ends_when_the_log_lost_its_commit,
            rollback::a_tail_does_not_begin_after_a_commit_that_was_lost,
            rollback::what_was_known_before_a_rollback_is_stale,
        }
    };
    (volatile $fixture:expr) => {
        $crate::log_contract! { @tests $fixture;
            append::an_append_returns_where_the_record_lies,
            append::another_expectation_is_a_conflict_with_the_actual_end,
            append::an_expectation_of_another_partition_is_a_conflict,
            append::a_refused_append_leaves_no_trace,
            append::records_of_every_size_are_stored_whole,
            append::a_record_over_the_limit_is_refused,
            append::the_same_append_twice_stores_one_record,
            append::positions_of_a_partition_increase,
            append::records_lie_in_the_partition_of_their_stream,
            append::an_append_of_another_epoch_stores_nothing,
            race::one_of_racing_appends_is_stored,
            race::racing_writers_lose_and_double_nothing,
            race::a_reader_never_sees_half_a_record,
            race::a_dropped_append_is_stored_once_or_never,
            read::a_stream_reads_back_after_any_position,
            read::a_slice_holds_what_was_asked_for_and_says_whether_there_is_more,
            read::nothing_lies_after_a_position_of_another_partition,
            read::a_read_sees_what_was_acknowledged_before,
            read::read_at_gives_the_record_or_none,
            read::head_is_the_last_position_of_every_partition,
            read::two_logs_have_two_identities,
            read::an_open_log_is_available_and_described,
            tail::a_tail_starts_anywhere,
            tail::a_tail_waits_for_what_is_new,
            tail::tails_see_everything_once_while_writers_append,
            tail::a_slow_reader_slows_nobody_and_misses_nothing,
            tail::a_tail_past_the_head_ends_as_rolled_back,
            tail::a_tail_after_another_commit_ends_as_rolled_back,
        }
    };
    (@tests $fixture:expr; $($topic:ident :: $law:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                $crate::contract::$topic::$law(&$fixture).await;
            }
        )*
    };
}

/// Longest wait for something that a law promises. Far above what any log needs, so that a busy
/// machine does not fail a law, and short enough that a lost record fails it soon.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream id made of a word and a number.
fn stream(word: &str, number: usize) -> StreamId {
    StreamId::new(&format!("{word}-{number}")).expect("laws use plain names")
}

/// A record of `size` bytes, all derived from a random commit id, so that every byte can be checked.
fn record(size: usize) -> NewRecord {
    let commit_id = CommitId(rand::random());
    NewRecord {
        commit_id,
        payload: payload(commit_id, size),
        label: "Tested".to_owned(),
    }
}

fn payload(commit_id: CommitId, size: usize) -> Bytes {
    commit_id.0.iter().copied().cycle().take(size).collect()
}

/// What the log must give back for a record acknowledged at `position`.
fn stored(stream: &StreamId, position: Position, record: &NewRecord) -> Record {
    Record {
        stream: stream.clone(),
        position,
        commit_id: record.commit_id,
        payload: record.payload.clone(),
    }
}

/// Appends one record of 300 bytes, which must succeed.
async fn append_one(log: &dyn EventStore, stream: &StreamId, expected: Option<Position>) -> Record {
    let new = record(300);
    let position = append(log, stream, expected, new.clone())
        .await
        .unwrap_or_else(|error| panic_of("an append with the right expectation", &error));
    stored(stream, position, &new)
}

/// Appends in the current epoch.
async fn append(
    log: &dyn EventStore,
    stream: &StreamId,
    expected: Option<Position>,
    record: NewRecord,
) -> Result<Position, AppendError> {
    log.append(stream, expected, log.epoch(), record).await
}

/// Appends `count` records to each of `streams` in turn; gives them in the order of acknowledgement.
async fn append_in_turn(log: &dyn EventStore, streams: &[StreamId], count: usize) -> Vec<Record> {
    let mut last = vec![None; streams.len()];
    let mut records = Vec::new();
    for _round in 0..count {
        for (stream, last) in streams.iter().zip(&mut last) {
            let record = append_one(log, stream, *last).await;
            *last = Some(record.position);
            records.push(record);
        }
    }
    records
}

/// Every record of a stream, read at the leader.
async fn read_all(log: &dyn EventStore, stream: &StreamId) -> Vec<Record> {
    read_after(log, stream, None).await
}

async fn read_after(
    log: &dyn EventStore,
    stream: &StreamId,
    after: Option<Position>,
) -> Vec<Record> {
    log.read_stream(stream, after, ALL, Consistency::Latest)
        .await
        .unwrap_or_else(|error| panic_of("a read of a stream", &error))
        .records
}

async fn tail_after(log: &dyn EventStore, after: Bookmark) -> Tail {
    log.tail(after)
        .await
        .unwrap_or_else(|error| panic_of("opening a tail", &error))
}

/// A bookmark at one record.
fn at(record: &Record) -> Bookmark {
    Bookmark::from_iter([record])
}

/// What a tail yields next; panics when it yields nothing in time.
async fn next(tail: &mut Tail) -> Result<Entry, TailError> {
    tokio::time::timeout(PATIENCE, tail.next())
        .await
        .expect("the tail yields what is in the log")
        .expect("a tail never ends without an error")
}

/// The next `count` records of a tail.
async fn take(tail: &mut Tail, count: usize) -> Vec<Record> {
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        match next(tail).await {
            Ok(Entry::Record(record)) => records.push(record),
            other => panic_of("a tail with records ahead", &other),
        }
    }
    records
}

/// Checks that `seen` is `all`, in the order of positions within each partition.
fn assert_contiguous(seen: &[Record], all: &[Record]) {
    let by_position = |records: &[Record]| {
        let mut records = records.to_vec();
        records.sort_by_key(|record| record.position);
        records
    };
    let mut reached = Positions::start();
    for record in seen {
        let position = record.position;
        assert!(
            !reached.covers(position),
            "{position} repeats or comes late"
        );
        reached.advance(position);
    }
    let (seen, all) = (by_position(seen), by_position(all));
    for (seen, expected) in seen.iter().zip(&all) {
        assert_eq!(seen.position, expected.position, "a record is missing");
        assert_eq!(seen, expected, "a record came back as another one");
    }
    assert_eq!(seen.len(), all.len(), "the number of records");
}

/// The stream's end according to a refused append.
#[track_caller]
fn actual_end(refused: Result<Position, AppendError>) -> Option<Position> {
    match refused {
        Err(AppendError::Conflict { actual }) => actual,
        other => panic_of("an append with a wrong expectation", &other),
    }
}

#[track_caller]
#[allow(
    clippy::panic,
    reason = "a law reports what broke it by a panic, as a test does"
)]
fn panic_of(what: &str, found: &dyn std::fmt::Debug) -> ! {
    panic!("{what} gave {found:?}")
}

#[cfg(test)]
mod tests {
    /// A law that nobody calls is no law.
    #[test]
    fn every_law_stands_in_its_macro() {
        let laws = [
            ("append", include_str!("contract/append.rs")),
            ("damage", include_str!("contract/damage.rs")),
            ("race", include_str!("contract/race.rs")),
            ("read", include_str!("contract/read.rs")),
            ("restart", include_str!("contract/restart.rs")),
            ("rollback", include_str!("contract/rollback.rs")),
            ("tail", include_str!("contract/tail.rs")),
        ];
        for (topic, source) in laws {
            listed(topic, source, include_str!("contract.rs"));
        }
        let keys = include_str!("contract/key.rs");
        listed("key", keys, keys);
    }

    fn listed(topic: &str, source: &str, list: &str) {
        let laws = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "));
        for law in laws {
            let name = law.split('(').next().unwrap_or_default();
            let entry = format!("{topic}::{name},");
            assert!(list.contains(&entry), "{entry} is in no list");
        }
    }
}
