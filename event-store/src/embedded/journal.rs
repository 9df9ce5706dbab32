//! The log's side of the writer: expectations, sequences, checksums.

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::watch;

use super::checkpoint::Checkpointer;
use super::file::Layout;
use super::group::Ledger;
use crate::recent::Recent;
use crate::{AppendError, CommitId, NewRecord, Position, StreamId};

/// The only partition of an embedded log.
pub(super) const PARTITION: u32 = 0;

pub(super) const LAYOUT: Layout = Layout {
    magic: 0x4f72_6473, // "Ords"
    format: 1,
    schema: "
        CREATE TABLE records (
            seq INTEGER PRIMARY KEY,
            stream TEXT NOT NULL,
            commit_id BLOB NOT NULL,
            payload BLOB NOT NULL,
            crc32c INTEGER NOT NULL
        );
        CREATE INDEX records_of_stream ON records (stream, seq);",
    // Copying is the checkpointer's work; a commit must not do it in passing, and no writer waits
    // long for a reader.
    settings: "PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = 20;",
};

/// Streams whose end is remembered, about 15 MB. Any other costs one look into the index.
const STREAMS_REMEMBERED: usize = 100_000;

/// One append on its way to the file.
pub(super) struct Append {
    pub(super) stream: StreamId,
    pub(super) expected: Option<Position>,
    pub(super) record: NewRecord,
}

/// The writing end of a log.
pub(super) struct Journal {
    connection: Connection,
    ends: Recent<StreamId, u64>,
    /// The last sequence given, in the open transaction too.
    last: u64,
    /// The last sequence that is durable: what tails wait for.
    durable: watch::Sender<u64>,
    checkpointer: Checkpointer,
}

impl Journal {
    pub(super) fn new(
        connection: Connection,
        checkpointer: Checkpointer,
    ) -> rusqlite::Result<(Self, watch::Receiver<u64>)> {
        let last = last_sequence(&connection)?;
        let (durable, grown) = watch::channel(last);
        let journal = Self {
            connection,
            ends: Recent::new(STREAMS_REMEMBERED),
            last,
            durable,
            checkpointer,
        };
        Ok((journal, grown))
    }

    /// Where a stream ends, in the open transaction.
    fn end(&mut self, stream: &StreamId) -> rusqlite::Result<Option<u64>> {
        if let Some(end) = self.ends.get(stream) {
            return Ok(Some(*end));
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT max(seq) FROM records WHERE stream = ?1")?;
        let end: Option<i64> = statement.query_row([stream.as_str()], |row| row.get(0))?;
        Ok(end.map(i64::cast_unsigned))
    }

    fn insert(&mut self, stream: StreamId, record: &NewRecord) -> rusqlite::Result<u64> {
        let sequence = self.last + 1;
        let crc = checksum(sequence, stream.as_str(), record.commit_id, &record.payload);
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO records (seq, stream, commit_id, payload, crc32c)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        statement.execute((
            sequence.cast_signed(),
            stream.as_str(),
            record.commit_id.0,
            &record.payload[..],
            crc,
        ))?;
        self.last = sequence;
        self.ends.insert(stream, sequence);
        Ok(sequence)
    }
}

impl Ledger for Journal {
    type Request = Append;
    type Reply = Result<Position, AppendError>;

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn apply(&mut self, append: Append) -> rusqlite::Result<Self::Reply> {
        let end = self.end(&append.stream)?;
        let actual = end.map(|sequence| Position::new(PARTITION, sequence));
        if append.expected != actual {
            return Ok(Err(AppendError::Conflict { actual }));
        }
        let sequence = self.insert(append.stream, &append.record)?;
        Ok(Ok(Position::new(PARTITION, sequence)))
    }

    fn committed(&mut self) -> rusqlite::Result<()> {
        let last = self.last;
        self.durable
            .send_if_modified(|durable| std::mem::replace(durable, last) != last);
        Ok(())
    }

    fn rolled_back(&mut self) {
        self.last = *self.durable.borrow();
        self.ends.clear();
    }

    fn tend(&mut self) -> rusqlite::Result<()> {
        self.checkpointer.tend(&self.connection)
    }
}

/// The last sequence of a log, 0 when it is empty.
pub(super) fn last_sequence(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT max(seq) FROM records")?;
    let last: Option<Option<i64>> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(last.flatten().unwrap_or(0).cast_unsigned())
}

/// CRC-32C over everything that a record is: its place, its stream, its commit id, its bytes. The
/// zero byte, which no stream id holds, keeps a boundary from moving.
pub(super) fn checksum(sequence: u64, stream: &str, commit_id: CommitId, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&sequence.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, stream.as_bytes());
    let crc = crc32c::crc32c_append(crc, &[0]);
    let crc = crc32c::crc32c_append(crc, &commit_id.0);
    crc32c::crc32c_append(crc, payload)
}
