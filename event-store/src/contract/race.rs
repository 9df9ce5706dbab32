//! What holds when many write at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Fixture, actual_end, append, append_one, assert_contiguous, payload, read_all, record, stored,
    stream, tail_after, take,
};
use crate::{AppendError, Bookmark, EventStore, Record, StreamId};

/// Tasks that race; more than the threads that run them, so that they overlap in every way.
const RACERS: usize = 16;

/// Exclusive: of appends with the same expectation one is stored, and the others name it.
pub async fn one_of_racing_appends_is_stored(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let mut last = None;
    for round in 1..=20 {
        let mut racers = JoinSet::new();
        for _racer in 0..RACERS {
            let (log, order, new) = (Arc::clone(&log), order.clone(), record(300));
            racers.spawn(async move { append(&*log, &order, last, new).await });
        }
        let answers = racers.join_all().await;
        let winners: Vec<_> = answers.iter().flatten().copied().collect();
        assert_eq!(winners.len(), 1, "winners of round {round}");
        for refused in answers.into_iter().filter(Result::is_err) {
            assert_eq!(actual_end(refused), winners.first().copied());
        }
        last = winners.first().copied();
        assert_eq!(read_all(&*log, &order).await.len(), round);
    }
}

/// Writers that retry on conflict all get through, and each acknowledged record is there once.
pub async fn racing_writers_lose_and_double_nothing(fixture: &dyn Fixture) {
    const EACH: usize = 10;
    let log = fixture.open().await;
    let order = stream("order", 1);
    let mut writers = JoinSet::new();
    for _writer in 0..RACERS {
        let (log, order) = (Arc::clone(&log), order.clone());
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            while acknowledged.len() < EACH {
                acknowledged.push(append_at_the_end(&*log, &order).await);
            }
            acknowledged
        });
    }
    let all: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    assert_contiguous(&read_all(&*log, &order).await, &all);
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    assert_contiguous(&take(&mut tail, all.len()).await, &all);
}

/// Atomic: whoever reads while others write gets whole records only.
pub async fn a_reader_never_sees_half_a_record(fixture: &dyn Fixture) {
    const SIZES: [usize; 4] = [0, 300, 30_000, 300_000];
    let log = fixture.open().await;
    let order = stream("order", 1);
    let writer = {
        let (log, order) = (Arc::clone(&log), order.clone());
        async move {
            let mut last = None;
            for size in SIZES.into_iter().cycle().take(40) {
                last = Some(
                    append(&*log, &order, last, record(size))
                        .await
                        .expect("stored"),
                );
            }
        }
    };
    let mut writing = JoinSet::new();
    writing.spawn(writer);
    loop {
        let done = writing.try_join_next().is_some();
        for record in read_all(&*log, &order).await {
            let size = record.payload.len();
            assert!(SIZES.contains(&size), "a record of {size} bytes");
            assert!(
                record.payload == payload(record.commit_id, size),
                "mixed bytes"
            );
        }
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(read_all(&*log, &order).await.len(), 40);
}

/// A caller that goes away leaves its record whole or absent, and the stream writable.
pub async fn a_dropped_append_is_stored_once_or_never(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let mut dropped = Vec::new();
    for round in 0..50_u64 {
        let last = read_all(&*log, &order).await.last().map(|end| end.position);
        let new = record(300);
        dropped.push(new.commit_id);
        let patience = Duration::from_micros(round * 20);
        let answer = tokio::time::timeout(patience, append(&*log, &order, last, new)).await;
        drop(answer);
        append_at_the_end(&*log, &order).await;
    }
    let records = read_all(&*log, &order).await;
    let kept = records
        .iter()
        .filter(|found| !dropped.contains(&found.commit_id));
    assert_eq!(kept.count(), 50, "the appends that were waited for");
    for commit_id in dropped {
        let copies = records.iter().filter(|found| found.commit_id == commit_id);
        assert!(copies.count() <= 1, "{commit_id} is there twice");
    }
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    assert_contiguous(&take(&mut tail, records.len()).await, &records);
    append_one(&*log, &order, records.last().map(|end| end.position)).await;
}

/// Appends at the stream's end, wherever others have moved it.
async fn append_at_the_end(log: &dyn EventStore, stream: &StreamId) -> Record {
    let new = record(300);
    let mut end = None;
    loop {
        match append(log, stream, end, new.clone()).await {
            Ok(position) => return stored(stream, position, &new),
            Err(AppendError::Conflict { actual }) => end = actual,
            Err(error) => super::panic_of("an append", &error),
        }
    }
}
