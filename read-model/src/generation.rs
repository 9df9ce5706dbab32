//! One build of a projection: a sled tree in a directory of its own.

use std::collections::BTreeMap;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{Checkpoint, Error, keys};

/// How long sled may keep a write in memory before it starts to write it out. A crash loses at most
/// this much of the view; the checkpoint is lost with it, so the log fills it in again.
const FLUSH_EVERY_MS: u64 = 500;

/// sled gives up its lock on a thread of its own, a moment after the tree was dropped: how often,
/// and how long, one that is opened again is waited for.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// One build of a projection.
#[derive(Debug)]
pub struct Generation {
    db: sled::Db,
    path: PathBuf,
    name: String,
}

/// Keys to write (`Some`) and to delete (`None`), in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    keys: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Changes {
    /// Writes a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.set(key, Some(value));
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.set(key, None);
    }

    fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let length = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let (whole, new) = (key.len().saturating_add(length(&value)), length(&value));
        let bytes = match self.keys.insert(key, value) {
            Some(old) => self.bytes.saturating_sub(length(&old)).saturating_add(new),
            None => self.bytes.saturating_add(whole),
        };
        self.bytes = bytes;
    }

    /// What is known of a key: `None` nothing, `Some(None)` that it is deleted.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.keys.get(key).map(|value| value.as_deref())
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of the keys and values held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Generation {
    /// Opens or makes the tree in `path`. sled panics on some damaged files; that is damage too.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, Error> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let mut tries = 0;
        let opened = loop {
            let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
            let locked = matches!(&opened, Ok(Err(error)) if is_locked(error));
            tries += 1;
            if !locked || tries == LOCK_TRIES {
                break opened;
            }
            std::thread::park_timeout(LOCK_PAUSE);
        };
        let db = opened
            .map_err(|_panic| damaged(path, "sled panicked while opening it"))?
            .map_err(|error| failed(path, &error))?;
        let name = path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Ok(Self {
            db,
            path: path.to_owned(),
            name,
        })
    }

    /// Name of its directory: `<schema>-<n>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, Error> {
        self.guard(|| self.db.get(key))
    }

    /// Keys and values in a range, ascending from either end. Not a snapshot: a writer may pass it.
    pub fn range<R>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = Result<(sled::IVec, sled::IVec), Error>> + '_
    where
        R: RangeBounds<Vec<u8>>,
    {
        self.db
            .range(range)
            .map(|entry| entry.map_err(|error| failed(&self.path, &error)))
    }

    /// All keys that begin with a prefix.
    pub fn prefix(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(sled::IVec, sled::IVec), Error>> + '_ {
        let end = keys::after(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.range((Bound::Included(prefix.to_vec()), end))
    }

    /// Up to where it was folded; `None` for a new one.
    ///
    /// # Errors
    /// [`Error::Damaged`], also when the stored checkpoint cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let Some(bytes) = self.get(keys::CHECKPOINT)? else {
            return Ok(None);
        };
        let checkpoint = Checkpoint::decode(&bytes);
        checkpoint
            .map(Some)
            .ok_or_else(|| damaged(&self.path, "its checkpoint cannot be read"))
    }

    /// Writes changes and the checkpoint that includes them in one atomic batch.
    ///
    /// sled holds a lock of the whole process meanwhile: keep batches small (about 128 keys).
    ///
    /// # Errors
    /// [`Error::Damaged`]; nothing was written then.
    pub fn apply(&self, changes: Changes, checkpoint: &Checkpoint) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes.keys {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(keys::CHECKPOINT, checkpoint.encode());
        self.guard(|| self.db.apply_batch(batch))
    }

    /// Writes changes one by one, in the order of their keys, without a checkpoint: several times
    /// as fast and no obstacle to readers, but not atomic. For a generation that nobody reads yet
    /// and that is thrown away when its build is cut short; [`seal`](Self::seal) ends it.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn load(&self, changes: Changes) -> Result<(), Error> {
        for (key, value) in changes.keys {
            match value {
                Some(value) => self.guard(|| self.db.insert(key, value))?,
                None => self.guard(|| self.db.remove(key))?,
            };
        }
        Ok(())
    }

    /// Flushes what [`load`](Self::load) wrote, then writes and flushes the checkpoint.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn seal(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.flush()?;
        self.guard(|| self.db.insert(keys::CHECKPOINT, checkpoint.encode()))?;
        self.flush()
    }

    /// Waits until everything written is on disk.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn flush(&self) -> Result<(), Error> {
        self.guard(|| self.db.flush()).map(|_bytes| ())
    }

    /// SHA-256 over all keys and values in order, lengths included; the checkpoint and the parked
    /// orders, which say how a view came about and not what it shows, are left out.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn digest(&self) -> Result<[u8; 32], Error> {
        let mut hash = Sha256::new();
        for entry in self.range::<std::ops::RangeFull>(..) {
            let (key, value) = entry?;
            if *key == *keys::CHECKPOINT || key.first() == Some(&keys::PARKED) {
                continue;
            }
            for part in [&key, &value] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        Ok(hash.finalize().into())
    }

    /// Runs one operation of sled; its errors and its panics are damage.
    fn guard<T>(&self, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
        match catch_unwind(AssertUnwindSafe(operation)) {
            Ok(result) => result.map_err(|error| failed(&self.path, &error)),
            Err(_panic) => Err(damaged(&self.path, "sled panicked")),
        }
    }
}

fn damaged(path: &Path, cause: &str) -> Error {
    Error::Damaged {
        path: path.display().to_string(),
        cause: cause.to_owned(),
    }
}

/// What an error of sled means. A full disk is not damage: setting the view aside would not help,
/// and building another would fail as well.
fn failed(path: &Path, error: &sled::Error) -> Error {
    let shown = || path.display().to_string();
    match error {
        error if is_locked(error) => Error::InUse { path: shown() },
        sled::Error::Io(error) if is_of_the_machine(error.kind()) => Error::Io {
            action: "read or write",
            path: shown(),
            cause: io::Error::new(error.kind(), error.to_string()),
        },
        error => damaged(path, &error.to_string()),
    }
}

/// Whether another handle holds sled's lock. sled has no other sign of it.
fn is_locked(error: &sled::Error) -> bool {
    let lock = "could not acquire lock";
    matches!(error, sled::Error::Io(error) if error.to_string().contains(lock))
}

/// Whether the fault is the machine's and not the files'.
const fn is_of_the_machine(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as K;
    matches!(
        kind,
        K::StorageFull
            | K::QuotaExceeded
            | K::FileTooLarge
            | K::ReadOnlyFilesystem
            | K::PermissionDenied
            | K::OutOfMemory
    )
}
