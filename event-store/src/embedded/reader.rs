//! Reading beside the writer: a pool of read-only connections, and the rows they give.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, Row};
use tokio::sync::Semaphore;

use super::file;
use super::journal::{PARTITION, checksum};
use crate::{CommitId, Position, ReadError, Record, StreamId};

/// Reads at the same time; more wait in turn. Each keeps a connection of about 2 MB.
const READERS: u32 = 8;

/// The reading side of one file.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(READERS as usize)),
        })
    }

    /// Runs `work` on a connection of its own, on a thread that may block.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] once closed and when no connection opens; else those of `work`.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(unavailable)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let pooled = readers.idle().pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => file::open_reader(&readers.path).map_err(unavailable)?,
            };
            let answer = work(&connection);
            readers.idle().push(connection);
            drop(permit);
            answer
        });
        reading.await.map_err(unavailable)?
    }

    /// Refuses new reads, waits for running ones, and closes the connections.
    pub(crate) async fn close(&self) {
        let all = self.permits.acquire_many(READERS).await;
        self.permits.close();
        drop(all);
        self.idle().clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The columns that [`decode`] reads, in its order.
pub(super) const COLUMNS: &str = "seq, stream, commit_id, payload, crc32c";

/// The record in a row, its checksum verified. `near` stands for its position while that is unknown.
pub(super) fn decode(row: &Row<'_>, near: Position) -> Result<Record, ReadError> {
    let sequence: i64 = row.get(0).map_err(|error| failed(near, &error))?;
    let position = Position::new(PARTITION, sequence.cast_unsigned());
    let corrupt = |cause: String| ReadError::Corrupt { position, cause };
    let columns = || -> rusqlite::Result<_> {
        let payload = row.get_ref(3)?.as_blob()?;
        Ok((
            row.get::<_, String>(1)?,
            row.get(2)?,
            payload,
            row.get::<_, u32>(4)?,
        ))
    };
    let (stream, commit_id, payload, stored) =
        columns().map_err(|error| failed(position, &error))?;
    let commit_id = CommitId(commit_id);
    let found = checksum(position.sequence, &stream, commit_id, payload);
    if found != stored {
        return Err(corrupt(format!(
            "its checksum is {found:08x}, not {stored:08x}"
        )));
    }
    Ok(Record {
        stream: StreamId::new(&stream).map_err(|error| corrupt(error.to_string()))?,
        position,
        commit_id,
        payload: Bytes::copy_from_slice(payload),
    })
}

/// The first `limit` records of a stream after a sequence, and whether there are more.
pub(super) fn slice(
    connection: &Connection,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<(Vec<Record>, bool), ReadError> {
    let query = format!(
        "SELECT {COLUMNS} FROM records WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    );
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let near = Position::new(PARTITION, after.saturating_add(1));
    let mut records: Vec<Record> = Vec::new();
    scan(
        connection,
        &query,
        (stream.as_str(), clamp(after), rows),
        near,
        |record| records.push(record),
    )?;
    let last = records.last().map_or(after, |last| last.position.sequence);
    let full = records.len() == limit;
    let more = full && goes_on(connection, stream, last).map_err(|error| failed(near, &error))?;
    Ok((records, more))
}

/// Whether a stream has a record after a sequence. The index alone tells.
fn goes_on(connection: &Connection, stream: &StreamId, after: u64) -> rusqlite::Result<bool> {
    let query = "SELECT 1 FROM records WHERE stream = ?1 AND seq > ?2 LIMIT 1";
    let mut statement = connection.prepare_cached(query)?;
    statement.exists((stream.as_str(), clamp(after)))
}

/// The record at a sequence.
pub(super) fn at(connection: &Connection, sequence: u64) -> Result<Option<Record>, ReadError> {
    let query = format!("SELECT {COLUMNS} FROM records WHERE seq = ?1");
    let near = Position::new(PARTITION, sequence);
    let mut found = None;
    scan(connection, &query, [clamp(sequence)], near, |record| {
        found = Some(record);
    })?;
    Ok(found)
}

/// Hands over the records of a query of [`COLUMNS`] one by one. What lies before a damaged record is
/// handed over before the error.
fn scan(
    connection: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
    mut near: Position,
    mut take: impl FnMut(Record),
) -> Result<(), ReadError> {
    let mut statement = connection
        .prepare_cached(query)
        .map_err(|error| failed(near, &error))?;
    let mut rows = statement
        .query(parameters)
        .map_err(|error| failed(near, &error))?;
    while let Some(row) = rows.next().map_err(|error| failed(near, &error))? {
        let record = decode(row, near)?;
        near = Position::new(PARTITION, record.position.sequence + 1);
        take(record);
    }
    Ok(())
}

/// SQLite counts to 2^63 - 1: no sequence is larger.
pub(super) fn clamp(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Tells damage from what passes.
pub(super) fn failed(near: Position, error: &rusqlite::Error) -> ReadError {
    let cause = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => ReadError::Corrupt {
            position: near,
            cause,
        },
        Some(_) => ReadError::Unavailable { cause },
    }
}

fn unavailable(error: impl std::fmt::Display) -> ReadError {
    ReadError::Unavailable {
        cause: error.to_string(),
    }
}
