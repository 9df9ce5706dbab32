//! `log.head`: the end of the log, noted beside it.
//!
//! SQLite recovers its write-ahead log up to the first frame that is not intact. A flip there, after
//! a crash, drops acknowledged commits, and the file that is left looks like one that was closed in
//! good order. So the end is noted in a file of its own before a group is acknowledged: without a
//! flush, for it must survive the death of the process, not a power cut.
//!
//! ```text
//!   log.head = sequence (8, little-endian)  commit id (16)  CRC-32C of both (4)
//! ```

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::file::OpenError;
use crate::CommitId;

const BYTES: usize = 28;

/// The last commit that was acknowledged, or was about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) sequence: u64,
    pub(super) commit_id: CommitId,
}

/// The open file.
pub(super) struct HeadFile {
    path: PathBuf,
    file: File,
    /// Whether the last write failed: that is said once.
    failing: bool,
}

impl HeadFile {
    /// Opens the file, and makes it when there is none. The note is `None` in a new file, and in one
    /// that a power cut left torn.
    pub(super) fn open(directory: &Path) -> Result<(Self, Option<Note>), OpenError> {
        let path = path(directory);
        let failed = |error: std::io::Error| OpenError::Io {
            path: path.clone(),
            cause: error.to_string(),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let note = decode(&bytes);
        if note.is_none() && !bytes.is_empty() {
            tracing::warn!(
                file = %path.display(),
                "the note of the log's end is torn; a loss at the last stop would not be noticed"
            );
        }
        let file = Self {
            path,
            file,
            failing: false,
        };
        Ok((file, note))
    }

    /// Writes the note. The commits are durable already: a failure weakens a check, no promise.
    pub(super) fn write(&mut self, note: Note) {
        let written = self.file.write_all_at(&encode(note), 0);
        if let Err(error) = &written
            && !self.failing
        {
            tracing::warn!(file = %self.path.display(), %error, "the log's end was not noted");
        }
        self.failing = written.is_err();
    }
}

/// What the file says, without opening the log.
pub(super) fn peek(directory: &Path) -> Option<Note> {
    decode(&std::fs::read(path(directory)).ok()?)
}

fn path(directory: &Path) -> PathBuf {
    directory.join("log.head")
}

fn encode(note: Note) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&note.sequence.to_le_bytes());
    bytes[8..24].copy_from_slice(&note.commit_id.0);
    let crc = crc32c::crc32c(&bytes[..24]);
    bytes[24..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Note> {
    let (sequence, rest) = bytes.split_first_chunk::<8>()?;
    let (commit_id, crc) = rest.split_first_chunk::<16>()?;
    let is_intact = crc == crc32c::crc32c(bytes.get(..24)?).to_le_bytes();
    is_intact.then_some(Note {
        sequence: u64::from_le_bytes(*sequence),
        commit_id: CommitId(*commit_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_survives_and_a_torn_one_does_not_count() {
        let note = Note {
            sequence: 4_711,
            commit_id: CommitId([7; 16]),
        };
        let bytes = encode(note);
        assert_eq!(decode(&bytes), Some(note));
        for at in 0..BYTES {
            let mut torn = bytes;
            torn[at] ^= 1;
            assert_eq!(decode(&torn), None, "byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "{at} bytes");
        }
    }
}
