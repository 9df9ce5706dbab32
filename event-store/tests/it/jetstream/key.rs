//! The key store: what is erased is gone from the disk.

use std::path::Path;

use event_store::{AppendError, EventStore, KeyError, KeyState, KeyStore};

use super::server::Server;
use super::{CURRENT, OLDEST, append, open, stream};

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_key_is_gone_from_the_servers_files() {
    for program in [CURRENT, OLDEST] {
        let Some(mut server) = Server::start(program).await else {
            return;
        };
        let log = open(&server.url()).await;
        let keys = log.keys().await.expect("a key store");
        let mut secrets = Vec::new();
        for name in ["kept", "erased", "last"] {
            match keys.create(&stream(name)).await.expect("made") {
                KeyState::Live(key) => secrets.push(*key.secret()),
                other => panic!("no key: {other:?}"),
            }
        }
        for (secret, name) in secrets.iter().zip(["kept", "erased", "last"]) {
            assert!(is_on_disk(&server.store_dir(), secret), "{program} {name}");
        }
        keys.erase(&stream("erased")).await.expect("erased");
        keys.erase(&stream("last")).await.expect("erased");
        assert!(is_on_disk(&server.store_dir(), &secrets[0]), "{program}");
        for secret in &secrets[1..] {
            assert!(!is_on_disk(&server.store_dir(), secret), "{program}");
        }
        server.stop();
        server.run().await;
        for secret in &secrets[1..] {
            assert!(!is_on_disk(&server.store_dir(), secret), "{program}");
        }
        let log = open(&server.url()).await;
        let keys = log.keys().await.expect("a key store");
        for name in ["erased", "last"] {
            let state = keys.create(&stream(name)).await.expect("answered");
            assert!(matches!(state, KeyState::Erased), "{state:?}");
        }
        let state = keys.find(&stream("kept")).await.expect("answered");
        assert!(matches!(state, KeyState::Live(key) if *key.secret() == secrets[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_cut_short_is_finished_by_the_next() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    let keys = log.keys().await.expect("a key store");
    let order = stream("order");
    let state = keys.create(&order).await.expect("made");
    let KeyState::Live(key) = state else {
        panic!("no key: {state:?}");
    };
    // What a crash leaves behind: the tombstone is there, and so is the key.
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    let tombstone = context
        .publish("orders-keys.v1.order", vec![0].into())
        .await;
    tombstone.expect("sent").await.expect("stored");
    let found = keys.find(&order).await.expect("answered");
    assert!(matches!(found, KeyState::Erased), "{found:?}");
    assert!(is_on_disk(&server.store_dir(), key.secret()));
    keys.erase(&order).await.expect("erased");
    assert!(!is_on_disk(&server.store_dir(), key.secret()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_store_stops_the_start_once_there_are_records() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let log = open(&server.url()).await;
    log.keys().await.expect("made beside an empty log");
    append(&log, "order", None).await;
    log.keys().await.expect("still there");
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    context.delete_stream("ORDERS-KEYS").await.expect("deleted");
    let refused = log.keys().await.expect_err("refused");
    assert!(refused.is_permanent(), "{refused}");
    assert!(
        refused.to_string().contains("ORDERS-KEYS is missing"),
        "{refused}"
    );
    assert!(log.head().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_key_store_says_so() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let mut config = super::config(&server.url());
    config.max_bytes = 4_000;
    let log = super::open_with(config).await;
    let keys = log.keys().await.expect("a key store");
    let mut number = 0;
    let refused = loop {
        number += 1;
        assert!(number < 100, "never full");
        match keys.create(&stream(&format!("n{number}"))).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, KeyError::Full { .. }), "{refused:?}");
    let first = keys.find(&stream("n1")).await;
    assert!(matches!(first, Ok(KeyState::Live(_))), "{first:?}");
}

/// One key for each order of one small commit: the log must fill first.
#[tokio::test(flavor = "multi_thread")]
async fn keys_do_not_fill_before_their_log() {
    for partitions in [1, 4] {
        let Some(server) = Server::start(CURRENT).await else {
            return;
        };
        let mut config = super::config(&server.url());
        config.max_bytes = 100_000;
        config.partitions = partitions;
        let log = super::open_with(config).await;
        let keys = log.keys().await.expect("a key store");
        for number in 0.. {
            let order = stream(&format!("order-{number:020}"));
            keys.create(&order).await.expect("the log fills first");
            match log.append(&order, None, log.epoch(), super::record()).await {
                Ok(_) => {}
                Err(AppendError::Full { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Whether any file below `dir` holds these bytes.
fn is_on_disk(dir: &Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(dir).expect("readable");
    entries.filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_on_disk(&path, bytes);
        }
        let content = std::fs::read(&path).unwrap_or_default();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}
