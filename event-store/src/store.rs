//! The contract of a log.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tokio::sync::watch;

use crate::{
    AppendError, Bookmark, Entry, Epoch, Head, NewRecord, Position, ReadError, Record, StreamId,
    StreamSlice, TailError,
};

/// The limit of a read that wants a stream whole.
pub const ALL: usize = usize::MAX;

/// A durable log of many streams, each written under optimistic concurrency.
///
/// One stream with three records, in a log that others write to as well:
///
/// ```text
///   sequence     1     2     3     4     5     6     7
///              ┌─────┬─────┬─────┬─────┬─────┬─────┐
///   stream     │  A  │  B  │  A  │  B  │  B  │  A  │  ·  next append
///              └─────┴─────┴─────┴─────┴─────┴─────┘
///                 ▲           ▲                 ▲
///                 │           │                 └ last of A: what an append to A must expect
///                 │           └ read_stream(A, after 1) begins here
///                 └ an append to a new stream expects None
/// ```
///
/// Laws, each a function of [`contract`](crate::contract):
///
/// * **Durable.** An acknowledged append is durable to the degree that [`describe`] states, and
///   visible to every read that begins after the acknowledgement, also after a restart.
/// * **Fenced writes.** `expected` is the position of the stream's last record. When it is another one,
///   the append answers [`AppendError::Conflict`] and stores nothing.
/// * **Exclusive.** Of two racing appends with the same expectation exactly one is stored.
/// * **Atomic.** A record is stored whole or not at all.
/// * **Ordered.** Positions of one partition strictly increase; they need not be consecutive.
/// * **Contiguous.** A tail yields an entry for every position after the given ones, in order within
///   each partition, without gap or repeat. It waits for new ones for ever, heals disconnects by
///   itself, and ends only with a [`TailError`].
/// * **Holes are told.** A position without a readable record is yielded as [`Entry::Missing`], once
///   it is certain that the record will not come. The records around it are not affected.
/// * **Fenced tails.** A tail goes on after a commit, not only after a position. At the start and
///   after every reconnect it looks whether the log still holds that commit there, and ends with
///   [`TailError::RolledBack`] when it does not, also when the log has grown past the position since.
/// * **Epochs.** Each time that the log may have changed under this process the epoch rises. An
///   append that names another epoch than the current one stores nothing.
/// * **Named.** A log has an identity of its own; no other log ever has the same.
///
/// [`describe`]: EventStore::describe
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends one record to a stream whose last record is at `expected` (`None`: the stream is
    /// empty), and returns the record's position once it is durable.
    ///
    /// `epoch` is the one in which the caller learned `expected`: that of the slice that it read, or
    /// [`epoch`](Self::epoch) asked before an append that rests on nothing read. When the log is in
    /// another one the answer is [`AppendError::StaleEpoch`]; when the epoch rises before the
    /// acknowledgement, [`AppendError::Unknown`].
    ///
    /// An expectation of another partition than the stream's is a conflict. Dropping the future
    /// does not undo the append: it may still be stored. [`AppendError::Unknown`] is the only error
    /// after which the record may be in the log; before returning it an implementation has looked
    /// for the commit id in the stream as long as its retry budget allowed, unless the epoch rose:
    /// then only a caller that reads the stream anew can tell.
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError>;

    /// The first `limit` records of a stream after a position (`None`: from its first record on),
    /// oldest first; [`ALL`] for no limit.
    ///
    /// With [`Consistency::Latest`] the answer counts everything committed before the call; with
    /// [`Consistency::Any`] a replica may answer that lags behind. An unknown stream, a position at
    /// or past the stream's end and one of another partition give no records.
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError>;

    /// The record at a position; `None` when there is none, be it past the head or not a record.
    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError>;

    /// Everything after the records of `after`, and then all that is new, for ever.
    ///
    /// A log that does not hold those records is not an error at first: the tail ends with
    /// [`TailError::RolledBack`] as soon as it is certain. A hole behind `after` is yielded by every
    /// tail again. A slow reader slows nobody else.
    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError>;

    /// The identity, and the last sequence of every partition: one round trip to the log's leader.
    async fn head(&self) -> Result<Head, ReadError>;

    /// The epoch that the log is in.
    fn epoch(&self) -> Epoch;

    /// What this log is, for people: fixed when it was opened.
    fn describe(&self) -> Arc<LogDescription>;

    /// Whether the log can be written now; changes as it happens.
    fn availability(&self) -> watch::Receiver<Availability>;
}

/// Entries as they are committed; see [`EventStore::tail`].
pub type Tail = BoxStream<'static, Result<Entry, TailError>>;

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Everything committed before the call: asks the leader.
    Latest,
    /// Any replica may answer. Enough before an append, which is fenced anyway.
    Any,
}

/// Whether the log can be written now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Connected, and the last append was answered.
    Available,
    /// Out of reach, connected but silent, or full. It may come back by itself.
    Unavailable {
        /// Why, as a fragment for people.
        cause: String,
    },
    /// Closed by a failure for the rest of this process: only a new one can tell what is stored.
    Failed {
        /// Why, as a fragment for people.
        cause: String,
    },
}

impl Availability {
    /// Why it cannot be written, if so.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Available => None,
            Self::Unavailable { cause } | Self::Failed { cause } => Some(cause),
        }
    }
}

/// What an acknowledged append survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: the records are in memory.
    Memory,
    /// kill -9 of every process, but not a power cut: the page cache holds the newest records.
    PageCache,
    /// A power cut: the record was flushed to disk before the acknowledgement.
    Fsync,
}

/// What a log is, for the start line and the checks that compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDescription {
    /// Kind and place in one phrase, for example `embedded log in ./data/log` or
    /// `NATS JetStream 2.15.2 at nats://127.0.0.1:4222, stream ORDERS, 1 replica`.
    pub name: String,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Number of partitions, fixed when the log was made.
    pub partitions: u32,
    /// Largest payload in bytes.
    pub max_record_bytes: usize,
    /// What an operator should know about this log's configuration.
    pub warnings: Vec<String>,
}
