//! A log that changes under a running process: gone, made again by hand, restored from a backup.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use event_store::{ALL, AppendError, Consistency, EventStore, ReadError};

use super::server::Server;
use super::{
    CURRENT, OLDEST, append, append_stubbornly, next_record, open, record, stream, until_available,
};

async fn context(server: &Server) -> Context {
    let client = async_nats::connect(server.url()).await.expect("a client");
    async_nats::jetstream::new(client)
}

async fn config_of(context: &Context) -> Config {
    let orders = context.get_stream("ORDERS").await.expect("the stream");
    orders.cached_info().config.clone()
}

#[track_caller]
fn cause(log: &dyn EventStore) -> String {
    let now = log.availability().borrow().clone();
    now.cause().unwrap_or_default().to_owned()
}

async fn until_caused_by(log: &dyn EventStore, word: &str) {
    let mut availability = log.availability();
    let told = availability.wait_for(|now| now.cause().is_some_and(|it| it.contains(word)));
    let told = tokio::time::timeout(super::PATIENCE, told).await;
    drop(told.expect("told in time").expect("the log is open"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_stream_is_an_outage_until_it_is_back() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let log = open(&server.url()).await;
        append(&log, "before", None).await;
        let context = context(&server).await;
        let config = config_of(&context).await;
        context.delete_stream("ORDERS").await.expect("deleted");
        let refused = log
            .append(&stream("order"), None, log.epoch(), record())
            .await;
        assert!(refused.is_err(), "{refused:?}");
        // Nobody has to append for the health of the log to show it, or to recover.
        until_available(&log, false).await;
        assert!(cause(&log).contains("stream ORDERS"), "{}", cause(&log));
        let refused = log
            .append(&stream("order"), None, log.epoch(), record())
            .await;
        assert!(
            matches!(refused, Err(AppendError::Unavailable { .. })),
            "{refused:?}"
        );
        context.create_stream(config).await.expect("made again");
        until_available(&log, true).await;
        let new = record();
        let stored = append_stubbornly(&log, &stream("after"), None, &new).await;
        assert!(stored.is_ok(), "{stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_node_notices_that_the_stream_is_missing() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    let context = context(&server).await;
    context.delete_stream("ORDERS").await.expect("deleted");
    until_available(&log, false).await;
    assert!(cause(&log).contains("is missing"), "{}", cause(&log));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_start_would_refuse_is_refused_while_running() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let log = open(&server.url()).await;
        append(&log, "before", None).await;
        let known = log.epoch();
        let context = context(&server).await;
        let right = config_of(&context).await;
        let by_hand = Config {
            name: right.name.clone(),
            subjects: right.subjects.clone(),
            discard: DiscardPolicy::Old,
            allow_direct: true,
            ..Config::default()
        };
        let marked = Config {
            discard: DiscardPolicy::Old,
            ..right.clone()
        };
        for (wrong, word) in [(by_hand, "orders-log-id"), (marked, "discard")] {
            context.delete_stream("ORDERS").await.expect("deleted");
            context.create_stream(wrong).await.expect("made by hand");
            until_caused_by(&log, word).await;
            assert!(known < log.epoch(), "what was known is of another stream");
            let refused = log
                .append(&stream("order"), None, log.epoch(), record())
                .await;
            assert!(
                matches!(refused, Err(AppendError::Unavailable { .. })),
                "{refused:?}"
            );
            let head = log.head().await;
            assert!(
                matches!(head, Err(ReadError::Unavailable { .. })),
                "no receipt may name this log: {head:?}"
            );
            let read = log
                .read_stream(&stream("order"), None, ALL, Consistency::Latest)
                .await;
            assert!(
                matches!(read, Err(ReadError::Unavailable { .. })),
                "{read:?}"
            );
        }
    }
}

/// The connection of this process holds: only the pulse can tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_no_connection_shows_raises_the_epoch() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let log = open(&server.url()).await;
        append(&log, "kept", None).await;
        let (lost, _) = append(&log, "lost", None).await;
        let mut tail = log
            .tail(event_store::Bookmark::start())
            .await
            .expect("a tail");
        next_record(&mut tail).await;
        next_record(&mut tail).await;
        let known = log.epoch();
        let context = context(&server).await;
        let config = config_of(&context).await;
        let kept = log
            .read_stream(&stream("kept"), None, ALL, Consistency::Latest)
            .await;
        let kept = kept.expect("readable").records.remove(0);
        // The same stream by its marks, with another history, and longer than before.
        context.delete_stream("ORDERS").await.expect("deleted");
        context.create_stream(config).await.expect("made again");
        for (subject, id) in [
            ("kept", kept.commit_id.to_string()),
            ("a", String::new()),
            ("b", String::new()),
        ] {
            let mut headers = async_nats::HeaderMap::new();
            if !id.is_empty() {
                headers.insert("Nats-Msg-Id", id);
            }
            let subject = format!("orders.v1.0.{subject}");
            let sent = context
                .publish_with_headers(subject, headers, "x".into())
                .await;
            sent.expect("sent").await.expect("stored");
        }
        let ended = super::next(&mut tail).await;
        match ended {
            Err(event_store::TailError::RolledBack {
                position, found, ..
            }) => {
                assert_eq!(position, lost);
                assert!(found.is_some(), "the log has grown past it");
            }
            other => panic!("{program}: {other:?}"),
        }
        assert!(known < log.epoch());
        let stale = log
            .append(&stream("lost"), Some(lost), known, record())
            .await;
        assert!(
            matches!(stale, Err(AppendError::StaleEpoch { .. })),
            "{stale:?}"
        );
        until_available(&log, true).await;
        let new = record();
        let stored = append_stubbornly(&log, &stream("new"), None, &new).await;
        assert!(stored.is_ok(), "{stored:?}");
    }
}
