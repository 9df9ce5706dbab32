//! How far a generation was folded, and over which log.

use std::collections::BTreeMap;

use crate::Digest;

/// Up to where a generation was folded. It stands in the same batch as the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the fold that made the data; another number makes other keys of the same log.
    pub fold: u32,
    /// The log that was folded.
    pub identity: [u8; 16],
    /// Digest of all data; set by the generation when it writes.
    pub digest: Digest,
    /// The last commit folded, by partition.
    pub partitions: BTreeMap<u32, Mark>,
}

/// The last commit folded of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its sequence.
    pub sequence: u64,
    /// Its commit id: the log must still hold this commit at this sequence.
    pub commit_id: [u8; 16],
    /// When it was recorded, in microseconds since 1970.
    pub record_time: i64,
}

const VERSION: u8 = 2;
const MARK: usize = 4 + 8 + 16 + 8;

impl Checkpoint {
    /// Nothing folded yet.
    #[must_use]
    pub fn start(fold: u32, identity: [u8; 16]) -> Self {
        Self {
            fold,
            identity,
            ..Self::default()
        }
    }

    /// The stored form: a version byte, the fold, the identity, the digest, 36 bytes for each
    /// partition.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.fold.to_be_bytes());
        bytes.extend_from_slice(&self.identity);
        bytes.extend_from_slice(&self.digest.to_bytes());
        for (partition, mark) in &self.partitions {
            bytes.extend_from_slice(&partition.to_be_bytes());
            bytes.extend_from_slice(&mark.sequence.to_be_bytes());
            bytes.extend_from_slice(&mark.commit_id);
            bytes.extend_from_slice(&mark.record_time.to_be_bytes());
        }
        bytes
    }

    /// Reads the stored form; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (fold, rest) = rest.split_first_chunk::<4>()?;
        let (&identity, rest) = rest.split_first_chunk::<16>()?;
        let (&digest, rest) = rest.split_first_chunk::<16>()?;
        if version != VERSION || rest.len() % MARK != 0 {
            return None;
        }
        let mut partitions = BTreeMap::new();
        for mark in rest.chunks_exact(MARK) {
            let (partition, mark) = mark.split_first_chunk::<4>()?;
            let (sequence, mark) = mark.split_first_chunk::<8>()?;
            let (&commit_id, mark) = mark.split_first_chunk::<16>()?;
            let (record_time, _) = mark.split_first_chunk::<8>()?;
            let mark = Mark {
                sequence: u64::from_be_bytes(*sequence),
                commit_id,
                record_time: i64::from_be_bytes(*record_time),
            };
            partitions.insert(u32::from_be_bytes(*partition), mark);
        }
        Some(Self {
            fold: u32::from_be_bytes(*fold),
            identity,
            digest: Digest::from_bytes(digest),
            partitions,
        })
    }

    /// The sequence reached in every partition that was seen.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<u32, u64> {
        self.partitions
            .iter()
            .map(|(&partition, mark)| (partition, mark.sequence))
            .collect()
    }

    /// When the newest commit folded was recorded; 0 before the first.
    #[must_use]
    pub fn record_time(&self) -> i64 {
        let times = self.partitions.values().map(|mark| mark.record_time);
        times.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_its_stored_form() {
        let mark = Mark {
            sequence: 7,
            commit_id: [3; 16],
            record_time: 99,
        };
        let checkpoint = Checkpoint {
            fold: 4,
            identity: [9; 16],
            digest: Digest::of(b"a", b"b"),
            partitions: [(0, mark), (5, mark)].into(),
        };
        assert_eq!(Checkpoint::decode(&checkpoint.encode()), Some(checkpoint));
        assert_eq!(Checkpoint::decode(b""), None);
        assert_eq!(Checkpoint::decode(&[2; 40]), None);
    }
}
