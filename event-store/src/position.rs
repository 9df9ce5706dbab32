//! Where a record lies, and how far a reader has come.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CommitId, Record};

/// Number of a partition, from 0. A log with one partition has only partition 0.
pub type Partition = u32;

/// Where one record lies: the partition, and the sequence within it.
///
/// Sequences start at 1, only grow, and order the records of one partition totally; they need not
/// be consecutive. Positions of different partitions say nothing about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The partition that holds the record.
    pub partition: Partition,
    /// The record's sequence within the partition, at least 1.
    pub sequence: u64,
}

impl Position {
    /// The position `sequence` of `partition`.
    #[must_use]
    pub const fn new(partition: Partition, sequence: u64) -> Self {
        Self {
            partition,
            sequence,
        }
    }
}

/// Prints `partition:sequence`, for example `0:1742`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.sequence)
    }
}

/// How far a reader has come: for each partition the sequence of the last record seen.
///
/// A partition that is not listed stands at 0, before its first record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Positions(BTreeMap<Partition, u64>);

impl Positions {
    /// Before the first record of every partition.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// The sequence reached in `partition`; 0 when nothing of it was seen.
    #[must_use]
    pub fn sequence(&self, partition: Partition) -> u64 {
        self.0.get(&partition).copied().unwrap_or(0)
    }

    /// Moves forward to `position`; an older position changes nothing.
    pub fn advance(&mut self, position: Position) {
        let reached = self.0.entry(position.partition).or_insert(0);
        *reached = (*reached).max(position.sequence);
    }

    /// Whether the record at `position` was seen.
    #[must_use]
    pub fn covers(&self, position: Position) -> bool {
        self.sequence(position.partition) >= position.sequence
    }

    /// Whether everything that `other` saw was seen.
    #[must_use]
    pub fn covers_all(&self, other: &Self) -> bool {
        other.iter().all(|position| self.covers(position))
    }

    /// The listed partitions in order, each with its sequence.
    pub fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        self.0.iter().map(|(&partition, &sequence)| Position {
            partition,
            sequence,
        })
    }

    /// Records between `self` and `head`, when sequences are consecutive; an upper bound otherwise.
    #[must_use]
    pub fn distance_to(&self, head: &Self) -> u64 {
        head.iter()
            .map(|p| p.sequence.saturating_sub(self.sequence(p.partition)))
            .sum()
    }
}

impl FromIterator<Position> for Positions {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Self {
        let mut reached = Self::default();
        for position in positions {
            reached.advance(position);
        }
        reached
    }
}

impl From<Position> for Positions {
    fn from(position: Position) -> Self {
        Self::from_iter([position])
    }
}

/// Prints `0:1742,1:9`; `0:0` for the start.
impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0:0");
        }
        for (index, position) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{position}")?;
        }
        Ok(())
    }
}

/// Where a reader goes on: for each partition the last record that it read, by position and commit
/// id.
///
/// The commit id is the fence. A log that was rolled back and has grown again holds a record at the
/// same position, but not the same record. A partition that is not listed begins at its first
/// record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bookmark(BTreeMap<Partition, (u64, CommitId)>);

impl Bookmark {
    /// Before the first record of every partition.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// Moves to a record that was read; one before the record already reached changes nothing.
    pub fn advance(&mut self, position: Position, commit_id: CommitId) {
        if self.sequence(position.partition) < position.sequence {
            let last = (position.sequence, commit_id);
            self.0.insert(position.partition, last);
        }
    }

    /// The sequence reached in `partition`; 0 before its first record.
    #[must_use]
    pub fn sequence(&self, partition: Partition) -> u64 {
        self.0.get(&partition).map_or(0, |(sequence, _)| *sequence)
    }

    /// The commit that the log must hold at [`sequence`](Self::sequence); `None` before the first
    /// record.
    #[must_use]
    pub fn commit_id(&self, partition: Partition) -> Option<CommitId> {
        self.0.get(&partition).map(|(_, commit_id)| *commit_id)
    }

    /// The listed partitions in order, each with its position and commit id.
    pub fn iter(&self) -> impl Iterator<Item = (Position, CommitId)> + '_ {
        self.0
            .iter()
            .map(|(&partition, &(sequence, id))| (Position::new(partition, sequence), id))
    }

    /// The same without commit ids.
    #[must_use]
    pub fn positions(&self) -> Positions {
        self.iter().map(|(position, _)| position).collect()
    }
}

impl FromIterator<(Position, CommitId)> for Bookmark {
    fn from_iter<I: IntoIterator<Item = (Position, CommitId)>>(records: I) -> Self {
        let mut bookmark = Self::start();
        for (position, commit_id) in records {
            bookmark.advance(position, commit_id);
        }
        bookmark
    }
}

impl<'a> FromIterator<&'a Record> for Bookmark {
    fn from_iter<I: IntoIterator<Item = &'a Record>>(records: I) -> Self {
        records
            .into_iter()
            .map(|record| (record.position, record.commit_id))
            .collect()
    }
}

/// A stretch of time in which the log is known not to have changed under this process.
///
/// What a process remembers of the log is good for an append only in the epoch in which it was read.
/// Epochs are counted by each open log for itself, from 1; a number says nothing to another process.
/// No log is ever in the default epoch, 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Which log this is: 16 random bytes made with the log and stored in it.
///
/// A log that was deleted and made again is another log, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogIdentity(pub [u8; 16]);

/// Prints 32 hexadecimal digits.
impl fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogIdentity({self})")
    }
}

/// The end of the log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log was asked.
    pub identity: LogIdentity,
    /// The last sequence of every partition; 0 for one that is empty.
    pub last: Positions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_only_move_forward() {
        let mut positions = Positions::start();
        positions.advance(Position::new(0, 7));
        positions.advance(Position::new(0, 3));
        assert_eq!(positions.sequence(0), 7);
        assert!(positions.covers(Position::new(0, 7)));
        assert!(!positions.covers(Position::new(0, 8)));
        assert!(!positions.covers(Position::new(1, 1)));
    }

    #[test]
    fn a_bookmark_only_moves_forward() {
        let mut bookmark = Bookmark::start();
        bookmark.advance(Position::new(0, 7), CommitId([7; 16]));
        bookmark.advance(Position::new(0, 3), CommitId([3; 16]));
        assert_eq!(bookmark.sequence(0), 7);
        assert_eq!(bookmark.commit_id(0), Some(CommitId([7; 16])));
        assert_eq!(bookmark.commit_id(1), None);
        assert_eq!(bookmark.positions(), Position::new(0, 7).into());
    }

    #[test]
    fn distance_adds_up_over_partitions() {
        let at = Positions::from_iter([Position::new(0, 2)]);
        let head = Positions::from_iter([Position::new(0, 5), Position::new(1, 4)]);
        assert_eq!(at.distance_to(&head), 7);
        assert_eq!(head.distance_to(&at), 0);
    }
}
