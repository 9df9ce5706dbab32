//! Data keys in an SQLite file of their own, beside an embedded log.
//!
//! ```text
//!   directory/lock         held by one process
//!   directory/keys.db      one row per stream: the key, or zeros once it was erased
//!   directory/keys.db-wal  emptied with every erasure
//! ```
//!
//! A key is destroyed where it lies: the row keeps its size, so SQLite overwrites the bytes in
//! place, and rows stand in the order of their making, so no page was ever split around one. Then
//! the write-ahead log, which holds the page as it was, is cut to nothing. What the file system or
//! the disk keep of overwritten blocks is theirs: snapshots and flash need their own erasure.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::embedded::Embedded;
use crate::embedded::OpenError;
use crate::embedded::fault::GroupError;
use crate::embedded::file::{self, Layout};
use crate::embedded::group::{Group, Ledger};
use crate::embedded::lock::DirectoryLock;
use crate::embedded::reader::Readers;
use crate::{DataKey, KeyError, KeyId, KeyState, KeyStore, ReadError, StreamId};

const LAYOUT: Layout = Layout {
    magic: 0x4f72_644b, // "OrdK"
    format: 1,
    schema: "
        CREATE TABLE keys (
            slot INTEGER PRIMARY KEY,
            stream TEXT NOT NULL UNIQUE,
            key_id BLOB NOT NULL,
            secret BLOB NOT NULL,
            erased INTEGER NOT NULL
        );",
    settings: "PRAGMA secure_delete = ON;",
};

/// Bytes of one request in the writer's queue, about.
const REQUEST_BYTES: usize = 128;

/// The key store of one machine. Keys are created in groups with one flush each, like the log.
pub struct EmbeddedKeys {
    writer: Group<Book>,
    readers: Arc<Readers>,
}

impl EmbeddedKeys {
    /// Opens the key store in `directory`, and makes both when there is none. An erasure that a
    /// crash cut short is finished here. Blocks for milliseconds; needs no runtime.
    ///
    /// # Errors
    /// As [`Embedded::open`](crate::embedded::Embedded::open).
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        let directory = directory.as_ref();
        file::make_directory(directory)?;
        let lock = DirectoryLock::take(directory)?;
        let path = directory.join("keys.db");
        let connection = file::open_writer(&path, &LAYOUT)?;
        let book = Book {
            connection,
            erased: false,
        };
        book.empty_the_log()
            .map_err(|error| file::failed(&path, &error))?;
        let writer = Group::start("key-writer", book, lock).map_err(|error| OpenError::Io {
            path: path.clone(),
            cause: error.to_string(),
        })?;
        let readers = Readers::new(&path);
        Ok(Self { writer, readers })
    }

    /// As [`open`](Self::open), for the keys of a log: one that holds records has a key store, and a
    /// new one in its place would make everything that is sealed look erased.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`OpenError::Format`] when the log holds records and the keys are
    /// gone.
    pub fn open_for(log: &Embedded, directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = directory.as_ref().join("keys.db");
        let last = log.last_sequence();
        if last > 0 && !path.exists() {
            return Err(OpenError::Format {
                cause: format!(
                    "it is missing, and its log ends at sequence {last}; put it back from a backup, \
                     or make an empty file in its place to give up all personal data that is sealed"
                ),
                path,
            });
        }
        Self::open(directory)
    }

    /// Closes the store: writes what waits and releases the directory. Later calls answer
    /// [`KeyError::Unavailable`].
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn write(&self, order: Order) -> Result<KeyState, KeyError> {
        let written = self.writer.submit(order, REQUEST_BYTES).await;
        written.map_err(|error| match error {
            GroupError::Full(cause) => KeyError::Full { cause },
            GroupError::NotStored(_) | GroupError::Unknown(_) | GroupError::Unavailable(_) => {
                KeyError::Unavailable {
                    cause: error.to_string(),
                }
            }
        })
    }
}

#[async_trait]
impl KeyStore for EmbeddedKeys {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.write(Order::Create(stream.clone())).await
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        let stream = stream.clone();
        let found = self.readers.read(move |connection| {
            find(connection, &stream).map_err(|error| ReadError::Unavailable {
                cause: error.to_string(),
            })
        });
        found.await.map_err(|error| KeyError::Unavailable {
            cause: error.to_string(),
        })
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.write(Order::Erase(stream.clone())).await?;
        Ok(())
    }
}

/// What the writer is asked.
enum Order {
    Create(StreamId),
    Erase(StreamId),
}

/// The writing end of the key store.
struct Book {
    connection: Connection,
    /// Whether the open transaction erases a key.
    erased: bool,
}

impl Book {
    fn create(&self, stream: &StreamId) -> rusqlite::Result<KeyState> {
        let known = find(&self.connection, stream)?;
        if !matches!(known, KeyState::Absent) {
            return Ok(known);
        }
        let key = DataKey::generate();
        self.insert(stream, key.id, key.secret(), false)?;
        Ok(KeyState::Live(key))
    }

    /// Also where there was no key, and where it was erased before: then a crash may have come
    /// between the erasure and the emptying of the write-ahead log.
    fn erase(&mut self, stream: &StreamId) -> rusqlite::Result<KeyState> {
        self.erased = true;
        let mut update = self.connection.prepare_cached(
            "UPDATE keys SET secret = zeroblob(length(secret)), erased = 1 WHERE stream = ?1",
        )?;
        if update.execute([stream.as_str()])? == 0 {
            self.insert(stream, KeyId([0; 16]), &[0; 32], true)?;
        }
        Ok(KeyState::Erased)
    }

    fn insert(
        &self,
        stream: &StreamId,
        id: KeyId,
        secret: &[u8; 32],
        erased: bool,
    ) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO keys (stream, key_id, secret, erased) VALUES (?1, ?2, ?3, ?4)",
        )?;
        insert.execute((stream.as_str(), id.0, secret, erased))?;
        Ok(())
    }

    /// Copies the write-ahead log into the file and cuts it to nothing.
    fn empty_the_log(&self) -> rusqlite::Result<()> {
        let after = file::checkpoint(&self.connection, "TRUNCATE")?;
        if !after.busy && after.pages == 0 {
            return Ok(());
        }
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        let cause = "a reader holds the write-ahead log".to_owned();
        Err(rusqlite::Error::SqliteFailure(busy, Some(cause)))
    }
}

impl Ledger for Book {
    type Request = Order;
    type Reply = KeyState;

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn apply(&mut self, order: Order) -> rusqlite::Result<KeyState> {
        match order {
            Order::Create(stream) => self.create(&stream),
            Order::Erase(stream) => self.erase(&stream),
        }
    }

    /// An erasure is confirmed only when no file holds the key any more.
    fn committed(&mut self) -> rusqlite::Result<()> {
        if self.erased {
            self.empty_the_log()?;
            self.erased = false;
        }
        Ok(())
    }

    fn rolled_back(&mut self) {
        self.erased = false;
    }

    fn tend(&mut self) -> rusqlite::Result<()> {
        Ok(())
    }
}

fn find(connection: &Connection, stream: &StreamId) -> rusqlite::Result<KeyState> {
    let mut statement =
        connection.prepare_cached("SELECT key_id, secret, erased FROM keys WHERE stream = ?1")?;
    let found = statement.query_row([stream.as_str()], decode).optional()?;
    Ok(found.unwrap_or(KeyState::Absent))
}

fn decode(row: &Row<'_>) -> rusqlite::Result<KeyState> {
    if row.get(2)? {
        return Ok(KeyState::Erased);
    }
    Ok(KeyState::Live(DataKey::from_parts(
        KeyId(row.get(0)?),
        row.get(1)?,
    )))
}
