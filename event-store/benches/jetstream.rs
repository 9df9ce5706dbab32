//! Question: what does an append through the log cost over the bare publish that it makes?
//!
//! Both run against one server in the same minutes, in turns: the same headers, the same payload,
//! the same number of writers, each to a stream of its own with the same configuration. The ratio
//! is the answer; the rates only say on what machine. Then: how fast is a tail, against the same
//! pull loop that throws its messages away?
//!
//! `ORDERS_TEST_BIN_DIR=… cargo bench -p event-store --bench jetstream`

#![allow(
    clippy::print_stdout,
    reason = "a benchmark speaks to the person who started it"
)]

#[allow(dead_code, reason = "a measurement stops no server half-way")]
#[path = "../tests/it/jetstream/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use event_store::jetstream::{JetStream, JetStreamConfig};
use event_store::{Bookmark, CommitId, EventStore, NewRecord, StreamId};
use futures::StreamExt as _;
use server::Server;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Longest wait for the server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pairs of slices of each measurement. The median of the ratios of the pairs counts: other load on
/// the machine comes and goes over seconds, and hits both slices of a pair alike.
const PAIRS: usize = 40;

/// Pairs that do not count.
const WARM_UP: usize = 4;

/// Length of one slice: hundreds of appends even with one writer.
const SLICE: Duration = Duration::from_millis(250);

/// An ordinary order of five lines.
const PAYLOAD_BYTES: usize = 600;

const LABEL: &str = "OrderCreated,LineAdded*5,OrderPlaced";

#[tokio::main]
async fn main() {
    let Some(server) = Server::start("nats-server").await else {
        return;
    };
    let log = Arc::new(connect(&server).await);
    let bare = bare(&server).await;
    println!("{}", log.describe().name);
    println!("appends/s, medians of {PAIRS} slices (10th to 90th percentile)");
    for writers in [1, 16, 64, 256] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for pair in 0..WARM_UP + PAIRS {
            // Each as often first as second: what one wrote the server still digests while the
            // other begins.
            if pair % 2 == 0 {
                theirs.push(rate(writers, &bare, publish).await);
            }
            ours.push(rate(writers, &log, append).await);
            if pair % 2 == 1 {
                theirs.push(rate(writers, &bare, publish).await);
            }
        }
        let (theirs, ours) = (theirs.split_off(WARM_UP), ours.split_off(WARM_UP));
        report(&format!("{writers:>4} writers"), theirs, ours);
    }
    tail_rate(&log, &bare).await;
}

async fn connect(server: &Server) -> JetStream {
    let config = JetStreamConfig::new(server.url());
    JetStream::connect(config).await.expect("a log")
}

/// The bare twin: the client library, and a stream like the log's.
async fn bare(server: &Server) -> Context {
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = ContextBuilder::new().max_ack_inflight(16_384).build(client);
    let config = Config {
        name: "BARE".to_owned(),
        subjects: vec!["bare.v1.0.*".to_owned()],
        max_bytes: 8 << 30,
        discard: DiscardPolicy::New,
        num_replicas: 1,
        duplicate_window: Duration::from_secs(120),
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    };
    context.create_stream(config).await.expect("a stream");
    context
}

async fn publish(bare: Context, id: CommitId) {
    let message = PublishMessage::build()
        .header("Orders-Events", LABEL)
        .message_id(id.to_string())
        .expected_stream("BARE")
        .expected_last_subject_sequence(0)
        .payload(vec![7; PAYLOAD_BYTES].into());
    let ack = bare.send_publish(format!("bare.v1.0.{id}"), message).await;
    ack.expect("sent").await.expect("stored");
}

async fn append(log: Arc<JetStream>, id: CommitId) {
    let stream = StreamId::new(&id.to_string()).expect("plain");
    let record = NewRecord {
        commit_id: id,
        payload: vec![7; PAYLOAD_BYTES].into(),
        label: LABEL.to_owned(),
    };
    log.append(&stream, None, log.epoch(), record)
        .await
        .expect("stored");
}

/// Operations per second of so many writers, each waiting for its acknowledgement.
async fn rate<L, F>(writers: usize, log: &L, write: fn(L, CommitId) -> F) -> f64
where
    L: Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let count = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _writer in 0..writers {
        let (count, log) = (count.clone(), log.clone());
        tasks.spawn(async move {
            while began.elapsed() < SLICE {
                write(log.clone(), CommitId(rand::random())).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tasks.join_all().await;
    per_second(count.load(Ordering::Relaxed), began)
}

/// Reads each stream from its start to its present end, in turns.
async fn tail_rate(log: &JetStream, bare: &Context) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _pair in 0..5 {
        theirs.push(pull_all(bare).await);
        ours.push(tail_all(log).await);
    }
    report("records read", theirs, ours);
}

fn report(what: &str, bare: Vec<f64>, log: Vec<f64>) {
    let ratios = log
        .iter()
        .zip(&bare)
        .map(|(log, bare)| log / bare)
        .collect();
    let (bare, log, ratio) = (Spread::of(bare), Spread::of(log), Spread::of(ratios));
    println!("{what}: bare {bare:.0}   log {log:.0}   ratio {ratio:.2}");
}

async fn tail_all(log: &JetStream) -> f64 {
    let last = log.head().await.expect("a head").last.sequence(0);
    let began = Instant::now();
    let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
    let mut count = 0;
    while let Some(record) = tail.next().await {
        count += 1;
        if record.expect("a record").position().sequence == last {
            break;
        }
    }
    per_second(count, began)
}

async fn pull_all(bare: &Context) -> f64 {
    let mut stream = bare.get_stream("BARE").await.expect("the stream");
    let last = stream.info().await.expect("its info").state.last_sequence;
    let began = Instant::now();
    let consumer = stream.create_consumer(pull::Config {
        ack_policy: AckPolicy::None,
        memory_storage: true,
        ..pull::Config::default()
    });
    let consumer = consumer.await.expect("a consumer");
    let messages = consumer.stream().max_messages_per_batch(500).messages();
    let mut messages = messages.await.expect("messages");
    let mut count = 0;
    while let Some(message) = messages.next().await {
        let message = message.expect("a message");
        count += 1;
        if message.info().expect("its sequences").stream_sequence == last {
            break;
        }
    }
    per_second(count, began)
}

fn per_second(count: u64, began: Instant) -> f64 {
    let count = u32::try_from(count).expect("fits");
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// Median, 10th and 90th percentile.
struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let last = values.len() - 1;
        Self {
            median: values[last / 2],
            low: values[last / 10],
            high: values[last - last / 10],
        }
    }
}

/// With the digits that the format asks for.
impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(0);
        write!(
            f,
            "{:.digits$} ({:.digits$} to {:.digits$})",
            self.median, self.low, self.high
        )
    }
}
