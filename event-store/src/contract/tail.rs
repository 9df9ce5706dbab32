//! What a tail yields.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::task::JoinSet;

use super::{
    Fixture, append_in_turn, append_one, assert_contiguous, at, next, panic_of, stream, tail_after,
    take,
};
use crate::{Bookmark, CommitId, Entry, Position, Record, TailError};

/// Contiguous: from the start, from the end, and from everywhere between.
pub async fn a_tail_starts_anywhere(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..4).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 6).await;
    for seen in 0..=records.len() {
        let mut tail = tail_after(&*log, records[..seen].iter().collect()).await;
        let newer = take(&mut tail, records.len() - seen).await;
        assert_contiguous(&newer, &records[seen..]);
    }
}

/// At the end a tail waits, and what comes then arrives once.
pub async fn a_tail_waits_for_what_is_new(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    let mut last = None;
    for _round in 0..5 {
        let early = tokio::time::timeout(Duration::from_millis(20), tail.next()).await;
        assert!(early.is_err(), "nothing is new, yet it yields {early:?}");
        let record = append_one(&*log, &order, last).await;
        last = Some(record.position);
        assert_eq!(next(&mut tail).await, Ok(Entry::Record(record)));
    }
}

/// Readers that come before, between and after racing writers all see the same.
pub async fn tails_see_everything_once_while_writers_append(fixture: &dyn Fixture) {
    const WRITERS: usize = 16;
    const EACH: usize = 25;
    let log = fixture.open().await;
    let mut readers = JoinSet::new();
    let mut read = |tail| readers.spawn(collect(tail, WRITERS * EACH));
    read(tail_after(&*log, Bookmark::start()).await);
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move { append_in_turn(&*log, &[stream("order", number)], EACH).await });
    }
    let mut all: Vec<Record> = Vec::new();
    while let Some(written) = writers.join_next().await {
        all.extend(written.expect("a writer finishes"));
        read(tail_after(&*log, Bookmark::start()).await);
    }
    for seen in readers.join_all().await {
        assert_contiguous(&seen, &all);
    }
}

/// A reader that does not read holds up neither writers nor other readers, and loses nothing.
pub async fn a_slow_reader_slows_nobody_and_misses_nothing(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..50).map(|number| stream("order", number)).collect();
    let mut slow = tail_after(&*log, Bookmark::start()).await;
    let first = append_one(&*log, &stream("first", 1), None).await;
    assert_eq!(take(&mut slow, 1).await, std::slice::from_ref(&first));
    let mut fast = tail_after(&*log, at(&first)).await;
    let records = append_in_turn(&*log, &streams, 40).await;
    assert_contiguous(&take(&mut fast, records.len()).await, &records);
    assert_contiguous(&take(&mut slow, records.len()).await, &records);
}

/// What a reader has seen and the log does not hold is named, not skipped.
pub async fn a_tail_past_the_head_ends_as_rolled_back(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let head = append_one(&*log, &stream("order", 1), None).await;
    let position = Position::new(head.position.partition, head.position.sequence + 100);
    let expected = head.commit_id;
    let mut tail = tail_after(&*log, Bookmark::from_iter([(position, expected)])).await;
    match next(&mut tail).await {
        Err(error) => assert_eq!(
            error,
            TailError::RolledBack {
                position,
                expected,
                found: None
            }
        ),
        other => panic_of("a tail past the head", &other),
    }
    let after_the_end = tokio::time::timeout(super::PATIENCE, tail.next()).await;
    assert_eq!(after_the_end, Ok(None), "an error is the end of a tail");
}

/// Fenced: a log that has another commit where the reader goes on is another history, however long it
/// is by now.
pub async fn a_tail_after_another_commit_ends_as_rolled_back(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let records = append_in_turn(&*log, &[stream("order", 1)], 5).await;
    for held in &records {
        let (position, found) = (held.position, Some(held.commit_id));
        let expected = CommitId(rand::random());
        let mut tail = tail_after(&*log, Bookmark::from_iter([(position, expected)])).await;
        let ended = Err(TailError::RolledBack {
            position,
            expected,
            found,
        });
        assert_eq!(next(&mut tail).await, ended);
    }
}

async fn collect(mut tail: crate::Tail, count: usize) -> Vec<Record> {
    take(&mut tail, count).await
}
