//! Writing while the server fails.

use std::sync::Arc;
use std::time::Duration;

use event_store::{ALL, AppendError, Availability, Bookmark, Consistency, EventStore, ReadError};
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::server::Server;
use super::{
    CURRENT, OLDEST, append, append_stubbornly, config, next_record, open, open_with, record,
    stream, until_available,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_write_in_flight_while_the_server_dies_is_found_and_not_doubled() {
    for program in [CURRENT, OLDEST] {
        let Some(mut server) = Server::start(program).await else {
            return;
        };
        let log = Arc::new(open(&server.url()).await);
        append(&*log, "before", None).await;
        // Stopped, it takes the publish into its socket and never answers; killed, it loses it.
        server.signal("STOP");
        let (order, new) = (stream("zombie"), record());
        let writer = {
            let (log, order, new) = (log.clone(), order.clone(), new.clone());
            tokio::spawn(async move { log.append(&order, None, log.epoch(), new).await })
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.kill();
        server.run().await;
        let first = writer.await.expect("no panic");
        let position = append_stubbornly(&*log, &order, None, &new).await;
        let position = position.expect("stored once the server is back");
        if let Ok(first) = first {
            assert_eq!(first, position);
        }
        let stored = log
            .read_stream(&order, None, ALL, Consistency::Latest)
            .await;
        let stored = stored.expect("readable").records;
        assert_eq!(stored.len(), 1, "doubled: {stored:?}");
        assert_eq!(stored[0].commit_id, new.commit_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_down_appends_are_refused_at_once() {
    let Some(mut server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    server.kill();
    until_available(&log, false).await;
    // Had it been sent and waited for, its outcome would be unknown.
    let refused = log.append(&stream("a"), None, log.epoch(), record()).await;
    assert!(
        matches!(refused, Err(AppendError::Unavailable { .. })),
        "{refused:?}"
    );
    server.run().await;
    until_available(&log, true).await;
    append(&log, "a", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_says_so_and_keeps_its_history() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let mut config = config(&server.url());
        config.max_bytes = 4_000;
        let log = open_with(config).await;
        let (first, _) = append(&log, "first", None).await;
        let mut number = 0;
        let refused = loop {
            number += 1;
            assert!(number < 100, "never full");
            match log
                .append(&stream(&format!("n{number}")), None, log.epoch(), record())
                .await
            {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, AppendError::Full { .. }), "{refused:?}");
        assert!(log.read_at(first).await.expect("readable").is_some());
        until_available(&log, false).await;
        let client = async_nats::connect(server.url()).await.expect("a client");
        let context = async_nats::jetstream::new(client);
        let orders = context.get_stream("ORDERS").await.expect("the stream");
        let mut larger = orders.cached_info().config.clone();
        larger.max_bytes = 8_000_000;
        context.update_stream(larger).await.expect("room is made");
        until_available(&log, true).await;
        append(&log, "after", None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_server_is_noticed_once_and_recovers() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    append(&log, "before", None).await;
    server.signal("STOP");
    let (order, new) = (stream("stalled"), record());
    let first = log.append(&order, None, log.epoch(), new.clone()).await;
    assert!(
        matches!(first, Err(AppendError::Unknown { .. })),
        "{first:?}"
    );
    // Had it been sent and waited for, its outcome would be unknown, too.
    let second = log.append(&stream("b"), None, log.epoch(), record()).await;
    assert!(
        matches!(second, Err(AppendError::Unavailable { .. })),
        "{second:?}"
    );
    until_available(&log, false).await;
    server.signal("CONT");
    until_available(&log, true).await;
    let found = append_stubbornly(&log, &order, None, &new).await;
    let records = log
        .read_stream(&order, None, ALL, Consistency::Latest)
        .await;
    let records = records.expect("readable").records;
    assert_eq!(records.len(), 1, "doubled: {records:?}");
    assert_eq!(found, Ok(records[0].position));
}

/// At most one ack timeout for anyone, then an answer at once: for appends and for reads.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_twice_for_a_stalled_server() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let mut config = config(&server.url());
    // So long that whoever waits for it, or for a second look, fails this test.
    config.settle_timeout = Duration::from_secs(60);
    let log = Arc::new(open_with(config).await);
    append(&*log, "before", None).await;
    server.signal("STOP");
    let began = tokio::time::Instant::now();
    let (order, new) = (stream("stalled"), record());
    let first = log.append(&order, None, log.epoch(), new.clone()).await;
    assert!(
        matches!(first, Err(AppendError::Unknown { .. })),
        "{first:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(30), "it looked on");
    // The pulse gets no answer either: from then on reads are refused, too.
    let mut availability = log.availability();
    let silent = availability.wait_for(|now| *now != Availability::Available);
    drop(silent.await.expect("the log is open"));
    let refused = loop {
        let read = log.read_stream(&order, None, ALL, Consistency::Latest);
        match read.await {
            Err(ReadError::Unavailable { cause }) if cause.contains("does not answer") => {
                break cause;
            }
            Err(ReadError::Unavailable { .. }) => {}
            other => panic!("the server is stopped: {other:?}"),
        }
    };
    assert!(refused.contains("stream ORDERS"), "{refused}");
    server.signal("CONT");
    until_available(&*log, true).await;
    let found = append_stubbornly(&*log, &order, None, &new).await;
    let records = log
        .read_stream(&order, None, ALL, Consistency::Latest)
        .await;
    let records = records.expect("readable").records;
    assert_eq!(records.len(), 1, "doubled: {records:?}");
    assert_eq!(found, Ok(records[0].position));
}

/// An answer is not enough: while nothing can be stored, a silent log stays silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_log_is_back_when_it_stores() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    append(&log, "before", None).await;
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client.clone());
    let probe = context.get_stream("ORDERS-PROBE").await.expect("for tries");
    let as_made = probe.cached_info().config.clone();
    // What a try meets when the disk takes nothing.
    let mut refusing = as_made.clone();
    refusing.discard = async_nats::jetstream::stream::DiscardPolicy::New;
    refusing.max_messages = 1;
    context.update_stream(refusing).await.expect("changed");
    let fill = context.publish("orders-probe.v1", "x".into()).await;
    fill.expect("sent").await.expect("stored");
    server.signal("STOP");
    let unknown = log.append(&stream("b"), None, log.epoch(), record()).await;
    assert!(unknown.is_err(), "{unknown:?}");
    let mut tries = client.subscribe("orders-probe.v1").await.expect("seen");
    server.signal("CONT");
    // Each try but the first follows on one that found that nothing can be stored.
    for number in 1..=3 {
        let seen = tokio::time::timeout(super::PATIENCE, tries.next()).await;
        assert!(
            seen.is_ok_and(|it| it.is_some()),
            "try {number} did not come"
        );
    }
    assert!(log.head().await.is_ok(), "it answers");
    let refused = log.append(&stream("c"), None, log.epoch(), record()).await;
    assert!(
        matches!(refused, Err(AppendError::Unavailable { .. })),
        "{refused:?}"
    );
    context.update_stream(as_made).await.expect("changed back");
    until_available(&log, true).await;
    append(&log, "after", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_is_replaced_by_a_look() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let witness = open(&server.url()).await;
        let proxy = Proxy::start(server.port()).await;
        let log = Arc::new(open(&proxy.url()).await);
        append(&*log, "before", None).await;
        let (order, new) = (stream("unheard"), record());
        proxy.lose_replies(true);
        let writer = {
            let (log, order, new) = (log.clone(), order.clone(), new.clone());
            tokio::spawn(async move { log.append(&order, None, log.epoch(), new).await })
        };
        let mut tail = witness.tail(Bookmark::start()).await.expect("a tail");
        let stored = loop {
            let record = next_record(&mut tail).await;
            if record.commit_id == new.commit_id {
                break record.position;
            }
        };
        proxy.lose_replies(false);
        assert_eq!(writer.await.expect("no panic"), Ok(stored));
        assert_eq!(log.append(&order, None, log.epoch(), new).await, Ok(stored));
        assert_eq!(witness.head().await.expect("a head").last, stored.into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_answer_the_outcome_is_unknown_and_a_retry_does_not_double() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let proxy = Proxy::start(server.port()).await;
    let log = open(&proxy.url()).await;
    append(&log, "before", None).await;
    let (order, new) = (stream("unheard"), record());
    proxy.lose_replies(true);
    let unknown = log.append(&order, None, log.epoch(), new.clone()).await;
    assert!(
        matches!(unknown, Err(AppendError::Unknown { .. })),
        "{unknown:?}"
    );
    proxy.lose_replies(false);
    let position = append_stubbornly(&log, &order, None, &new).await;
    let records = log
        .read_stream(&order, None, ALL, Consistency::Latest)
        .await;
    let records = records.expect("readable").records;
    assert_eq!(records.len(), 1, "doubled: {records:?}");
    assert_eq!(position, Ok(records[0].position));
}

/// Eight writers, each on streams of its own, while the server is killed and started again.
#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_and_doubles_no_acknowledged_append() {
    for program in [CURRENT, OLDEST] {
        let Some(mut server) = Server::start(program).await else {
            return;
        };
        let log = Arc::new(open(&server.url()).await);
        let stop = tokio_util::sync::CancellationToken::new();
        let mut writers = JoinSet::new();
        let count = Arc::new(watch::Sender::new(0_usize));
        for writer in 0..8 {
            let (log, stop, count) = (log.clone(), stop.clone(), count.clone());
            writers.spawn(async move {
                let order = stream(&format!("writer-{writer}"));
                let (mut acknowledged, mut last) = (Vec::new(), None);
                while !stop.is_cancelled() {
                    let new = record();
                    let position = append_stubbornly(&*log, &order, last, &new).await;
                    let position = position.expect("nobody else writes here");
                    acknowledged.push((position, new.commit_id));
                    last = Some(position);
                    count.send_modify(|count| *count += 1);
                }
                (order, acknowledged)
            });
        }
        for _round in 0..3 {
            acknowledged_since(&count, 100).await;
            server.kill();
            server.run().await;
            until_available(&*log, true).await;
        }
        acknowledged_since(&count, 100).await;
        stop.cancel();
        let mut total = 0;
        for (order, acknowledged) in writers.join_all().await {
            let stored = log
                .read_stream(&order, None, ALL, Consistency::Latest)
                .await;
            let stored: Vec<_> = stored
                .expect("readable")
                .records
                .iter()
                .map(|record| (record.position, record.commit_id))
                .collect();
            assert!(stored == acknowledged, "{program}: {order} differs");
            total += stored.len();
        }
        let head = log.head().await.expect("a head").last.sequence(0);
        assert_eq!(head, u64::try_from(total).expect("few"), "{program}");
    }
}

/// Waits until so many more appends are acknowledged.
async fn acknowledged_since(count: &watch::Sender<usize>, more: usize) {
    let mut count = count.subscribe();
    let before = *count.borrow();
    let enough = count.wait_for(|count| *count >= before + more);
    let waited = tokio::time::timeout(super::PATIENCE, enough).await;
    waited.expect("appends go on").expect("writers");
}
