//! The durable log of one machine: an SQLite file, one writing thread, many readers.
//!
//! ```text
//!   directory/lock        held by one process, says which
//!   directory/log.db      records, meta
//!   directory/log.db-wal  what was acknowledged and not yet copied into log.db
//!   directory/log.head    where the log ended when it last acknowledged
//! ```
//!
//! Appends are committed in groups with one flush each; reads have connections of their own and
//! never wait for a writer. SQLite's pages carry no checksum, so every record has one, which every
//! read verifies. Why this engine, and what it was measured against: ADR 0004.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{
    AppendError, Availability, Bookmark, Consistency, Durability, Epoch, EventStore, Head,
    LogDescription, LogIdentity, NewRecord, Position, ReadError, Record, StreamId, StreamSlice,
    Tail,
};
use audit::Finding;
use checkpoint::Checkpointer;
use fault::GroupError;
use group::Group;
use head::{HeadFile, Note};
use journal::{Append, Journal, LAYOUT, PARTITION, Request};
use lock::DirectoryLock;
use reader::{Readers, failed};

pub use file::OpenError;

mod audit;
mod checkpoint;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod group;
mod head;
mod journal;
pub(crate) mod lock;
mod queue;
pub(crate) mod reader;
mod tail;

/// Largest payload: as large as a commit of this service may ever be.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// The only epoch: this process alone writes the file, so the log cannot change under it.
const EPOCH: Epoch = Epoch(1);

/// A durable log in a directory. Every acknowledged append was flushed to disk.
///
/// Sequences are consecutive, and there is one partition. After a failed flush the log refuses
/// appends until it is opened anew: only recovery can tell what the disk holds.
pub struct Embedded {
    loss: Mutex<Option<Loss>>,
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
    /// Opens the log in `directory`, and makes both when there is none. Reads the index and the names
    /// in the table once, to see that they agree. Blocks; needs no runtime.
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
        refuse_new_beside_old(directory, &path)?;
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
        match audit::check(&connection).map_err(failed)? {
            Finding::Intact => {}
            Finding::Mended => tracing::warn!(
                file = %path.display(),
                "the index of the log was damaged; it was made anew from the records"
            ),
            Finding::Unreadable => tracing::error!(
                file = %path.display(),
                "a page of the log cannot be read; the orders with records in it are out of reach"
            ),
        }
        let checkpointer = Checkpointer::start(&path, &LAYOUT)?;
        let (head, noted) = HeadFile::open(directory)?;
        let loss = match noted {
            Some(note) => find_loss(&connection, &path, note)?,
            None => None,
        };
        let journal = Journal::new(connection, checkpointer, head);
        let (journal, grown) = journal.map_err(failed)?;
        let writer = Group::start("log-writer", journal, lock).map_err(|error| OpenError::Io {
            path: path.clone(),
            cause: error.to_string(),
        })?;
        if let Some(loss) = loss {
            tracing::error!(directory = %directory.display(), "{loss}");
            writer.hold(loss.to_string());
        }
        Ok(Self {
            loss: Mutex::new(loss),
            writer,
            readers: Readers::new(&path),
            grown,
            identity: LogIdentity(identity),
            description: Arc::new(describe(directory)),
        })
    }

    /// Which acknowledged commits the log lost; `None` when it lost none, or once that was accepted.
    /// Until then appends are refused.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on without the commits that are lost. Their positions are not given again: a tail tells
    /// each of them as missing. Returns what was accepted.
    ///
    /// # Errors
    /// As [`append`](EventStore::append), with the loss still standing.
    pub async fn accept_loss(&self) -> Result<Option<Loss>, AppendError> {
        let Some(loss) = self.loss() else {
            return Ok(None);
        };
        let skipped = self.writer.submit_held(Request::SkipTo(loss.to), 0).await;
        skipped.unwrap_or_else(|error| Err(refusal(error)))?;
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.writer.release();
        tracing::warn!(
            from = loss.from,
            to = loss.to,
            "a loss of commits was accepted"
        );
        Ok(Some(loss))
    }

    /// The last sequence that is durable; 0 for an empty log.
    pub(crate) fn last_sequence(&self) -> u64 {
        *self.grown.borrow()
    }

    /// Closes the log: refuses new reads, writes what waits, copies the write-ahead log into the
    /// file, and releases the directory. Appends then answer [`AppendError::Unavailable`], tails
    /// end with [`Closed`](crate::TailError::Closed).
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
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        if epoch != EPOCH {
            return Err(AppendError::StaleEpoch { current: EPOCH });
        }
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
        let answer = self.writer.submit(Request::Append(append), size).await;
        answer.unwrap_or_else(|error| Err(refusal(error)))
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        _always_the_latest: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        if after.is_some_and(|position| position.partition != PARTITION) {
            return Ok(StreamSlice {
                records: Vec::new(),
                more: false,
                epoch: EPOCH,
            });
        }
        let after = after.map_or(0, |position| position.sequence);
        let stream = stream.clone();
        let read = self.readers.read(move |connection| {
            let (records, more) = reader::slice(connection, &stream, after, limit)?;
            Ok(StreamSlice {
                records,
                more,
                epoch: EPOCH,
            })
        });
        read.await
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if position.partition != PARTITION {
            return Ok(None);
        }
        let read = move |connection: &_| reader::at(connection, position.sequence);
        self.readers.read(read).await
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        if let Some(error) = tail::look(&self.readers, &after).await? {
            return Ok(stream::iter([Err(error)]).boxed());
        }
        let reached = after.sequence(PARTITION);
        let reader = tail::Reader::new(&self.readers, &self.grown, reached);
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

    fn epoch(&self) -> Epoch {
        EPOCH
    }

    fn describe(&self) -> Arc<LogDescription> {
        Arc::clone(&self.description)
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.writer.availability()
    }
}

/// Acknowledged commits that are not in the log any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Sequence of the first one.
    pub from: u64,
    /// Sequence of the last one.
    pub to: u64,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the log lost commits {}..{}: they were acknowledged, and are not in log.db; restore a \
             backup that has them, or remove log.head to go on without them: new commits then take \
             their positions",
            self.from, self.to
        )
    }
}

/// A log that is gone must not begin anew beside what is left of it.
fn refuse_new_beside_old(directory: &Path, path: &Path) -> Result<(), OpenError> {
    if path.exists() {
        return Ok(());
    }
    let ended = head::peek(directory).map_or(0, |note| note.sequence);
    let wal = directory.join("log.db-wal");
    let left = match (ended, wal.exists()) {
        (0, false) => return Ok(()),
        (0, true) => format!("{} is there", wal.display()),
        (ended, _) => format!("log.head says that it ended at sequence {ended}"),
    };
    Err(OpenError::Format {
        path: path.to_owned(),
        cause: format!(
            "it is missing, and {left}; put it back, or empty {} to begin a new log",
            directory.display()
        ),
    })
}

/// Compares the end of the log with what was noted of it.
fn find_loss(connection: &Connection, path: &Path, note: Note) -> Result<Option<Loss>, OpenError> {
    let failed = |error: rusqlite::Error| file::failed(path, &error);
    let last = journal::last_sequence(connection).map_err(failed)?;
    if note.sequence > last {
        return Ok(Some(Loss {
            from: last + 1,
            to: note.sequence,
        }));
    }
    let found = journal::intact_commit(connection, note.sequence).map_err(failed)?;
    match found {
        Some(found) if found != note.commit_id => Err(OpenError::Format {
            path: path.to_owned(),
            cause: format!(
                "it is another log than the one that was open here last: log.head says that commit \
                 {} is at sequence {}, and {found} is there; put the right file back, or remove \
                 log.head to use this one",
                note.commit_id, note.sequence
            ),
        }),
        Some(_) | None => Ok(None),
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
