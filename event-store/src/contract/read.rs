//! What a read gives.

use super::{Fixture, append_in_turn, append_one, read_after, read_all, stream};
use crate::{ALL, Availability, Consistency, Position};

/// A stream reads back in order, after any of its positions, whatever lies between its records.
pub async fn a_stream_reads_back_after_any_position(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let streams: Vec<_> = (0..3).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 5).await;
    for order in &streams {
        let own: Vec<_> = records
            .iter()
            .filter(|r| r.stream == *order)
            .cloned()
            .collect();
        assert_eq!(read_all(&*log, order).await, own);
        for (index, record) in own.iter().enumerate() {
            let newer = read_after(&*log, order, Some(record.position)).await;
            assert_eq!(newer, own[index + 1..], "after {}", record.position);
        }
        let end = Position::new(own[0].position.partition, u64::MAX / 4);
        assert_eq!(
            read_after(&*log, order, Some(end)).await,
            [],
            "past the end"
        );
        let any = log.read_stream(order, None, ALL, Consistency::Any).await;
        let any = any.expect("readable").records;
        assert!(own.starts_with(&any), "a replica may lag, but not differ");
    }
    assert_eq!(read_all(&*log, &stream("unknown", 1)).await, []);
    assert_eq!(
        read_all(&*log, &stream("order", 11)).await,
        [],
        "a longer name"
    );
}

/// A page of a history costs a page, whatever the length of the history.
pub async fn a_slice_holds_what_was_asked_for_and_says_whether_there_is_more(
    fixture: &dyn Fixture,
) {
    let log = fixture.open().await;
    let streams = [stream("order", 1), stream("other", 1)];
    let records = append_in_turn(&*log, &streams, 4).await;
    let [order, _other] = &streams;
    let own: Vec<_> = records.into_iter().step_by(streams.len()).collect();
    for begin in 0..own.len() {
        let after = begin.checked_sub(1).map(|index| own[index].position);
        for limit in 0..6 {
            let read = log.read_stream(order, after, limit, Consistency::Latest);
            let slice = read.await.expect("readable");
            let end = own.len().min(begin + limit);
            assert_eq!(slice.records, own[begin..end], "{limit} after {after:?}");
            assert_eq!(slice.more, end < own.len(), "{limit} after {after:?}");
            assert_eq!(slice.epoch, log.epoch(), "nothing happened to this log");
        }
    }
}

/// Streams do not cross partitions, so nothing of one comes after a position of another.
pub async fn nothing_lies_after_a_position_of_another_partition(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let record = append_one(&*log, &order, None).await;
    let elsewhere = Position::new(record.position.partition + 1, record.position.sequence);
    assert_eq!(read_after(&*log, &order, Some(elsewhere)).await, []);
}

/// Visible: every kind of read that begins after the acknowledgement finds the record.
pub async fn a_read_sees_what_was_acknowledged_before(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let order = stream("order", 1);
    let mut last = None;
    for length in 1..=100 {
        let record = append_one(&*log, &order, last).await;
        let head = log.head().await.expect("a head");
        assert!(head.last.covers(record.position), "the head lags");
        let found = read_all(&*log, &order).await;
        assert_eq!(found.last(), Some(&record), "the stream lags");
        assert_eq!(found.len(), length);
        let newest = read_after(&*log, &order, last).await;
        assert_eq!(
            newest.as_slice(),
            std::slice::from_ref(&record),
            "what is new since the last one"
        );
        last = Some(record.position);
        let at = log.read_at(record.position).await.expect("readable");
        assert_eq!(at, Some(record), "the position lags");
    }
}

/// Any position may be asked for.
pub async fn read_at_gives_the_record_or_none(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let nothing = log.read_at(Position::new(0, 1)).await;
    assert_eq!(nothing, Ok(None), "an empty log");
    let record = append_one(&*log, &stream("order", 1), None).await;
    let Position {
        partition,
        sequence,
    } = record.position;
    for (partition, sequence) in [
        (partition, 0),
        (partition, sequence + 1),
        (partition, u64::MAX),
        (log.describe().partitions, sequence),
        (u32::MAX, sequence),
    ] {
        let position = Position::new(partition, sequence);
        assert_eq!(log.read_at(position).await, Ok(None), "at {position}");
    }
    assert_eq!(log.read_at(record.position).await, Ok(Some(record)));
}

/// The head counts every partition, and only what is stored.
pub async fn head_is_the_last_position_of_every_partition(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let partitions = log.describe().partitions;
    let empty = log.head().await.expect("a head").last;
    assert!((0..partitions).all(|partition| empty.sequence(partition) == 0));
    let streams: Vec<_> = (0..20).map(|number| stream("order", number)).collect();
    let records = append_in_turn(&*log, &streams, 2).await;
    let last = log.head().await.expect("a head").last;
    for partition in 0..partitions {
        let own = records.iter().map(|record| record.position);
        let newest = own.filter(|position| position.partition == partition).max();
        let expected = newest.map_or(0, |position| position.sequence);
        assert_eq!(last.sequence(partition), expected, "partition {partition}");
    }
}

/// Named: an identity is stable, and no two logs share one.
pub async fn two_logs_have_two_identities(fixture: &dyn Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    let identity = one.head().await.expect("a head").identity;
    append_one(&*one, &stream("order", 1), None).await;
    assert_eq!(one.head().await.expect("a head").identity, identity);
    let others = other.head().await.expect("a head");
    assert_ne!(others.identity, identity, "two logs, one identity");
    assert_eq!(
        read_all(&*other, &stream("order", 1)).await,
        [],
        "two logs, one storage"
    );
}

/// What people and health checks are told.
pub async fn an_open_log_is_available_and_described(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let about = log.describe();
    assert!(!about.name.is_empty(), "a log has a name");
    assert!(about.partitions >= 1, "a log has a partition");
    assert!(about.max_record_bytes >= 1_000, "a log takes records");
    append_one(&*log, &stream("order", 1), None).await;
    assert_eq!(*log.availability().borrow(), Availability::Available);
}
