//! The SQLite file: its settings, its format, its meta table.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

/// Why a log or a key store did not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, has it open.
    #[error("{} is in use by {holder}", .directory.display())]
    InUse {
        /// The locked directory.
        directory: PathBuf,
        /// Who holds it, for example `process 4711`.
        holder: String,
    },
    /// The file is not one of ours, or of a format that this version does not know.
    #[error("{} is not usable: {cause}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found in it.
        cause: String,
    },
    /// The operating system refused.
    #[error("{} does not open: {cause}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        cause: String,
    },
}

/// What a kind of file is called and made of.
pub(crate) struct Layout {
    /// Stands in the file's header (`application_id`), so that no other SQLite file is taken for it.
    pub(crate) magic: i32,
    /// Version of the tables below.
    pub(crate) format: i64,
    /// Makes the tables of an empty file.
    pub(crate) schema: &'static str,
    /// Settings of the writing connection beyond the common ones.
    pub(crate) settings: &'static str,
}

/// Room for the pages that a writer touches, in KiB.
const WRITER_CACHE_KIB: i64 = 65_536;

/// Longest wait for a lock inside SQLite. Nobody else writes, so only a checkpoint ever waits, for
/// the reads under way.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// SQLite's own default; 8 KiB was faster with few writers and slower with many (ADR 0004).
pub(crate) const PAGE_BYTES: u32 = 4_096;

/// Opens the writing connection, and makes the file when there is none.
pub(crate) fn open_writer(path: &Path, layout: &Layout) -> Result<Connection, OpenError> {
    let connection = Connection::open(path).map_err(|error| failed(path, &error))?;
    configure(&connection, layout).map_err(|error| failed(path, &error))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| failed(path, &error))?;
    if tables == 0 {
        create(&connection, layout).map_err(|error| failed(path, &error))?;
        sync_directory(path)?;
    }
    check(&connection, path, layout)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// One value of the meta table.
pub(crate) fn meta<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<Option<T>> {
    let query = "SELECT value FROM meta WHERE name = ?1";
    connection
        .query_row(query, [name], |row| row.get(0))
        .optional()
}

/// The write-ahead log after a checkpoint.
pub(crate) struct Checkpoint {
    /// A read or another checkpoint stood in the way; not everything asked for was done.
    pub(crate) busy: bool,
    /// Pages in the log.
    pub(crate) pages: i64,
}

/// Copies the write-ahead log into the file. Modes are SQLite's: `NOOP` only looks, `PASSIVE` copies
/// what it can, `RESTART` also starts the log over, `TRUNCATE` also cuts it to nothing.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Checkpoint> {
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    let mut statement = connection.prepare_cached(&pragma)?;
    statement.query_row([], |row| {
        Ok(Checkpoint {
            busy: row.get(0)?,
            pages: row.get(1)?,
        })
    })
}

fn configure(connection: &Connection, layout: &Layout) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.execute_batch(layout.settings)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_mode| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
    )?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

fn create(connection: &Connection, layout: &Layout) -> rusqlite::Result<()> {
    let identity: [u8; 16] = rand::random();
    connection
        .execute_batch("BEGIN IMMEDIATE; CREATE TABLE meta (name TEXT PRIMARY KEY, value);")?;
    connection.execute_batch(layout.schema)?;
    let mut insert = connection.prepare("INSERT INTO meta (name, value) VALUES (?1, ?2)")?;
    insert.execute(("format", layout.format))?;
    insert.execute(("identity", identity))?;
    insert.execute(("partitions", 1))?;
    connection.pragma_update(None, "application_id", layout.magic)?;
    connection.execute_batch("COMMIT")
}

/// A look at the header and the meta table: quick, whatever the size of the file.
fn check(connection: &Connection, path: &Path, layout: &Layout) -> Result<(), OpenError> {
    let refused = |cause: String| OpenError::Format {
        path: path.to_owned(),
        cause,
    };
    let header = connection.query_row("PRAGMA application_id", [], |row| row.get::<_, i32>(0));
    if header.map_err(|error| failed(path, &error))? != layout.magic {
        return Err(refused("it is an SQLite file of something else".to_owned()));
    }
    let number = |name| {
        let value = meta::<i64>(connection, name).map_err(|error| failed(path, &error))?;
        value.ok_or_else(|| refused(format!("its meta table has no {name}")))
    };
    let (format, partitions) = (number("format")?, number("partitions")?);
    if format != layout.format {
        let known = layout.format;
        return Err(refused(format!(
            "its format is {format}, this version knows {known}"
        )));
    }
    if partitions != 1 {
        return Err(refused(format!(
            "it has {partitions} partitions, this version knows 1"
        )));
    }
    Ok(())
}

/// A file is there after a power cut only when its directory was flushed.
fn sync_directory(path: &Path) -> Result<(), OpenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flushed = File::open(directory).and_then(|directory| directory.sync_all());
    flushed.map_err(|error| OpenError::Io {
        path: directory.to_owned(),
        cause: error.to_string(),
    })
}

/// Makes a directory with its parents, each of them there after a power cut.
pub(crate) fn make_directory(directory: &Path) -> Result<(), OpenError> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let made: Vec<_> = directory.ancestors().take_while(missing).collect();
    std::fs::create_dir_all(directory).map_err(|error| OpenError::Io {
        path: directory.to_owned(),
        cause: error.to_string(),
    })?;
    made.into_iter().try_for_each(sync_directory)
}

pub(crate) fn failed(path: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let (path, cause) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => OpenError::Format { path, cause },
        _ => OpenError::Io { path, cause },
    }
}
