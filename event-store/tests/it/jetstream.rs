//! The laws over real servers, and what only a real server can do wrong.

mod change;
mod contract;
mod fault;
mod key;
mod proxy;
pub(crate) mod server;
mod set_up;
mod tail;

use std::time::Duration;

use event_store::jetstream::{JetStream, JetStreamConfig};
use event_store::{
    AppendError, Availability, CommitId, Entry, EventStore, NewRecord, Position, Record, StreamId,
    Tail,
};
use futures::StreamExt as _;

/// Longest wait for anything; far above what any step needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server that the service is built for.
const CURRENT: &str = "nats-server";

/// The oldest one that it runs with.
const OLDEST: &str = "nats-server-2.9.10";

/// A log that gives up soon, so that the tests of failures end.
fn config(url: &str) -> JetStreamConfig {
    JetStreamConfig {
        max_bytes: 1 << 30,
        node: "test".to_owned(),
        ack_timeout: Duration::from_secs(1),
        settle_timeout: Duration::from_secs(1),
        read_timeout: Duration::from_secs(1),
        ..JetStreamConfig::new(url)
    }
}

async fn open(url: &str) -> JetStream {
    open_with(config(url)).await
}

async fn open_with(config: JetStreamConfig) -> JetStream {
    JetStream::connect(config).await.expect("a log")
}

fn stream(name: &str) -> StreamId {
    StreamId::new(name).expect("a plain name")
}

fn record() -> NewRecord {
    NewRecord {
        commit_id: CommitId(rand::random()),
        payload: vec![7; 300].into(),
        label: "Tested*2,Done".to_owned(),
    }
}

async fn append(
    log: &dyn EventStore,
    name: &str,
    expected: Option<Position>,
) -> (Position, CommitId) {
    let (stream, new) = (stream(name), record());
    let position = append_stubbornly(log, &stream, expected, &new).await;
    (position.expect("stored"), new.commit_id)
}

/// Appends until the answer is final: stored, or a conflict.
async fn append_stubbornly(
    log: &dyn EventStore,
    stream: &StreamId,
    expected: Option<Position>,
    record: &NewRecord,
) -> Result<Position, AppendError> {
    loop {
        match log
            .append(stream, expected, log.epoch(), record.clone())
            .await
        {
            Err(AppendError::StaleEpoch { .. }) => {}
            Err(error) if error.is_retryable() => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            last => return last,
        }
    }
}

async fn next(tail: &mut Tail) -> Result<Entry, event_store::TailError> {
    tokio::time::timeout(PATIENCE, tail.next())
        .await
        .expect("the tail goes on in time")
        .expect("a tail ends only after an error")
}

async fn next_record(tail: &mut Tail) -> Record {
    let entry = next(tail).await.expect("the tail goes on");
    entry.into_record().expect("nothing is missing")
}

async fn until_available(log: &dyn EventStore, wanted: bool) {
    let mut availability = log.availability();
    let is_wanted = |now: &Availability| (*now == Availability::Available) == wanted;
    let reached = availability.wait_for(is_wanted);
    tokio::time::timeout(PATIENCE, reached)
        .await
        .expect("the availability changes in time")
        .expect("the log is open");
}
