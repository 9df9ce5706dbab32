//! The model: a log in memory, and the shortest answer to what each law means. Read it first.
//!
//! ```text
//!   partitions: [ [ A1, B1, A2 ],  [ C1 ] ]        sequence = index + 1
//!   streams:    A -> [1, 3]   B -> [2]   C -> [1]  sequences, in the stream's own partition
//!   epoch:      1, and one more after each roll_back
//! ```

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::watch;

use crate::{
    AppendError, Availability, Bookmark, Consistency, Durability, Entry, Epoch, EventStore, Head,
    LogDescription, LogIdentity, Missing, NewRecord, Partition, Position, Positions, ReadError,
    Record, StreamId, StreamSlice, Tail, TailError,
};

/// What is found instead of a record that [`Memory::damage`] was called for.
const DAMAGED: &str = "its bytes were changed";

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

struct State {
    partitions: Vec<Vec<Record>>,
    streams: HashMap<StreamId, Vec<u64>>,
    damaged: BTreeSet<Position>,
    epoch: Epoch,
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
            damaged: BTreeSet::new(),
            epoch: Epoch(1),
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

    /// Loses every record after `to`, as a backup that is restored under a running process would.
    pub fn roll_back(&self, to: &Positions) {
        lock(&self.state).roll_back(to);
        self.grown.send_replace(());
    }

    /// Makes the record at `position` unreadable, as a flipped bit would.
    pub fn damage(&self, position: Position) {
        lock(&self.state).damaged.insert(position);
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
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        let size = record.payload.len();
        if size > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge {
                size,
                limit: MAX_RECORD_BYTES,
            });
        }
        let mut state = lock(&self.state);
        if epoch != state.epoch {
            let current = state.epoch;
            return Err(AppendError::StaleEpoch { current });
        }
        let position = state.append(self.partition(stream), stream, expected, record)?;
        drop(state);
        self.grown.send_replace(());
        Ok(position)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        _always_the_latest: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        let partition = self.partition(stream);
        let state = lock(&self.state);
        let slice = |records, more| StreamSlice {
            records,
            more,
            epoch: state.epoch,
        };
        if after.is_some_and(|position| position.partition != partition) {
            return Ok(slice(Vec::new(), false));
        }
        let after = after.map_or(0, |position| position.sequence);
        let sequences = state.streams.get(stream).into_iter().flatten();
        let mut newer = sequences.filter(|&&sequence| sequence > after);
        let records = newer
            .by_ref()
            .take(limit)
            .filter_map(|&sequence| state.read(Position::new(partition, sequence)).transpose())
            .collect::<Result<_, _>>()?;
        let more = newer.next().is_some();
        Ok(slice(records, more))
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        lock(&self.state).read(position)
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        let reader = Reader {
            state: Arc::clone(&self.state),
            grown: self.grown.subscribe(),
            reached: after.positions(),
            last: after,
        };
        Ok(stream::unfold(Some(reader), Reader::next).boxed())
    }

    async fn head(&self) -> Result<Head, ReadError> {
        Ok(Head {
            identity: self.identity,
            last: lock(&self.state).last(),
        })
    }

    fn epoch(&self) -> Epoch {
        lock(&self.state).epoch
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

    fn at(&self, position: Position) -> Option<&Record> {
        let index = usize::try_from(position.sequence.checked_sub(1)?).ok()?;
        let records = self.partitions.get(position.partition as usize)?;
        records.get(index)
    }

    fn read(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if self.damaged.contains(&position) {
            let cause = DAMAGED.to_owned();
            return Err(ReadError::Corrupt { position, cause });
        }
        Ok(self.at(position).cloned())
    }

    fn entry(&self, position: Position) -> Option<Entry> {
        let record = self.at(position)?;
        Some(if self.damaged.contains(&position) {
            Entry::Missing(Missing {
                position,
                stream: Some(record.stream.clone()),
                cause: DAMAGED.to_owned(),
            })
        } else {
            Entry::Record(record.clone())
        })
    }

    fn roll_back(&mut self, to: &Positions) {
        for (partition, records) in (0..).zip(&mut self.partitions) {
            let kept = usize::try_from(to.sequence(partition)).unwrap_or(usize::MAX);
            for lost in records.drain(kept.min(records.len())..) {
                if let Some(sequences) = self.streams.get_mut(&lost.stream) {
                    sequences.pop();
                }
            }
        }
        self.damaged.retain(|position| to.covers(*position));
        self.epoch = Epoch(self.epoch.0 + 1);
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
    /// What was yielded.
    reached: Positions,
    /// The last records: the log must still hold them.
    last: Bookmark,
}

impl Reader {
    /// The next entry; after an error the tail is over.
    async fn next(reader: Option<Self>) -> Option<(Result<Entry, TailError>, Option<Self>)> {
        let mut reader = reader?;
        loop {
            // Marked as seen before looking: an append in between wakes the wait below.
            reader.grown.mark_unchanged();
            match reader.look() {
                Ok(Some(entry)) => {
                    reader.reached.advance(entry.position());
                    if let Entry::Record(record) = &entry {
                        reader.last.advance(record.position, record.commit_id);
                    }
                    return Some((Ok(entry), Some(reader)));
                }
                Ok(None) => {}
                Err(error) => return Some((Err(error), None)),
            }
            if reader.grown.changed().await.is_err() {
                return Some((Err(TailError::Closed), None));
            }
        }
    }

    fn look(&self) -> Result<Option<Entry>, TailError> {
        let state = lock(&self.state);
        for (position, expected) in self.last.iter() {
            let found = state.at(position).map(|record| record.commit_id);
            if found != Some(expected) {
                return Err(TailError::RolledBack {
                    position,
                    expected,
                    found,
                });
            }
        }
        let last = state.last();
        let next = last.iter().map(|head| {
            let reached = self.reached.sequence(head.partition);
            Position::new(head.partition, reached + 1)
        });
        Ok(next.filter_map(|position| state.entry(position)).next())
    }
}

/// The state is consistent between any two statements that touch it: poison says nothing.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
