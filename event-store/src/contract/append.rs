//! What an append stores, and what it refuses.

use super::{
    Fixture, actual_end, append, append_in_turn, append_one, read_all, record, stored, stream,
    tail_after, take,
};
use crate::{AppendError, Bookmark, Epoch, Position, Positions};

/// The position an append returns is where the record is found.
pub async fn an_append_returns_where_the_record_lies(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let first = append_one(&*log, &order, None).await;
    let second = append_one(&*log, &order, Some(first.position)).await;
    for expected in [first, second] {
        let found = log.read_at(expected.position).await.expect("readable");
        assert_eq!(found, Some(expected), "the record at its own position");
    }
}

/// Fenced: only the stream's last position is accepted, and the conflict names it.
pub async fn another_expectation_is_a_conflict_with_the_actual_end(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams = [stream("order", 1), stream("other", 1)];
    let records = append_in_turn(&*log, &streams, 3).await;
    let [order, _other] = &streams;
    let of = |stream: usize| records.iter().skip(stream).step_by(streams.len());
    let last = of(0).last().map(|record| record.position);

    for wrong in of(0).take(2).chain(of(1)) {
        if Some(wrong.position) != last {
            let refused = append(&*log, order, Some(wrong.position), record(300)).await;
            assert_eq!(actual_end(refused), last, "expected {}", wrong.position);
        }
    }
    let refused = append(&*log, order, None, record(300)).await;
    assert_eq!(actual_end(refused), last, "expected an empty stream");
    let beyond = last.map(|end| Position::new(end.partition, end.sequence + 1_000));
    let refused = append(&*log, order, beyond, record(300)).await;
    assert_eq!(actual_end(refused), last, "expected a record of the future");
    let unknown = stream("unknown", 1);
    let refused = append(&*log, &unknown, last, record(300)).await;
    assert_eq!(
        actual_end(refused),
        None,
        "expected a record in an empty stream"
    );

    assert_eq!(read_all(&*log, order).await.len(), 3);
    assert_eq!(read_all(&*log, &unknown).await, []);
}

/// The sequence alone is not the position.
pub async fn an_expectation_of_another_partition_is_a_conflict(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let last = append_one(&*log, &order, None).await.position;
    let elsewhere = Position::new(last.partition + 1, last.sequence);
    let refused = append(&*log, &order, Some(elsewhere), record(300)).await;
    assert_eq!(actual_end(refused), Some(last));
}

/// Atomic: what was refused is in no stream, at no position and in no tail.
pub async fn a_refused_append_leaves_no_trace(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let limit = log.describe().max_record_bytes;
    let order = stream("order", 1);
    let first = append_one(&*log, &order, None).await;
    actual_end(append(&*log, &order, None, record(300)).await);
    let huge = append(&*log, &order, Some(first.position), record(limit + 1));
    assert!(huge.await.is_err(), "a record over the limit is refused");
    let second = append_one(&*log, &order, Some(first.position)).await;

    let all = [first, second];
    assert_eq!(read_all(&*log, &order).await, all);
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    assert_eq!(take(&mut tail, 2).await, all);
}

/// Nothing is cut, padded or translated, from no byte at all up to the limit.
pub async fn records_of_every_size_are_stored_whole(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let limit = log.describe().max_record_bytes;
    let order = stream("order", 1);
    let (mut last, mut all) = (None, Vec::new());
    for size in [0, 1, 300, 4_095, 4_096, 4_097, 65_536, limit / 2, limit] {
        let new = record(size);
        let position = append(&*log, &order, last, new.clone()).await;
        let position = position.expect("a record within the limit");
        all.push(stored(&order, position, &new));
        last = Some(position);
    }
    assert!(read_all(&*log, &order).await == all, "the stream differs");
    let mut tail = tail_after(&*log, Bookmark::start()).await;
    assert!(take(&mut tail, all.len()).await == all, "the tail differs");
}

/// A hostile size is refused as such, and harms nothing.
pub async fn a_record_over_the_limit_is_refused(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let max = log.describe().max_record_bytes;
    let order = stream("order", 1);
    for size in [max + 1, max * 10] {
        match append(&*log, &order, None, record(size)).await {
            Err(AppendError::TooLarge { size: told, limit }) => {
                assert_eq!(limit, max, "the limit it told");
                assert!(told >= size, "{told} bytes told of {size}");
            }
            other => super::panic_of("a record over the limit", &other),
        }
    }
    append_one(&*log, &order, None).await;
}

/// A retry of what was stored answers with its position or with a conflict, and stores nothing.
pub async fn the_same_append_twice_stores_one_record(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let new = record(300);
    let position = append(&*log, &order, None, new.clone())
        .await
        .expect("stored");
    match append(&*log, &order, None, new.clone()).await {
        Ok(again) => assert_eq!(again, position),
        refused => assert_eq!(actual_end(refused), Some(position)),
    }
    assert_eq!(
        read_all(&*log, &order).await,
        [stored(&order, position, &new)]
    );
}

/// Ordered: what is acknowledged later lies later in its partition.
pub async fn positions_of_a_partition_increase(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..10).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 5).await;
    let mut reached = Positions::start();
    for record in records {
        assert!(record.position.sequence >= 1, "sequences start at 1");
        assert!(
            !reached.covers(record.position),
            "{} went back",
            record.position
        );
        reached.advance(record.position);
    }
}

/// A stream lies in the partition that its name hashes to, on every machine and for ever.
pub async fn records_lie_in_the_partition_of_their_stream(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let partitions = log.describe().partitions;
    let streams: Vec<_> = (0..20).map(|number| stream("order", number)).collect();
    for record in append_in_turn(&*log, &streams, 2).await {
        let expected = record.stream.partition(partitions);
        assert_eq!(record.position.partition, expected, "{}", record.stream);
        let found = log.read_at(record.position).await.expect("readable");
        assert_eq!(found, Some(record));
    }
}

/// Epochs: knowledge of another epoch than the current one is no ground to append on.
pub async fn an_append_of_another_epoch_stores_nothing(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let first = append_one(&*log, &order, None).await;
    let current = log.epoch();
    for other in [Epoch(current.0 - 1), Epoch(current.0 + 1)] {
        let refused = log
            .append(&order, Some(first.position), other, record(300))
            .await;
        assert_eq!(refused, Err(AppendError::StaleEpoch { current }));
    }
    assert_eq!(read_all(&*log, &order).await, [first]);
}
