//! Opening a log, and refusing to.

use event_store::jetstream::{ConnectError, JetStream, JetStreamConfig};
use event_store::{Durability, EventStore};

use super::server::Server;
use super::{CURRENT, OLDEST, append, config, open, open_with};

/// Why the log was refused for good.
#[track_caller]
fn refusal(opened: Result<JetStream, ConnectError>) -> String {
    let error = opened.expect_err("it does not fit");
    assert!(error.is_permanent(), "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_stream_is_compared_and_never_changed() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        open(&server.url()).await.close().await;
        let client = async_nats::connect(server.url()).await.expect("a client");
        let context = async_nats::jetstream::new(client);
        let mut orders = context.get_stream("ORDERS").await.expect("the stream");
        let mut changed = orders.info().await.expect("its info").config.clone();
        changed.max_bytes = 2 << 30;
        context.update_stream(&changed).await.expect("more room");
        let log = open(&server.url()).await;
        let warnings = log.describe().warnings.clone();
        assert!(
            warnings.iter().any(|warning| warning.contains("max_bytes")),
            "{warnings:?}"
        );
        changed.duplicate_window = std::time::Duration::from_secs(60);
        changed.max_messages = 1_000;
        context.update_stream(&changed).await.expect("changed");
        let text = refusal(JetStream::connect(config(&server.url())).await);
        assert!(text.contains("max_msgs: found 1000, wanted -1"), "{text}");
        assert!(text.contains("duplicate_window"), "{text}");
        let after = orders.info().await.expect("its info").config.clone();
        assert_eq!(after.max_messages, 1_000, "it was left alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused() {
    for program in [CURRENT, OLDEST] {
        let Some(server) = Server::start(program).await else {
            return;
        };
        let with = |partitions, name: &str| JetStreamConfig {
            partitions,
            stream: name.to_owned(),
            subject_prefix: format!("{name}.v1"),
            ..config(&server.url())
        };
        open_with(with(1, "ONE")).await.close().await;
        let four = open_with(with(4, "FOUR")).await;
        append(&four, "order", None).await;
        four.close().await;
        for (wrong, name, made_with) in [
            (4, "ONE", 1),
            (1, "FOUR", 4),
            (3, "FOUR", 4),
            (8, "FOUR", 4),
        ] {
            let text = refusal(JetStream::connect(with(wrong, name)).await);
            let expected = format!("a log of {made_with} partitions, {wrong} are configured");
            assert!(text.contains(&expected), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_stream_is_made_only_where_that_is_allowed() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let mut config = JetStreamConfig {
        create: false,
        partitions: 2,
        ..config(&server.url())
    };
    let text = refusal(JetStream::connect(config.clone()).await);
    assert!(text.contains("ORDERS-0 is missing"), "{text}");
    config.create = true;
    let log = open_with(config.clone()).await;
    let (position, _) = append(&log, "order", None).await;
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    let empty = format!("ORDERS-{}", 1 - position.partition);
    context.delete_stream(&empty).await.expect("deleted");
    let text = refusal(JetStream::connect(config).await);
    assert!(
        text.contains(&format!("{empty} is missing while")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_one_log() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let config = JetStreamConfig {
        partitions: 3,
        ..config(&server.url())
    };
    let nodes = (0..6).map(|_node| JetStream::connect(config.clone()));
    let mut identities = Vec::new();
    for log in futures::future::join_all(nodes).await {
        let head = log.expect("a log").head().await.expect("a head");
        identities.push(head.identity);
    }
    identities.dedup();
    assert_eq!(identities.len(), 1);
}

/// The room is reserved by each node that asks, and suffices for one.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_share_the_last_room() {
    for _round in 0..3 {
        let Some(server) = Server::start(CURRENT).await else {
            return;
        };
        let config = JetStreamConfig {
            partitions: 4,
            // All that the server of these tests may store.
            max_bytes: 16 << 30,
            ..config(&server.url())
        };
        let nodes = (0..3).map(|_node| JetStream::connect(config.clone()));
        for log in futures::future::join_all(nodes).await {
            log.expect("a log");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_fit_the_server_is_refused() {
    let Some(server) = Server::start(CURRENT).await else {
        return;
    };
    let config = JetStreamConfig {
        max_bytes: 65 << 30,
        ..config(&server.url())
    };
    let text = refusal(JetStream::connect(config).await);
    assert!(text.contains("max_file_store"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_only_small_messages_is_refused() {
    let Some(server) = Server::start_with(CURRENT, "max_payload: 500000").await else {
        return;
    };
    let text = refusal(JetStream::connect(config(&server.url())).await);
    assert!(text.contains("max_payload"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_need_a_newer_server() {
    let Some(server) = Server::start(OLDEST).await else {
        return;
    };
    let config = JetStreamConfig {
        replicas: 3,
        ..config(&server.url())
    };
    let text = refusal(JetStream::connect(config).await);
    assert!(text.contains("2.11"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_from_an_absent_server() {
    let settings = r#"authorization { user: a, password: "s@cret" }"#;
    let Some(mut server) = Server::start_with(CURRENT, settings).await else {
        return;
    };
    let text = refusal(JetStream::connect(config(&server.url())).await);
    assert!(text.contains("credentials"), "{text}");
    let url = server.url().replace("nats://", "nats://a:s%40cret@");
    let log = open(&url).await;
    assert!(!log.describe().name.contains("cret@"));
    server.kill();
    let absent = JetStream::connect(config(&url)).await;
    let absent = absent.expect_err("nobody listens");
    assert!(!absent.is_permanent(), "{absent}");
    assert!(!absent.to_string().contains("cret@"), "{absent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_describes_itself() {
    let Some(server) = Server::start(OLDEST).await else {
        return;
    };
    let mut config = config(&server.url());
    let cached = open_with(config.clone()).await.describe();
    let name = format!("NATS JetStream 2.9.10 at {}", server.url());
    assert!(cached.name.starts_with(&name), "{}", cached.name);
    assert_eq!(cached.durability, Durability::PageCache);
    assert!(cached.warnings[0].contains("power cut"));
    config.durability = Durability::Fsync;
    let fsynced = open_with(config).await.describe();
    assert!(fsynced.warnings.is_empty(), "{:?}", fsynced.warnings);
}
