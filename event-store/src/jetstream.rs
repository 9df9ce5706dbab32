//! The shared log: streams of NATS JetStream, replicated and used by many nodes.
//!
//! ```text
//!   stream ORDERS (or ORDERS-0 … ORDERS-(N-1))          subject orders.v1.<partition>.<stream id>
//!
//!   append ── publish, expecting the stream's last sequence ──▶ ┌────────┐
//!   read   ── direct get, or through the leader ──────────────▶ │ server │
//!   tail   ── pull consumer per partition, made anew at will ─▶ └────────┘
//! ```
//!
//! The server compares the expected sequence with the last one of the subject, so one literal
//! subject per stream fences writers on every supported version. An acknowledgement can be lost,
//! and a retry of a publish that was stored can be answered as a conflict; hence every doubtful
//! answer is settled by reading the stream for the commit id.
//!
//! The three connections keep out of each other's way: a direct get is served in its connection's
//! read loop and would delay publishes behind it.
//!
//! No process may subscribe to the subjects of the log outside of JetStream: the server then no
//! longer says that a stream is missing, and appends to it time out instead.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Event;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Info, Stream};
use async_trait::async_trait;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    AppendError, Availability, Bookmark, Consistency, Durability, Epoch, EventStore, Head,
    LogDescription, LogIdentity, NewRecord, Position, ReadError, Record, StreamId, StreamSlice,
    Tail,
};

mod append;
mod compare;
mod config;
mod connection;
mod epoch;
mod keys;
mod layout;
mod link;
mod message;
mod probe;
mod pulse;
mod read;
mod set_up;
mod tail;

pub use config::{ConnectError, Credentials, JetStreamConfig, Tls};
pub use keys::JetStreamKeys;

use connection::Connection;
use epoch::Epochs;
use layout::Marks;
use link::Link;
use message::Subjects;
use probe::ProbeSubject;

/// Largest payload in bytes. A server whose `max_payload` leaves no room for it is refused.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

/// A log in NATS JetStream.
///
/// Made by [`connect`](Self::connect), ended by [`close`](Self::close); dropping it ends its tails
/// too, without waiting for what is in flight.
#[derive(Debug)]
pub struct JetStream {
    inner: Arc<Inner>,
    /// Asks a silent log until it speaks again. It has no other owner: the health of the log must
    /// recover without an append that tries.
    prober: AbortOnDropHandle<()>,
    /// Looks once a second whether the log is still the same one.
    pulse: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Inner {
    append: Connection,
    read: Connection,
    tail: Connection,
    link: Arc<Link>,
    config: JetStreamConfig,
    subjects: Subjects,
    partitions: Vec<PartitionStream>,
    /// What this process last saw of who the log is; a new tail holds the log to it.
    seen: Mutex<Seen>,
    /// Whether a direct get may be answered by a replica that lags behind.
    replicated: AtomicBool,
    /// Whether the server answers a direct get with many messages.
    batched_reads: bool,
    epochs: Epochs,
    probe: ProbeSubject,
    closing: CancellationToken,
    description: Arc<LogDescription>,
}

/// The marks of all streams in order, and the identity that they make.
#[derive(Debug)]
struct Seen {
    identity: LogIdentity,
    marks: Vec<Marks>,
}

impl Seen {
    fn new(marks: Vec<Marks>) -> Self {
        Self {
            identity: layout::identity(&marks),
            marks,
        }
    }
}

/// One partition's stream, as the reading connections see it.
#[derive(Debug)]
struct PartitionStream {
    name: String,
    read: Stream<()>,
    tail: Stream<()>,
}

impl JetStream {
    /// Connects once, within [`JetStreamConfig::connect_timeout`], and checks that server and
    /// streams are what the configuration says; makes missing streams where that is allowed.
    ///
    /// Trying again is the caller's: see [`ConnectError::is_permanent`].
    ///
    /// # Errors
    /// [`ConnectError::Unavailable`] when the server cannot be reached or does not answer;
    /// [`ConnectError::Misconfigured`] when server, streams and configuration do not fit.
    pub async fn connect(config: JetStreamConfig) -> Result<Self, ConnectError> {
        let limit = config.connect_timeout;
        let place = connection::place(&config);
        let inner = tokio::time::timeout(limit, Box::pin(Inner::connect(config)))
            .await
            .map_err(|_elapsed| {
                ConnectError::unavailable(format!("{place} did not answer within {limit:?}"))
            })??;
        let inner = Arc::new(inner);
        tracing::info!(log = inner.description.name, "opened the log");
        Ok(Self {
            prober: AbortOnDropHandle::new(tokio::spawn(probe::probe_silent(inner.clone()))),
            pulse: AbortOnDropHandle::new(tokio::spawn(pulse::beat(inner.clone()))),
            inner,
        })
    }

    /// The key store beside this log, made if the log is still empty.
    ///
    /// # Errors
    /// [`ConnectError::Misconfigured`] when the log holds records but its key store is gone: what
    /// was sealed could not be read, and nothing must be written unsealed.
    pub async fn keys(&self) -> Result<JetStreamKeys, ConnectError> {
        JetStreamKeys::open(&self.inner).await
    }

    /// Refuses further appends, ends every tail with [`TailError::Closed`](crate::TailError), and
    /// waits until what was sent has left this process.
    pub async fn close(&self) {
        self.inner.link.close();
        self.inner.closing.cancel();
        self.prober.abort();
        self.pulse.abort();
        for connection in [&self.inner.append, &self.inner.read, &self.inner.tail] {
            let client = connection.client();
            if connection.is_connected() {
                let flushed = tokio::time::timeout(self.inner.config.read_timeout, client.flush());
                if !matches!(flushed.await, Ok(Ok(()))) {
                    tracing::warn!("the server did not confirm the last writes before the close");
                }
            }
            if let Err(error) = client.drain().await {
                tracing::debug!(%error, "the connection was closed already");
            }
        }
    }
}

impl Drop for JetStream {
    fn drop(&mut self) {
        self.inner.link.close();
        self.inner.closing.cancel();
    }
}

impl Inner {
    async fn connect(config: JetStreamConfig) -> Result<Self, ConnectError> {
        let link = Link::new();
        let on_append_event = {
            let link = link.clone();
            move |event: Event| link.note_event(&event)
        };
        let wake = watch::Sender::new(());
        let on_tail_event = {
            let wake = wake.clone();
            move |event: Event| {
                if event == Event::Connected {
                    wake.send_replace(());
                }
            }
        };
        let append = connection::connect(&config, "append", on_append_event).await?;
        connection::check_server(&append, &config)?;
        let read = connection::connect(&config, "read", |_event| {}).await?;
        let tail = connection::connect(&config, "tail", on_tail_event).await?;
        let version = append.server_info().version;
        let batched_reads = connection::takes_batches(&read);
        let epochs = Epochs::new(&[&append, &read, &tail], wake, config.partitions);
        let append = Connection::new(append, config.ack_timeout);
        let read = Connection::new(read, config.read_timeout);
        let tail = Connection::new(tail, tail::ATTACH_TIMEOUT);
        let subjects = Subjects::new(&config.subject_prefix, config.partitions);
        // Making a replicated stream takes longer than a read may.
        let patient = connection::context(append.client().clone(), config.connect_timeout);
        let found = set_up::open(&patient, &config, &subjects).await?;
        for warning in &found.warnings {
            tracing::warn!(warning, "the log is configured otherwise");
        }
        let probe = probe::set_up(&patient, &config).await;
        let mut partitions = Vec::new();
        for name in layout::names(&config.stream, config.partitions) {
            partitions.push(PartitionStream {
                read: handle(&read.context, &name).await?,
                tail: handle(&tail.context, &name).await?,
                name,
            });
        }
        Ok(Self {
            description: Arc::new(describe(&config, &version, &found)),
            replicated: AtomicBool::new(found.infos.iter().any(is_replicated)),
            seen: Mutex::new(Seen::new(found.marks)),
            closing: CancellationToken::new(),
            append,
            read,
            tail,
            link,
            config,
            subjects,
            partitions,
            batched_reads,
            epochs,
            probe,
        })
    }

    fn partition(&self, partition: u32) -> Option<&PartitionStream> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self) -> LogIdentity {
        self.seen().identity
    }

    /// Whether one stream's marks are those that `identity` was made of; cheap, and enough to say
    /// yes.
    fn marks_match(&self, partition: u32, marks: Option<&Marks>, identity: LogIdentity) -> bool {
        let seen = self.seen();
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        seen.identity == identity && marks.is_some() && seen.marks.get(index) == marks
    }

    fn note_replicas(&self, infos: &[Info]) {
        let replicated = infos.iter().any(is_replicated);
        self.replicated.store(replicated, Ordering::Relaxed);
    }
}

async fn handle(context: &Context, name: &str) -> Result<Stream<()>, ConnectError> {
    let stream = context.get_stream_no_info(name).await;
    stream.map_err(|error| ConnectError::unavailable(format!("stream {name}: {error}")))
}

const fn is_replicated(info: &Info) -> bool {
    info.config.num_replicas > 1
}

fn describe(config: &JetStreamConfig, version: &str, found: &set_up::Found) -> LogDescription {
    let replicas = found
        .infos
        .iter()
        .map(|info| info.config.num_replicas.max(1))
        .min()
        .unwrap_or(1);
    let mut warnings = found.warnings.clone();
    if config.durability != Durability::Fsync {
        warnings.push(
            "acknowledged writes of the last minutes may be lost in a power cut: the server is \
             declared not to sync each write (sync_interval: always)"
                .to_owned(),
        );
    }
    if connection::batches_hang(version) {
        warnings.push(format!(
            "nats-server {version} stops for ever at a batched direct get: streams are read record \
             by record, which is slower; upgrade to 2.12.2 or later"
        ));
    }
    LogDescription {
        name: format!(
            "NATS JetStream {version} at {}, stream {}, {} partition{}, {replicas} replica{}",
            connection::place(config),
            config.stream,
            config.partitions,
            if config.partitions == 1 { "" } else { "s" },
            if replicas == 1 { "" } else { "s" },
        ),
        durability: config.durability,
        partitions: config.partitions,
        max_record_bytes: MAX_RECORD_BYTES,
        warnings,
    }
}

/// Delays between attempts: 20 ms, doubling to half a second, each with jitter; `None` once `limit`
/// has passed.
fn delays(limit: Option<Duration>) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_millis(20))
        .with_multiplier(2.0)
        .with_max_interval(Duration::from_millis(500))
        .with_max_elapsed_time(limit)
        .build()
}

#[async_trait]
impl EventStore for JetStream {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        self.inner.append(stream, expected, epoch, &record).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        self.inner
            .read_stream(stream, after, limit, consistency)
            .await
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        self.inner.read_at(position).await
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        Ok(tail::tail(&self.inner, &after))
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.inner.head().await
    }

    fn epoch(&self) -> Epoch {
        self.inner.epochs.current()
    }

    fn describe(&self) -> Arc<LogDescription> {
        self.inner.description.clone()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.inner.link.watch()
    }
}
