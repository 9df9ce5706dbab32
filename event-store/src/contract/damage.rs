//! What a damaged record does: as little as possible, and nothing in silence.

use super::{Fixture, append_in_turn, next, panic_of, read_all, stream, tail_after};
use crate::{ALL, Bookmark, Consistency, Entry, ReadError};

/// Holes are told: one damaged record concerns one stream, and every tail goes on behind it.
pub async fn a_damaged_record_is_told_and_concerns_no_other(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..3).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 3).await;
    let damaged = &records[4];
    assert!(fixture.damage(damaged.position).await, "nothing to test");

    let mut tail = tail_after(&*log, Bookmark::start()).await;
    let (mut intact, mut missing) = (Vec::new(), Vec::new());
    while intact.len() + missing.len() < records.len() {
        match next(&mut tail).await {
            Ok(Entry::Record(record)) => intact.push(record),
            Ok(Entry::Missing(hole)) => missing.push(hole),
            Err(error) => panic_of("a tail over a damaged record", &error),
        }
    }
    let others = records.iter().filter(|record| *record != damaged);
    super::assert_contiguous(&intact, &others.cloned().collect::<Vec<_>>());
    let [hole] = &missing[..] else {
        panic_of("one damaged record", &missing)
    };
    assert_eq!(hole.position, damaged.position);
    let named = hole.stream.as_ref();
    assert!(
        named.is_none_or(|named| *named == damaged.stream),
        "{hole:?}"
    );

    let read = log.read_stream(&damaged.stream, None, ALL, Consistency::Latest);
    match read.await {
        Err(ReadError::Corrupt { position, .. }) => assert_eq!(position, damaged.position),
        // A log that does not find it any more: its reader checks the chain of commits.
        Ok(slice) => assert!(!slice.records.contains(damaged), "it is damaged"),
        other => panic_of("a read of a damaged stream", &other),
    }
    for other in streams.iter().filter(|name| **name != damaged.stream) {
        assert_eq!(read_all(&*log, other).await.len(), 3, "{other} is intact");
    }
    let mut again = tail_after(&*log, records[..4].iter().collect()).await;
    let mut told = Vec::new();
    while told.len() < records.len() - 4 {
        told.push(next(&mut again).await);
    }
    let hole = Ok(Entry::Missing(hole.clone()));
    assert!(told.contains(&hole), "every tail tells it: {told:?}");
}
