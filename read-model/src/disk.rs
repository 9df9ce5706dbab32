//! The engine on disk: one sled tree in a directory.

use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;
use crate::engine::{Engine, Engines, Entries, Entry, Write, is_empty};

/// How long sled may keep a write in memory before it starts to write it out. A crash loses at most
/// this much of the view; the checkpoint is lost with it, so the log fills it in again.
const FLUSH_EVERY_MS: u64 = 500;

/// sled gives up its lock on a thread of its own, a moment after the tree was dropped: how often,
/// and how long, one that is opened again is waited for.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Opens sled trees.
#[derive(Clone, Copy, Debug)]
pub struct Sled {
    /// Size of a tree's page cache in bytes.
    pub cache_bytes: u64,
}

#[derive(Debug)]
struct Tree {
    db: sled::Db,
    path: PathBuf,
}

impl Engines for Sled {
    fn name(&self) -> &'static str {
        "sled"
    }

    /// sled panics on some damaged files; that is damage too.
    fn open(&self, path: &Path) -> Result<Box<dyn Engine>, Error> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(self.cache_bytes)
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
            .map_err(|_panic| Error::damaged(path, "sled panicked while opening it"))?
            .map_err(|error| failed(path, &error))?;
        let path = path.to_owned();
        Ok(Box::new(Tree { db, path }))
    }
}

impl Tree {
    /// Runs one operation of sled; its errors and its panics are damage.
    fn guard<T>(&self, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
        match catch_unwind(AssertUnwindSafe(operation)) {
            Ok(result) => result.map_err(|error| failed(&self.path, &error)),
            Err(_panic) => Err(Error::damaged(&self.path, "sled panicked")),
        }
    }
}

impl Engine for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = self.guard(|| self.db.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Entries<'_> {
        if is_empty(start, end) {
            return Box::new(std::iter::empty());
        }
        Box::new(Range {
            tree: self,
            entries: self.db.range::<&[u8], _>((start, end)),
            ended: false,
        })
    }

    /// sled holds a lock of the whole process meanwhile: keep batches small.
    fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let mut writes = sled::Batch::default();
        for Write { key, value } in batch {
            match value {
                Some(value) => writes.insert(key, value),
                None => writes.remove(key),
            }
        }
        self.guard(|| self.db.apply_batch(writes))
    }

    fn load(&self, sorted: Vec<Write>) -> Result<(), Error> {
        for Write { key, value } in sorted {
            match value {
                Some(value) => self.guard(|| self.db.insert(key, value))?,
                None => self.guard(|| self.db.remove(key))?,
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        self.guard(|| self.db.flush()).map(|_bytes| ())
    }
}

/// A range that ends at its first error.
struct Range<'a> {
    tree: &'a Tree,
    entries: sled::Iter,
    ended: bool,
}

impl Range<'_> {
    fn step(
        &mut self,
        next: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Option<Result<Entry, Error>> {
        if self.ended {
            return None;
        }
        let entries = &mut self.entries;
        let entry = self.tree.guard(|| next(entries).transpose()).transpose()?;
        self.ended = entry.is_err();
        Some(entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }
}

impl Iterator for Range<'_> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

/// What an error of sled means. A full disk is not damage: setting the view aside would not help,
/// and building another would fail as well.
fn failed(path: &Path, error: &sled::Error) -> Error {
    match error {
        error if is_locked(error) => Error::in_use(path),
        sled::Error::Io(error) if Error::is_of_the_machine(error.kind()) => {
            let cause = io::Error::new(error.kind(), error.to_string());
            Error::io("read or write", path)(cause)
        }
        error => Error::damaged(path, &error.to_string()),
    }
}

/// Whether another handle holds sled's lock. sled has no other sign of it.
fn is_locked(error: &sled::Error) -> bool {
    let lock = "could not acquire lock";
    matches!(error, sled::Error::Io(error) if error.to_string().contains(lock))
}
