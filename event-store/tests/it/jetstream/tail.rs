//! Tailing while the server, or the log, is exchanged.

use std::time::Duration;

use event_store::{Bookmark, Entry, EventStore, Position, TailError};

use super::server::Server;
use super::{
    CURRENT, OLDEST, append, append_stubbornly, next, next_record, open, record, stream,
    until_available,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_tail_goes_on_after_a_restart_of_the_server() {
    for program in [CURRENT, OLDEST] {
        let Some(mut server) = Server::start(program).await else {
            return;
        };
        let log = open(&server.url()).await;
        let mut seen = Bookmark::start();
        for number in 0..3 {
            let (position, commit_id) = append(&log, &format!("before-{number}"), None).await;
            seen.advance(position, commit_id);
        }
        // One that never saw a record, and one that did.
        let mut unread = log.tail(seen).await.expect("a tail");
        let mut read = log.tail(Bookmark::start()).await.expect("a tail");
        for sequence in 1..=3 {
            let record = next_record(&mut read).await;
            assert_eq!(record.position.sequence, sequence);
        }
        let idle = tokio::time::timeout(Duration::from_millis(300), next(&mut unread)).await;
        assert!(idle.is_err(), "there is nothing yet: {idle:?}");
        for _restart in 0..2 {
            server.stop();
            until_available(&log, false).await;
            server.run().await;
            until_available(&log, true).await;
        }
        let new = record();
        let position = append_stubbornly(&log, &stream("after"), None, &new).await;
        for tail in [&mut unread, &mut read] {
            let record = next_record(tail).await;
            assert_eq!(Ok(record.position), position, "{program}");
            assert_eq!(record.commit_id, new.commit_id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_deleted_and_made_again_is_another_one() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let log = open(&server.url()).await;
        append(&log, "old", None).await;
        let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
        next_record(&mut tail).await;
        let before = log.head().await.expect("a head").identity;

        let client = async_nats::connect(server.url()).await.expect("a client");
        let context = async_nats::jetstream::new(client);
        context.delete_stream("ORDERS").await.expect("deleted");
        let again = open(&server.url()).await;
        append(&again, "new", None).await;

        let found = again.head().await.expect("a head").identity;
        assert_ne!(found, before);
        let replaced = TailError::Replaced {
            expected: before,
            found,
        };
        assert_eq!(next(&mut tail).await, Err(replaced), "{program}");
        assert_eq!(log.head().await.expect("a head").identity, found);
        let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
        let record = next_record(&mut tail).await;
        assert_eq!(record.stream, stream("new"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_message_becomes_a_record_that_can_be_set_aside() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    for subject in ["orders.v1.0.$$$", "orders.v1.0.plain"] {
        let ack = context
            .publish(subject, "noise".into())
            .await
            .expect("sent");
        ack.await.expect("stored");
    }
    append(&log, "ours", None).await;
    let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
    let first = next_record(&mut tail).await;
    assert!(first.stream.as_str().starts_with("foreign-"), "{first:?}");
    assert_eq!(first.payload, "noise");
    let second = next_record(&mut tail).await;
    assert_eq!(second.stream, stream("plain"));
    assert_eq!(second.commit_id, first.commit_id, "both from the payload");
    assert_eq!(next_record(&mut tail).await.stream, stream("ours"));
    let read = log.read_at(second.position).await.expect("readable");
    assert_eq!(read, Some(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_log_ends_its_tails() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
    log.close().await;
    assert_eq!(next(&mut tail).await, Err(TailError::Closed));
}

/// Flips a bit in the payload of the one stored message that holds these bytes.
fn flip(dir: &std::path::Path, mark: &[u8]) -> usize {
    let entries = std::fs::read_dir(dir).expect("readable");
    let mut flipped = 0;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            flipped += flip(&path, mark);
        } else if let Ok(mut bytes) = std::fs::read(&path)
            && let Some(at) = bytes.windows(mark.len()).position(|window| window == mark)
        {
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).expect("writable");
            flipped += 1;
        }
    }
    flipped
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_server_cannot_read_is_told_as_missing() {
    for damaged in [1, 2, 3] {
        let Some(mut server) = Server::start(CURRENT).await else {
            return;
        };
        let log = open(&server.url()).await;
        for sequence in 1..=3_u64 {
            let new = event_store::NewRecord {
                payload: format!("the payload of record {sequence}").repeat(9).into(),
                ..record()
            };
            let order = stream(&format!("n{sequence}"));
            let stored = log.append(&order, None, log.epoch(), new).await;
            assert_eq!(stored, Ok(Position::new(0, sequence)));
        }
        server.stop();
        let mark = format!("the payload of record {damaged}");
        assert_eq!(flip(&server.store_dir(), mark.as_bytes()), 1);
        server.run().await;
        until_available(&log, true).await;
        let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
        for sequence in 1..=3 {
            let entry = next(&mut tail).await;
            println!("damaged {damaged}: {entry:?}");
            let entry = entry.expect("a hole is no end");
            assert_eq!(entry.position(), Position::new(0, sequence));
            let is_missing = matches!(entry, Entry::Missing(_));
            assert_eq!(is_missing, sequence == damaged, "{entry:?}");
        }
        let new = record();
        let after = append_stubbornly(&log, &stream("after"), None, &new).await;
        assert_eq!(next_record(&mut tail).await.commit_id, new.commit_id);
        assert_eq!(after, Ok(Position::new(0, 4)), "no position is given twice");
    }
}
