//! What the log holds.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Epoch, Position};

/// Name of one stream: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
///
/// The alphabet is the last line of defence: whatever passes it can stand in a NATS subject, in a
/// path and in SQL without being read as anything but a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(Arc<str>);

/// A stream id outside of `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream id is 1 to 64 characters of A-Z a-z 0-9 _ -, the first a letter or digit")]
pub struct InvalidStreamId;

impl StreamId {
    /// Longest id, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Parses an id.
    ///
    /// # Errors
    /// [`InvalidStreamId`] for anything outside of the alphabet or the length.
    pub fn new(id: &str) -> Result<Self, InvalidStreamId> {
        let bytes = id.as_bytes();
        let plain = |b: &u8| b.is_ascii_alphanumeric();
        let valid = (1..=Self::MAX_LEN).contains(&bytes.len())
            && bytes.first().is_some_and(plain)
            && bytes.iter().all(|b| plain(b) || matches!(b, b'_' | b'-'));
        if valid {
            Ok(Self(id.into()))
        } else {
            Err(InvalidStreamId)
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition of this stream in a log of `partitions`: FNV-1a 32 of the id, mod N.
    #[must_use]
    pub fn partition(&self, partitions: u32) -> u32 {
        let hash = self.0.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash % partitions.max(1)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.0)
    }
}

/// Identity of one commit, chosen by the writer before the append: 16 bytes (a UUIDv7).
///
/// It is how a writer that lost the acknowledgement recognises its own record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub [u8; 16]);

/// Prints 32 hexadecimal digits.
impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({self})")
    }
}

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Identity of the commit; unique for ever.
    pub commit_id: CommitId,
    /// The stored bytes.
    pub payload: Bytes,
    /// A word for people who look into the log with its own tools, for example
    /// `OrderCreated,LineAdded*12,OrderPlaced`. Logs that have no place for it drop it; nothing
    /// reads it back.
    pub label: String,
}

/// A stored record. Copied into another log, it would keep everything but its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The stream that the record belongs to.
    pub stream: StreamId,
    /// Where the record lies.
    pub position: Position,
    /// Identity of the commit.
    pub commit_id: CommitId,
    /// The stored bytes, exactly as they were appended.
    pub payload: Bytes,
}

/// What a tail yields for one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The record there.
    Record(Record),
    /// No record can be read there, and none ever will: it is gone, or its bytes changed. It
    /// concerns the order that it belonged to, no other.
    Missing(Missing),
}

/// A position without a readable record; see [`Entry::Missing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where the record was.
    pub position: Position,
    /// The stream that it belonged to, where that is certain.
    pub stream: Option<StreamId>,
    /// What was found, as a fragment for people.
    pub cause: String,
}

impl Entry {
    /// The position that the entry stands for.
    #[must_use]
    pub const fn position(&self) -> Position {
        match self {
            Self::Record(record) => record.position,
            Self::Missing(missing) => missing.position,
        }
    }

    /// The record, unless it is missing.
    #[must_use]
    pub fn into_record(self) -> Option<Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::Missing(_) => None,
        }
    }
}

/// A part of one stream, oldest record first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSlice {
    /// The records, at most as many as were asked for.
    pub records: Vec<Record>,
    /// Whether the stream goes on after the last of them.
    pub more: bool,
    /// The epoch in which the read began: what an append that rests on this slice must name.
    pub epoch: Epoch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_are_refused() {
        let long = "a".repeat(65);
        for id in [
            "",
            "a.b",
            "*",
            ">",
            "../..",
            "a\0",
            "-a",
            "_a",
            "ä",
            "a b",
            long.as_str(),
        ] {
            assert!(StreamId::new(id).is_err(), "{id:?} passed");
        }
        for id in ["A", "536365", "a-b_c", &"9".repeat(64)] {
            assert!(StreamId::new(id).is_ok(), "{id:?} was refused");
        }
    }

    #[test]
    fn partition_is_fnv_1a() {
        let id = StreamId::new("foobar").expect("valid");
        assert_eq!(id.partition(u32::MAX), 0xbf9c_f968);
        assert_eq!(id.partition(1), 0);
    }
}
