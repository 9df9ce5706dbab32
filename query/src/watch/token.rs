//! The resume token: where in which log a watch goes on, and with which filter.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event_store::{Bookmark, CommitId, Position};

/// Opaque to callers: base64url of a version byte, the log's identity, a hash of the filter, 28 bytes
/// for each partition, and a CRC-32C over all of it. It grants nothing, and every node reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResumeToken {
    pub(super) identity: [u8; 16],
    pub(super) filter: [u8; 8],
    /// After these commits.
    pub(super) bookmark: Bookmark,
}

const VERSION: u8 = 1;
/// No log has more partitions.
const MAX_PARTITIONS: usize = 1_024;
/// Of one partition: its number, the sequence, the commit id.
const MARK_BYTES: usize = 28;

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.identity);
        bytes.extend_from_slice(&self.filter);
        for (position, commit_id) in self.bookmark.iter() {
            bytes.extend_from_slice(&position.partition.to_be_bytes());
            bytes.extend_from_slice(&position.sequence.to_be_bytes());
            bytes.extend_from_slice(&commit_id.0);
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl ResumeToken {
    /// `None` for a text that is no token of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > (MAX_PARTITIONS + 2) * MARK_BYTES * 4 / 3 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let (&version, rest) = body.split_first()?;
        let (&identity, rest) = rest.split_first_chunk::<16>()?;
        let (&filter, rest) = rest.split_first_chunk::<8>()?;
        if version != VERSION || rest.len() % MARK_BYTES != 0 {
            return None;
        }
        let marks = rest.chunks_exact(MARK_BYTES).map(mark);
        Some(Self {
            identity,
            filter,
            bookmark: marks.collect::<Option<_>>()?,
        })
    }
}

fn mark(bytes: &[u8]) -> Option<(Position, CommitId)> {
    let (partition, rest) = bytes.split_first_chunk::<4>()?;
    let (sequence, commit_id) = rest.split_first_chunk::<8>()?;
    let position = Position::new(
        u32::from_be_bytes(*partition),
        u64::from_be_bytes(*sequence),
    );
    Some((position, CommitId(commit_id.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ResumeToken {
        let marks = [
            (Position::new(0, 9), CommitId([1; 16])),
            (Position::new(3, 1), CommitId([2; 16])),
        ];
        ResumeToken {
            identity: [7; 16],
            filter: [8; 8],
            bookmark: marks.into_iter().collect(),
        }
    }

    #[test]
    fn a_token_survives_its_text() {
        assert_eq!(ResumeToken::parse(&token().to_string()), Some(token()));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = token().to_string();
        let mut forged = good.clone().into_bytes();
        forged[5] = if forged[5] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        let long = "A".repeat(1 << 20);
        for text in ["", "x", "////", &good[1..], &forged, &long] {
            assert_eq!(ResumeToken::parse(text), None);
        }
    }
}
