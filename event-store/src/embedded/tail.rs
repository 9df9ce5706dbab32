//! Tails: woken by the writer, fed by the file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::journal::PARTITION;
use super::reader::{COLUMNS, Readers, scan};
use crate::{Position, ReadError, Record, TailError};

/// Records and bytes that a tail holds at most (one record more, when the last crosses the bound).
const BATCH_RECORDS: u32 = 1_000;
const BATCH_BYTES: usize = 1_048_576;

/// Pause after a read that failed for a reason that passes.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// One tail. It keeps no place in memory that grows with the distance to the head.
pub(super) struct Reader {
    pub(super) readers: Arc<Readers>,
    pub(super) grown: watch::Receiver<u64>,
    /// The last sequence that was yielded or waits in `batch`.
    pub(super) reached: u64,
    pub(super) batch: VecDeque<Record>,
}

impl Reader {
    /// The next record; after an error the tail is over.
    pub(super) async fn next(
        reader: Option<Self>,
    ) -> Option<(Result<Record, TailError>, Option<Self>)> {
        let mut reader = reader?;
        loop {
            if let Some(record) = reader.batch.pop_front() {
                return Some((Ok(record), Some(reader)));
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
        grown.map_err(|_writer_ended| TailError::Closed)?;
        match read_batch(&self.readers, reached).await {
            Ok(records) => self.accept(records),
            Err(ReadError::Corrupt { position, cause }) => {
                Err(TailError::Corrupt { position, cause })
            }
            Err(ReadError::Unavailable { .. }) if self.readers.is_closed() => {
                Err(TailError::Closed)
            }
            Err(ReadError::Unavailable { cause }) => {
                tracing::warn!(%cause, "a tail could not read the log, trying again");
                tokio::time::sleep(RETRY_AFTER).await;
                Ok(())
            }
        }
    }

    /// Sequences of an embedded log are consecutive, so a record that is gone shows.
    fn accept(&mut self, records: Vec<Record>) -> Result<(), TailError> {
        if records.is_empty() {
            return Err(TailError::Corrupt {
                position: Position::new(PARTITION, self.reached + 1),
                cause: "it was acknowledged, and is not in the file".to_owned(),
            });
        }
        for record in records {
            if record.position.sequence != self.reached + 1 {
                return Err(TailError::Gap {
                    after: Position::new(PARTITION, self.reached),
                    found: record.position,
                });
            }
            self.reached = record.position.sequence;
            self.batch.push_back(record);
        }
        Ok(())
    }
}

/// At least one record, or why there is none. Damage behind the first record is left to the next
/// batch, so that everything before it is delivered.
async fn read_batch(readers: &Arc<Readers>, reached: u64) -> Result<Vec<Record>, ReadError> {
    let batch = readers.read(move |connection| {
        let query = format!("SELECT {COLUMNS} FROM records WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let near = Position::new(PARTITION, reached + 1);
        let parameters = (reached.cast_signed(), BATCH_RECORDS);
        let (mut records, mut bytes) = (Vec::new(), 0);
        let read = scan(connection, &query, parameters, near, |record| {
            bytes += record.payload.len();
            records.push(record);
            bytes < BATCH_BYTES
        });
        match read {
            Err(error) if records.is_empty() => Err(error),
            Ok(()) | Err(_) => Ok(records),
        }
    });
    batch.await
}
