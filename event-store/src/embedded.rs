//! The durable log of one machine: an SQLite file, one writing thread, many readers.
//!
//! ```text
//!   directory/lock        held by one process, says which
//!   directory/log.db      records, meta
//!   directory/log.db-wal  what was acknowledged and not yet copied into log.db
//! ```
//!
//! Appends are committed in groups with one flush each; reads have connections of their own and
//! never wait for a writer. SQLite's pages carry no checksum, so every record has one, which every
//! read verifies. Why this engine, and what it was measured against: ADR 0004.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use tokio::sync::watch;

use crate::{
    AppendError, Availability, Consistency, Durability, EventStore, Head, LogDescription,
    LogIdentity, NewRecord, Position, Positions, ReadError, Record, StreamId, Tail, TailError,
};
use checkpoint::Checkpointer;
use group::{Group, GroupError};
use journal::{Append, Journal, LAYOUT, PARTITION};
use lock::DirectoryLock;
use reader::{COLUMNS, Readers, collect, failed};

pub use file::OpenError;

mod checkpoint;
pub(crate) mod file;
pub(crate) mod group;
mod journal;
pub(crate) mod lock;
mod queue;
pub(crate) mod reader;
mod tail;

/// Largest payload: as large as a commit of this service may ever be.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// A durable log in a directory. Every acknowledged append was flushed to disk.
///
/// Sequences are consecutive, and there is one partition. After a failed flush the log refuses
/// appends until it is opened anew: only recovery can tell what the disk holds.
pub struct Embedded {
    writer: Group<Journal>,
    readers: Arc<Readers>,
    grown: watch::Receiver<u64>,
    identity: LogIdentity,
    description: Arc<LogDescription>,
}

/// What an operator may choose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Largest size of `log.db` in bytes, at which appends answer [`AppendError::Full`]; `None`:
    /// the disk is the limit. The write-ahead log comes on top, a few MiB.
    pub max_bytes: Option<u64>,
}

impl Embedded {
    /// Opens the log in `directory`, and makes both when there is none. Takes milliseconds whatever
    /// the log's size: nothing is scanned. Blocks; needs no runtime.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while another process has it open, [`OpenError::Format`] when the file
    /// is not a log of this version, [`OpenError::Io`] for what the operating system refuses.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(directory, &Options::default())
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(directory: impl AsRef<Path>, options: &Options) -> Result<Self, OpenError> {
        let directory = directory.as_ref();
        file::make_directory(directory)?;
        let lock = DirectoryLock::take(directory)?;
        let path = directory.join("log.db");
        let connection = file::open_writer(&path, &LAYOUT)?;
        let failed = |error: rusqlite::Error| file::failed(&path, &error);
        if let Some(bytes) = options.max_bytes {
            let pages = i64::try_from(bytes / u64::from(file::PAGE_BYTES)).unwrap_or(i64::MAX);
            let set = connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
            set.map_err(failed)?;
        }
        let identity = file::meta(&connection, "identity").map_err(failed)?;
        let identity = identity.ok_or_else(|| OpenError::Format {
            path: path.clone(),
            cause: "its meta table has no identity".to_owned(),
        })?;
        let checkpointer = Checkpointer::start(&path, &LAYOUT)?;
        let (journal, grown) = Journal::new(connection, checkpointer).map_err(failed)?;
        let writer = Group::start("log-writer", journal, lock).map_err(|error| OpenError::Io {
            path: path.clone(),
            cause: error.to_string(),
        })?;
        Ok(Self {
            writer,
            readers: Readers::new(&path),
            grown,
            identity: LogIdentity(identity),
            description: Arc::new(describe(directory)),
        })
    }

    /// Closes the log: refuses new reads, writes what waits, copies the write-ahead log into the
    /// file, and releases the directory. Appends then answer [`AppendError::Unavailable`], tails
    /// end with [`TailError::Closed`].
    ///
    /// A log that is dropped without it loses nothing, but its directory is released a little later.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl EventStore for Embedded {
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
        let append = Append {
            stream: stream.clone(),
            expected,
            record,
        };
        let answer = self.writer.submit(append, size).await;
        answer.unwrap_or_else(|error| Err(refusal(error)))
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        _always_the_latest: Consistency,
    ) -> Result<Vec<Record>, ReadError> {
        if after.is_some_and(|position| position.partition != PARTITION) {
            return Ok(Vec::new());
        }
        let after = clamp(after.map_or(0, |position| position.sequence));
        let stream = stream.clone();
        let records = self.readers.read(move |connection| {
            let query = format!(
                "SELECT {COLUMNS} FROM records WHERE stream = ?1 AND seq > ?2 ORDER BY seq"
            );
            let near = Position::new(PARTITION, after.cast_unsigned() + 1);
            collect(connection, &query, (stream.as_str(), after), near)
        });
        records.await
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if position.partition != PARTITION {
            return Ok(None);
        }
        let read = self.readers.read(move |connection| {
            let query = format!("SELECT {COLUMNS} FROM records WHERE seq = ?1");
            let sequence = clamp(position.sequence);
            collect(connection, &query, [sequence], position)
        });
        Ok(read.await?.pop())
    }

    async fn tail(&self, after: Positions) -> Result<Tail, ReadError> {
        let head = self.head().await?.last;
        if let Some(seen) = after.iter().find(|&seen| !head.covers(seen)) {
            let head = Position::new(seen.partition, head.sequence(seen.partition));
            let error = TailError::RolledBack { seen, head };
            return Ok(stream::iter([Err(error)]).boxed());
        }
        let reader = tail::Reader {
            readers: Arc::clone(&self.readers),
            grown: self.grown.clone(),
            reached: after.sequence(PARTITION),
            batch: VecDeque::new(),
        };
        Ok(stream::unfold(Some(reader), tail::Reader::next).boxed())
    }

    /// Asks the file, not the writer's memory: a read may have seen a record a moment before the
    /// writer announces it, and the head must not stand behind it.
    async fn head(&self) -> Result<Head, ReadError> {
        let start = Position::new(PARTITION, 0);
        let last = self.readers.read(move |connection| {
            journal::last_sequence(connection).map_err(|error| failed(start, &error))
        });
        Ok(Head {
            identity: self.identity,
            last: Position::new(PARTITION, last.await?).into(),
        })
    }

    fn describe(&self) -> Arc<LogDescription> {
        Arc::clone(&self.description)
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.writer.availability()
    }
}

fn describe(directory: &Path) -> LogDescription {
    LogDescription {
        name: format!("embedded log in {}", directory.display()),
        durability: Durability::Fsync,
        partitions: 1,
        max_record_bytes: MAX_RECORD_BYTES,
        warnings: Vec::new(),
    }
}

fn refusal(error: GroupError) -> AppendError {
    match error {
        GroupError::NotStored(cause) => AppendError::NotStored { cause },
        GroupError::Full(cause) => AppendError::Full { cause },
        GroupError::Unknown(cause) => AppendError::Unknown { cause },
        GroupError::Unavailable(cause) => AppendError::Unavailable { cause },
    }
}

/// SQLite counts to 2^63 - 1: no sequence is larger.
fn clamp(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
