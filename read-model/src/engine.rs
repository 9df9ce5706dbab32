//! The seam under the read model: an ordered map of bytes.

use std::fmt::Debug;
use std::ops::Bound;
use std::path::Path;

use crate::Error;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);
/// Entries in the order of their keys, from either end.
pub type Entries<'a> = Box<dyn DoubleEndedIterator<Item = Result<Entry, Error>> + 'a>;

/// One key to write (`Some`) or to delete (`None`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: Vec<u8>,
    /// Its new value.
    pub value: Option<Vec<u8>>,
}

/// An ordered map from bytes to bytes, with one writer and any number of readers.
///
/// Laws, each a function of [`contract`](crate::contract):
///
/// * **Kept.** What was written is read back, byte for byte, whatever the bytes; a key that was
///   never written or was deleted has no value.
/// * **Ordered.** A range yields its keys in ascending order of their bytes, from the back in
///   descending order, and nothing outside of its bounds.
/// * **Atomic.** [`apply`](Engine::apply) writes all of a batch. After a crash all of it is there or
///   nothing, and no later batch is there without it.
/// * **Alike.** [`load`](Engine::load) leaves what `apply` leaves. It is faster and not atomic.
/// * **Durable.** What was written before [`flush`](Engine::flush) returned is there when the same
///   directory is opened again. `memory` keeps nothing.
///
/// A range is not a snapshot: a writer may pass it. An engine that meets bytes which it did not
/// write answers [`Error::Damaged`], or wrong bytes: the layer above it checks every value.
pub trait Engine: Send + Sync + Debug {
    /// The value of a key.
    ///
    /// # Errors
    /// [`Error`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Keys and values between two bounds. Bounds that are crossed hold nothing.
    fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Entries<'_>;

    /// Writes a batch, each key once, whole.
    ///
    /// # Errors
    /// [`Error`]; nothing was written then.
    fn apply(&self, batch: Vec<Write>) -> Result<(), Error>;

    /// Writes keys in ascending order, each once, one by one.
    ///
    /// # Errors
    /// [`Error`]; some may have been written then.
    fn load(&self, sorted: Vec<Write>) -> Result<(), Error>;

    /// Waits until everything written is on disk.
    ///
    /// # Errors
    /// [`Error`].
    fn flush(&self) -> Result<(), Error>;
}

/// Opens engines of one kind.
pub trait Engines: Send + Sync + Debug + 'static {
    /// Its name in the names of directories: lower-case letters.
    fn name(&self) -> &'static str;

    /// Opens the engine in a directory, or makes one.
    ///
    /// # Errors
    /// [`Error`].
    fn open(&self, path: &Path) -> Result<Box<dyn Engine>, Error>;
}

/// Whether two bounds are crossed, so that nothing lies between them.
pub(crate) fn is_empty(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
    }
}
