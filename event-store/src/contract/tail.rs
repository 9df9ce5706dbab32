//! What a tail yields.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::task::JoinSet;

use super::{
    Fixture, append_in_turn, append_one, assert_contiguous, next, panic_of, stream, tail_after,
    take,
};
use crate::{Position, Positions, Record, TailError};

/// Contiguous: from the start, from the end, and from everywhere between.
pub async fn a_tail_starts_anywhere(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..4).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 6).await;
    for seen in 0..=records.len() {
        let reached: Positions = records[..seen].iter().map(|r| r.position).collect();
        let mut tail = tail_after(&*log, reached).await;
        let newer = take(&mut tail, records.len() - seen).await;
        assert_contiguous(&newer, &records[seen..]);
    }
}

/// At the end a tail waits, and what comes then arrives once.
pub async fn a_tail_waits_for_what_is_new(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let mut tail = tail_after(&*log, Positions::start()).await;
    let mut last = None;
    for _round in 0..5 {
        let early = tokio::time::timeout(Duration::from_millis(20), tail.next()).await;
        assert!(early.is_err(), "nothing is new, yet it yields {early:?}");
        let record = append_one(&*log, &order, last).await;
        last = Some(record.position);
        assert_eq!(next(&mut tail).await, Ok(record));
    }
}

/// Readers that come before, between and after racing writers all see the same.
pub async fn tails_see_everything_once_while_writers_append(fixture: &dyn Fixture) {
    const WRITERS: usize = 16;
    const EACH: usize = 25;
    let log = fixture.open().await;
    let mut readers = JoinSet::new();
    let mut read = |tail| readers.spawn(collect(tail, WRITERS * EACH));
    read(tail_after(&*log, Positions::start()).await);
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move { append_in_turn(&*log, &[stream("order", number)], EACH).await });
    }
    let mut all: Vec<Record> = Vec::new();
    while let Some(written) = writers.join_next().await {
        all.extend(written.expect("a writer finishes"));
        read(tail_after(&*log, Positions::start()).await);
    }
    for seen in readers.join_all().await {
        assert_contiguous(&seen, &all);
    }
}

/// A reader that does not read holds up neither writers nor other readers, and loses nothing.
pub async fn a_slow_reader_slows_nobody_and_misses_nothing(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..50).map(|number| stream("order", number)).collect();
    let mut slow = tail_after(&*log, Positions::start()).await;
    let first = append_one(&*log, &stream("first", 1), None).await;
    assert_eq!(next(&mut slow).await, Ok(first.clone()));
    let mut fast = tail_after(&*log, first.position.into()).await;
    let records = append_in_turn(&*log, &streams, 40).await;
    assert_contiguous(&take(&mut fast, records.len()).await, &records);
    assert_contiguous(&take(&mut slow, records.len()).await, &records);
}

/// What a reader has seen and the log has lost is named, not skipped.
pub async fn a_tail_past_the_head_ends_as_rolled_back(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let head = append_one(&*log, &stream("order", 1), None).await.position;
    let seen = Position::new(head.partition, head.sequence + 100);
    let mut tail = tail_after(&*log, seen.into()).await;
    match next(&mut tail).await {
        Err(error) => assert_eq!(error, TailError::RolledBack { seen, head }),
        other => panic_of("a tail past the head", &other),
    }
    let after_the_end = tokio::time::timeout(super::PATIENCE, tail.next()).await;
    assert_eq!(after_the_end, Ok(None), "an error is the end of a tail");
}

async fn collect(mut tail: crate::Tail, count: usize) -> Vec<Record> {
    take(&mut tail, count).await
}
