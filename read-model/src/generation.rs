//! One build of the read model: an ordered map in a directory of its own.

use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

use crate::changes::{Change, Changes, Old};
use crate::engine::{Engine, Entries, Write};
use crate::{Checkpoint, Digest, Error, Scan, digest, keys, seal};

/// One build of the read model. Every value has a checksum, which each read checks.
#[derive(Debug)]
pub struct Generation {
    engine: Box<dyn Engine>,
    path: PathBuf,
    name: String,
}

impl Generation {
    pub(crate) fn new(engine: Box<dyn Engine>, path: &Path) -> Self {
        let name = path.file_name();
        Self {
            engine,
            path: path.to_owned(),
            name: name.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        }
    }

    /// Name of its directory: `<engine>-<fold>-<n>`.
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
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let stored = self.engine.get(key)?;
        stored.map(|stored| self.open(key, stored)).transpose()
    }

    /// Keys and values in a range, ascending from either end. Not a snapshot: a writer may pass it.
    pub fn range(&self, range: impl RangeBounds<Vec<u8>>) -> Entries<'_> {
        let start = range.start_bound().map(Vec::as_slice);
        let end = range.end_bound().map(Vec::as_slice);
        Box::new(self.engine.range(start, end).map(|entry| {
            let (key, stored) = entry?;
            let value = self.open(&key, stored)?;
            Ok((key, value))
        }))
    }

    /// All keys that begin with a prefix.
    pub fn prefix(&self, prefix: &[u8]) -> Entries<'_> {
        let end = keys::after(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.range((Bound::Included(prefix.to_vec()), end))
    }

    /// Up to where it was folded; `None` for one that was never completed.
    ///
    /// # Errors
    /// [`Error::Damaged`], also when the stored checkpoint cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let Some(bytes) = self.get(keys::CHECKPOINT)? else {
            return Ok(None);
        };
        let checkpoint = Checkpoint::decode(&bytes);
        let checkpoint = checkpoint.ok_or_else(|| self.damaged("its checkpoint cannot be read"));
        checkpoint.map(Some)
    }

    /// Writes changes and the checkpoint that includes them in one atomic batch. The checkpoint's
    /// digest moves with them, and so does a scan that is on its way.
    ///
    /// # Errors
    /// [`Error`]; nothing was written then.
    pub fn apply(
        &self,
        changes: Changes,
        checkpoint: &mut Checkpoint,
        mut scan: Option<&mut Scan>,
    ) -> Result<(), Error> {
        let mut digest = checkpoint.digest;
        let mut batch = Vec::with_capacity(changes.len().saturating_add(1));
        for (key, change) in changes.into_keys() {
            if digest::is_covered(&key) {
                let (old, new) = self.digests(&key, &change)?;
                digest = digest.without(old).and(new);
                if let Some(scan) = &mut scan {
                    scan.note(&key, old, new);
                }
            }
            batch.push(sealed(key, change.value));
        }
        checkpoint.digest = digest;
        batch.push(sealed(keys::CHECKPOINT.to_vec(), Some(checkpoint.encode())));
        self.engine.apply(batch)
    }

    /// What a change takes out of the digest, and what it brings in.
    fn digests(&self, key: &[u8], change: &Change) -> Result<(Digest, Digest), Error> {
        let of = |value: &Option<Vec<u8>>| {
            let value = value.as_ref();
            value.map_or(Digest::EMPTY, |value| Digest::of(key, value))
        };
        let old = match &change.old {
            Old::Unread => of(&self.get(key)?),
            Old::Absent => Digest::EMPTY,
            Old::Value(value) => Digest::of(key, value),
            Old::Hashed(digest) => *digest,
        };
        Ok((old, change.digest.unwrap_or_else(|| of(&change.value))))
    }

    /// Writes changes one by one, in the order of their keys, without a checkpoint: several times
    /// as fast and no obstacle to readers, but not atomic. For a generation that nobody reads yet
    /// and that is thrown away when its build is cut short; [`seal`](Self::seal) ends it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn load(&self, changes: Changes) -> Result<(), Error> {
        let writes = changes.into_writes();
        let sorted = writes.map(|write| sealed(write.key, write.value));
        self.engine.load(sorted.collect())
    }

    /// Completes what [`load`](Self::load) wrote: on disk first, then its digest by one scan, then
    /// the checkpoint.
    ///
    /// # Errors
    /// [`Error`].
    pub fn seal(&self, checkpoint: &mut Checkpoint) -> Result<(), Error> {
        self.flush()?;
        checkpoint.digest = Scan::whole(self)?.digest();
        let write = sealed(keys::CHECKPOINT.to_vec(), Some(checkpoint.encode()));
        self.engine.apply(vec![write])?;
        self.flush()
    }

    /// Waits until everything written is on disk.
    ///
    /// # Errors
    /// [`Error`].
    pub fn flush(&self) -> Result<(), Error> {
        self.engine.flush()
    }

    fn open(&self, key: &[u8], stored: Vec<u8>) -> Result<Vec<u8>, Error> {
        seal::open(key, stored)
            .ok_or_else(|| self.damaged(&format!("the checksum of {} is wrong", keys::show(key))))
    }

    /// Damage found in it.
    #[must_use]
    pub fn damaged(&self, cause: &str) -> Error {
        Error::damaged(&self.path, cause)
    }
}

fn sealed(key: Vec<u8>, value: Option<Vec<u8>>) -> Write {
    let value = value.map(|value| seal::close(&key, value));
    Write { key, value }
}
