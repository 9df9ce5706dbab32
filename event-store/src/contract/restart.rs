//! What a restart must not change.

use std::sync::Arc;

use super::{
    Fixture, actual_end, append, append_in_turn, append_one, assert_contiguous, read_all, record,
    stream, tail_after, take,
};
use crate::{Bookmark, EventStore};

/// Durable: the same log with the same records.
pub async fn a_restart_keeps_identity_and_records(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..5).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 5).await;
    let before = log.head().await.expect("a head");
    let log = reopen(fixture, log).await;
    assert_eq!(log.head().await.expect("a head"), before);
    for order in &streams {
        let own = records.iter().filter(|record| record.stream == *order);
        let own: Vec<_> = own.cloned().collect();
        assert_eq!(read_all(&*log, order).await, own);
    }
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    assert_contiguous(&take(&mut tail, records.len()).await, &records);
}

/// Fenced and ordered: expectations from before the restart still count.
pub async fn a_restart_keeps_the_fence(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let first = append_one(&*log, &order, None).await;
    let second = append_one(&*log, &order, Some(first.position)).await;
    let log = reopen(fixture, log).await;
    for wrong in [None, Some(first.position)] {
        let refused = append(&*log, &order, wrong, record(300)).await;
        assert_eq!(actual_end(refused), Some(second.position));
    }
    let third = append_one(&*log, &order, Some(second.position)).await;
    assert!(
        third.position.sequence > second.position.sequence,
        "a position came back"
    );
    assert_eq!(read_all(&*log, &order).await, [first, second, third]);
}

/// Contiguous: a reader that comes back with its positions misses and repeats nothing.
pub async fn a_tail_goes_on_after_a_restart(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams = [stream("order", 1), stream("other", 1)];
    let mut all = append_in_turn(&*log, &streams, 5).await;
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    let mut seen = take(&mut tail, 5).await;
    drop(tail);
    let log = reopen(fixture, log).await;
    let mut tail = tail_after(&*log, seen.iter().collect()).await;
    all.push(append_one(&*log, &stream("third", 1), None).await);
    seen.extend(take(&mut tail, all.len() - 5).await);
    assert_contiguous(&seen, &all);
}

async fn reopen(fixture: &dyn Fixture, log: Arc<dyn EventStore>) -> Arc<dyn EventStore> {
    let reopened = fixture.reopen(log).await;
    reopened.expect("a log that is meant to survive")
}
