//! Tails: woken by the writer, fed by the file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::watch;

use super::journal::PARTITION;
use super::reader::{self, COLUMNS, Readers, clamp, failed};
use crate::{Bookmark, CommitId, Entry, Missing, Position, ReadError, StreamId, TailError};

/// Entries and bytes that a tail holds at most (one record more, when the last crosses the bound).
const BATCH_ENTRIES: usize = 1_000;
const BATCH_BYTES: usize = 1_048_576;

/// Pause after a read that failed for a reason that passes.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Why a tail must not begin: the file does not hold what it is to go on after. One look is enough:
/// nobody but this process changes the file while it is open.
pub(super) async fn look(
    readers: &Arc<Readers>,
    after: &Bookmark,
) -> Result<Option<TailError>, ReadError> {
    for (position, expected) in after.iter() {
        let found = match position.partition {
            PARTITION => commit_at(readers, position.sequence).await?,
            _no_such_partition => None,
        };
        if found != Some(expected) {
            return Ok(Some(TailError::RolledBack {
                position,
                expected,
                found,
            }));
        }
    }
    Ok(None)
}

/// The commit id at a sequence, also of a record with a damaged payload: it still tells which log
/// this is. `None` where the page cannot be read.
async fn commit_at(readers: &Arc<Readers>, sequence: u64) -> Result<Option<CommitId>, ReadError> {
    let read = readers.read(move |connection| {
        let query = "SELECT commit_id FROM records WHERE seq = ?1";
        let near = Position::new(PARTITION, sequence);
        connection
            .query_row(query, [clamp(sequence)], |row| row.get(0))
            .optional()
            .map_err(|error| failed(near, &error))
    });
    match read.await {
        Ok(found) => Ok(found.map(CommitId)),
        Err(ReadError::Corrupt { .. }) => Ok(None),
        Err(error @ ReadError::Unavailable { .. }) => Err(error),
    }
}

/// One tail. It keeps no place in memory that grows with the distance to the head.
pub(super) struct Reader {
    readers: Arc<Readers>,
    grown: watch::Receiver<u64>,
    /// The last sequence that was yielded or waits in `batch`.
    reached: u64,
    batch: VecDeque<Entry>,
    /// Whether the last read failed: that is said once.
    failing: bool,
}

impl Reader {
    pub(super) fn new(readers: &Arc<Readers>, grown: &watch::Receiver<u64>, reached: u64) -> Self {
        Self {
            readers: Arc::clone(readers),
            grown: grown.clone(),
            reached,
            batch: VecDeque::new(),
            failing: false,
        }
    }

    /// The next entry; after an error the tail is over.
    pub(super) async fn next(
        reader: Option<Self>,
    ) -> Option<(Result<Entry, TailError>, Option<Self>)> {
        let mut reader = reader?;
        loop {
            if let Some(entry) = reader.batch.pop_front() {
                return Some((Ok(entry), Some(reader)));
            }
            if let Err(error) = reader.fill().await {
                return Some((Err(error), None));
            }
        }
    }

    /// Waits for records after `reached` and reads a batch of them.
    async fn fill(&mut self) -> Result<(), TailError> {
        let reached = self.reached;
        let grown = self.grown.wait_for(|durable| *durable > reached).await;
        let head = *grown.map_err(|_writer_ended| TailError::Closed)?;
        let batch = self
            .readers
            .read(move |connection| Batch::read(connection, reached, head));
        match batch.await {
            Ok(entries) => {
                self.failing = false;
                self.reached = entries
                    .back()
                    .map_or(reached, |entry| entry.position().sequence);
                self.batch = entries;
                Ok(())
            }
            Err(_) if self.readers.is_closed() => Err(TailError::Closed),
            Err(error) => {
                if !self.failing {
                    tracing::warn!(%error, "a tail could not read the log, it tries again");
                }
                self.failing = true;
                tokio::time::sleep(RETRY_AFTER).await;
                Ok(())
            }
        }
    }
}

/// Entries on their way from the file. Sequences of an embedded log are consecutive, so a record that
/// is gone shows.
struct Batch {
    entries: VecDeque<Entry>,
    reached: u64,
    bytes: usize,
}

impl Batch {
    /// At least one entry after `reached`: there are acknowledged records up to `head`.
    fn read(
        connection: &Connection,
        reached: u64,
        head: u64,
    ) -> Result<VecDeque<Entry>, ReadError> {
        let mut batch = Self {
            entries: VecDeque::new(),
            reached,
            bytes: 0,
        };
        match batch.scan(connection, head) {
            Err(error @ ReadError::Unavailable { .. }) if batch.entries.is_empty() => {
                return Err(error);
            }
            // What was read before the damage is delivered first.
            Ok(()) | Err(_) => {}
        }
        if batch.entries.is_empty() {
            batch.read_one(connection)?;
        }
        Ok(batch.entries)
    }

    /// Reads on in the table until the batch is full, or a page cannot be read.
    fn scan(&mut self, connection: &Connection, head: u64) -> Result<(), ReadError> {
        let near = Position::new(PARTITION, self.reached + 1);
        let query =
            format!("SELECT {COLUMNS} FROM records WHERE seq > ?1 AND seq <= ?2 ORDER BY seq");
        let statement = connection.prepare_cached(&query);
        let mut statement = statement.map_err(|error| failed(near, &error))?;
        let parameters = (clamp(self.reached), clamp(head));
        let rows = statement.query(parameters);
        let mut rows = rows.map_err(|error| failed(near, &error))?;
        while self.entries.len() < BATCH_ENTRIES && self.bytes < BATCH_BYTES {
            let Some(row) = rows.next().map_err(|error| failed(near, &error))? else {
                return Ok(());
            };
            let sequence: i64 = row.get(0).map_err(|error| failed(near, &error))?;
            self.skip_to(sequence.cast_unsigned());
            if self.reached + 1 != sequence.cast_unsigned() {
                return Ok(());
            }
            match reader::decode(row, near) {
                Ok(record) => {
                    self.bytes += record.payload.len();
                    self.push(Entry::Record(record));
                }
                Err(ReadError::Corrupt { position, cause }) => {
                    let stream = stream_of(connection, row.get(1), position);
                    self.push(missing(position, stream, cause));
                }
                Err(error @ ReadError::Unavailable { .. }) => return Err(error),
            }
        }
        Ok(())
    }

    /// The one entry after what was reached, looked up by itself: the pages around it may be damaged.
    fn read_one(&mut self, connection: &Connection) -> Result<(), ReadError> {
        let position = Position::new(PARTITION, self.reached + 1);
        let entry = match reader::at(connection, position.sequence) {
            Ok(Some(record)) => Entry::Record(record),
            Ok(None) => missing(position, None, GONE.to_owned()),
            Err(ReadError::Corrupt { cause, .. }) => missing(position, None, cause),
            Err(error @ ReadError::Unavailable { .. }) => return Err(error),
        };
        self.push(entry);
        Ok(())
    }

    /// Says of every sequence before this one that it is missing.
    fn skip_to(&mut self, sequence: u64) {
        while self.reached + 1 < sequence && self.entries.len() < BATCH_ENTRIES {
            let position = Position::new(PARTITION, self.reached + 1);
            self.push(missing(position, None, GONE.to_owned()));
        }
    }

    fn push(&mut self, entry: Entry) {
        self.reached = entry.position().sequence;
        self.entries.push_back(entry);
    }
}

const GONE: &str = "it was acknowledged, and is not in the file";

fn missing(position: Position, stream: Option<StreamId>, cause: String) -> Entry {
    Entry::Missing(Missing {
        position,
        stream,
        cause,
    })
}

/// The stream that a damaged record names, if the index has it under that name too: then the name is
/// not what was damaged.
fn stream_of(
    connection: &Connection,
    named: rusqlite::Result<String>,
    position: Position,
) -> Option<StreamId> {
    let stream = StreamId::new(&named.ok()?).ok()?;
    let query = "SELECT 1 FROM records INDEXED BY records_of_stream WHERE stream = ?1 AND seq = ?2";
    let mut statement = connection.prepare_cached(query).ok()?;
    let known = statement.exists((stream.as_str(), clamp(position.sequence)));
    known.ok()?.then_some(stream)
}
