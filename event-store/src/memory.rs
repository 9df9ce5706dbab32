//! The model: a log in memory, and the shortest answer to what each law means. Read it first.
//!
//! ```text
//!   partitions: [ [ A1, B1, A2 ],  [ C1 ] ]        sequence = index + 1
//!   streams:    A -> [1, 3]   B -> [2]   C -> [1]  sequences, in the stream's own partition
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::watch;

use crate::{
    AppendError, Availability, Consistency, Durability, EventStore, Head, LogDescription,
    LogIdentity, NewRecord, Partition, Position, Positions, ReadError, Record, StreamId, Tail,
    TailError,
};

/// Largest payload: as large as a commit of this service may ever be.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// A log that lives as long as the value. For tests, simulations and reading.
///
/// Tails end with [`TailError::Closed`] when it is dropped.
pub struct Memory {
    identity: LogIdentity,
    description: Arc<LogDescription>,
    state: Arc<Mutex<State>>,
    grown: watch::Sender<()>,
    availability: watch::Sender<Availability>,
}

#[derive(Default)]
struct State {
    partitions: Vec<Vec<Record>>,
    streams: HashMap<StreamId, Vec<u64>>,
}

impl Memory {
    /// An empty log of `partitions` (at least 1) with a random identity.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self::with_identity(partitions, LogIdentity(rand::random()))
    }

    /// An empty log with a given identity, for simulations that must repeat exactly.
    #[must_use]
    pub fn with_identity(partitions: u32, identity: LogIdentity) -> Self {
        let partitions = partitions.max(1);
        let state = State {
            partitions: (0..partitions).map(|_| Vec::new()).collect(),
            streams: HashMap::new(),
        };
        Self {
            identity,
            description: Arc::new(LogDescription {
                name: "log in memory".to_owned(),
                durability: Durability::Memory,
                partitions,
                max_record_bytes: MAX_RECORD_BYTES,
                warnings: vec!["everything is lost when the process ends".to_owned()],
            }),
            state: Arc::new(Mutex::new(state)),
            grown: watch::Sender::new(()),
            availability: watch::Sender::new(Availability::Available),
        }
    }

    fn partition(&self, stream: &StreamId) -> Partition {
        stream.partition(self.description.partitions)
    }
}

impl Default for Memory {
    /// An empty log of one partition.
    fn default() -> Self {
        Self::new(1)
    }
}

#[async_trait]
impl EventStore for Memory {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        let size = record.payload.len();
        if size > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge {
                size,
                limit: MAX_RECORD_BYTES,
            });
        }
        let position =
            lock(&self.state).append(self.partition(stream), stream, expected, record)?;
        self.grown.send_replace(());
        Ok(position)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        _always_the_latest: Consistency,
    ) -> Result<Vec<Record>, ReadError> {
        let partition = self.partition(stream);
        if after.is_some_and(|position| position.partition != partition) {
            return Ok(Vec::new());
        }
        let after = after.map_or(0, |position| position.sequence);
        let state = lock(&self.state);
        let sequences = state.streams.get(stream).into_iter().flatten();
        Ok(sequences
            .filter(|&&sequence| sequence > after)
            .filter_map(|&sequence| state.at(Position::new(partition, sequence)))
            .collect())
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        Ok(lock(&self.state).at(position))
    }

    async fn tail(&self, after: Positions) -> Result<Tail, ReadError> {
        let reader = Reader {
            state: Arc::clone(&self.state),
            grown: self.grown.subscribe(),
            seen: after,
        };
        Ok(stream::unfold(Some(reader), Reader::next).boxed())
    }

    async fn head(&self) -> Result<Head, ReadError> {
        Ok(Head {
            identity: self.identity,
            last: lock(&self.state).last(),
        })
    }

    fn describe(&self) -> Arc<LogDescription> {
        Arc::clone(&self.description)
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }
}

impl State {
    fn append(
        &mut self,
        partition: Partition,
        stream: &StreamId,
        expected: Option<Position>,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        let last = self
            .streams
            .get(stream)
            .and_then(|sequences| sequences.last());
        let actual = last.map(|&sequence| Position::new(partition, sequence));
        if expected != actual {
            return Err(AppendError::Conflict { actual });
        }
        let records = &mut self.partitions[partition as usize];
        let position = Position::new(partition, records.len() as u64 + 1);
        records.push(Record {
            stream: stream.clone(),
            position,
            commit_id: record.commit_id,
            payload: record.payload,
        });
        let sequences = self.streams.entry(stream.clone()).or_default();
        sequences.push(position.sequence);
        Ok(position)
    }

    fn at(&self, position: Position) -> Option<Record> {
        let index = usize::try_from(position.sequence.checked_sub(1)?).ok()?;
        let records = self.partitions.get(position.partition as usize)?;
        records.get(index).cloned()
    }

    fn last(&self) -> Positions {
        let lengths = self.partitions.iter().map(|records| records.len() as u64);
        (0..)
            .zip(lengths)
            .map(|(partition, last)| Position::new(partition, last))
            .collect()
    }
}

/// One tail: what it has seen, and how it learns of more.
struct Reader {
    state: Arc<Mutex<State>>,
    grown: watch::Receiver<()>,
    seen: Positions,
}

impl Reader {
    /// The next record; after an error the tail is over.
    async fn next(reader: Option<Self>) -> Option<(Result<Record, TailError>, Option<Self>)> {
        let mut reader = reader?;
        loop {
            // Marked as seen before looking: an append in between wakes the wait below.
            reader.grown.mark_unchanged();
            match reader.look() {
                Ok(Some(record)) => {
                    reader.seen.advance(record.position);
                    return Some((Ok(record), Some(reader)));
                }
                Ok(None) => {}
                Err(error) => return Some((Err(error), None)),
            }
            if reader.grown.changed().await.is_err() {
                return Some((Err(TailError::Closed), None));
            }
        }
    }

    fn look(&self) -> Result<Option<Record>, TailError> {
        let state = lock(&self.state);
        let last = state.last();
        if let Some(seen) = self.seen.iter().find(|&seen| !last.covers(seen)) {
            let head = Position::new(seen.partition, last.sequence(seen.partition));
            return Err(TailError::RolledBack { seen, head });
        }
        let next = last.iter().map(|head| {
            let seen = self.seen.sequence(head.partition);
            Position::new(head.partition, seen + 1)
        });
        Ok(next.filter_map(|position| state.at(position)).next())
    }
}

/// The state is consistent between any two statements that touch it: poison says nothing.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
