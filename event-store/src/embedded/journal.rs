//! The log's side of the writer: expectations, sequences, checksums.

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::watch;

use super::checkpoint::Checkpointer;
use super::file::Layout;
use super::group::Ledger;
use super::head::{HeadFile, Note};
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

/// Stands for the commit at a sequence that was skipped.
const NO_COMMIT: CommitId = CommitId([0; 16]);

/// Streams whose end is remembered, about 15 MB. Any other costs one look into the index.
const STREAMS_REMEMBERED: usize = 100_000;

/// What the writer is asked for.
pub(super) enum Request {
    Append(Append),
    /// Goes on after a sequence whose record, and some before it, are lost: none is given again.
    SkipTo(u64),
}

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
    /// The last sequence given, in the open transaction too, and its commit.
    last: u64,
    last_commit: CommitId,
    head: HeadFile,
    /// The last sequence that is durable: what tails wait for.
    durable: watch::Sender<u64>,
    checkpointer: Checkpointer,
}

impl Journal {
    pub(super) fn new(
        connection: Connection,
        checkpointer: Checkpointer,
        head: HeadFile,
    ) -> rusqlite::Result<(Self, watch::Receiver<u64>)> {
        let last = last_sequence(&connection)?;
        let (durable, grown) = watch::channel(last);
        let journal = Self {
            connection,
            ends: Recent::new(STREAMS_REMEMBERED),
            last,
            last_commit: NO_COMMIT,
            head,
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
        self.last_commit = record.commit_id;
        self.ends.insert(stream, sequence);
        Ok(sequence)
    }

    fn append(&mut self, append: Append) -> rusqlite::Result<Result<Position, AppendError>> {
        let end = self.end(&append.stream)?;
        let actual = end.map(|sequence| Position::new(PARTITION, sequence));
        if append.expected != actual {
            return Ok(Err(AppendError::Conflict { actual }));
        }
        let sequence = self.insert(append.stream, &append.record)?;
        Ok(Ok(Position::new(PARTITION, sequence)))
    }

    fn skip_to(&mut self, sequence: u64) -> rusqlite::Result<Position> {
        self.connection.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('skipped', ?1)",
            [sequence.cast_signed()],
        )?;
        self.last = self.last.max(sequence);
        self.last_commit = NO_COMMIT;
        Ok(Position::new(PARTITION, self.last))
    }
}

impl Ledger for Journal {
    type Request = Request;
    type Reply = Result<Position, AppendError>;

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn apply(&mut self, request: Request) -> rusqlite::Result<Self::Reply> {
        match request {
            Request::Append(append) => self.append(append),
            Request::SkipTo(sequence) => self.skip_to(sequence).map(Ok),
        }
    }

    fn committed(&mut self) -> rusqlite::Result<()> {
        let last = self.last;
        if *self.durable.borrow() != last {
            self.head.write(Note {
                sequence: last,
                commit_id: self.last_commit,
            });
        }
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

/// The last sequence that a log has given, 0 when it is empty: of its last record, or of the last one
/// that was lost.
pub(super) fn last_sequence(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT max(
            coalesce((SELECT max(seq) FROM records), 0),
            coalesce((SELECT value FROM meta WHERE name = 'skipped'), 0)
        )",
    )?;
    let last: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(last.cast_unsigned())
}

/// The commit at a sequence, if its record is there and intact: a damaged one proves nothing.
pub(super) fn intact_commit(
    connection: &Connection,
    sequence: u64,
) -> rusqlite::Result<Option<CommitId>> {
    let query = "SELECT stream, commit_id, payload, crc32c FROM records WHERE seq = ?1";
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_row([sequence.cast_signed()], |row| {
        let (stream, commit_id): (String, _) = (row.get(0)?, CommitId(row.get(1)?));
        let crc = checksum(sequence, &stream, commit_id, row.get_ref(2)?.as_blob()?);
        Ok((row.get::<_, u32>(3)? == crc).then_some(commit_id))
    });
    Ok(found.optional()?.flatten())
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
