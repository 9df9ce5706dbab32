//! Writes being collected, each key once.

use std::collections::BTreeMap;

use crate::Digest;
use crate::engine::Write;

/// What a generation holds under a key before the change, as far as the writer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Old {
    /// Not known: the generation looks.
    Unread,
    /// Nothing.
    Absent,
    /// This value.
    Value(Vec<u8>),
    /// A value with this digest of key and value.
    Hashed(Digest),
}

/// Keys to write and to delete, in order, each once, with what they replace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    keys: BTreeMap<Vec<u8>, Change>,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) old: Old,
    pub(crate) value: Option<Vec<u8>>,
    /// Digest of key and value, where the writer has it already.
    pub(crate) digest: Option<Digest>,
}

impl Changes {
    /// Writes a key (`Some`) or deletes it (`None`). Of several changes of a key the first says what
    /// it replaces, and the last what it holds.
    pub fn set(&mut self, key: Vec<u8>, old: Old, value: Option<Vec<u8>>) {
        self.put(key, old, value, None);
    }

    /// Writes a key whose digest with its value is known.
    pub fn set_hashed(&mut self, key: Vec<u8>, old: Old, value: Vec<u8>, digest: Digest) {
        self.put(key, old, Some(value), Some(digest));
    }

    fn put(&mut self, key: Vec<u8>, old: Old, value: Option<Vec<u8>>, digest: Option<Digest>) {
        let (whole, new) = (key.len(), value.as_ref().map_or(0, Vec::len));
        match self.keys.entry(key) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                self.bytes = self.bytes.saturating_add(whole).saturating_add(new);
                entry.insert(Change { old, value, digest });
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let change = entry.get_mut();
                let replaced = change.value.as_ref().map_or(0, Vec::len);
                self.bytes = self.bytes.saturating_sub(replaced).saturating_add(new);
                change.value = value;
                change.digest = digest;
            }
        }
    }

    /// What is known of a key: `None` nothing, `Some(None)` that it is deleted.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.keys.get(key).map(|change| change.value.as_deref())
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

    pub(crate) fn into_keys(self) -> impl Iterator<Item = (Vec<u8>, Change)> {
        self.keys.into_iter()
    }

    /// The writes alone, sorted.
    pub(crate) fn into_writes(self) -> impl Iterator<Item = Write> {
        self.keys.into_iter().map(|(key, change)| Write {
            key,
            value: change.value,
        })
    }
}
