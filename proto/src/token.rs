//! The consistency token: "show me at least this".

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Which log, and how far in it. Opaque to callers: base64url of a version byte, the log's identity,
/// 12 bytes for each partition, and a CRC-32C over all of it. It grants nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyToken {
    /// The log.
    pub identity: [u8; 16],
    /// The sequence reached, by partition.
    pub positions: BTreeMap<u32, u64>,
}

/// A text that is no token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token")]
pub struct InvalidToken;

const VERSION: u8 = 1;
/// No log has more partitions.
const MAX_PARTITIONS: usize = 1024;

impl ConsistencyToken {
    /// A token for one position.
    #[must_use]
    pub fn new(identity: [u8; 16], partition: u32, sequence: u64) -> Self {
        Self {
            identity,
            positions: [(partition, sequence)].into(),
        }
    }
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.identity);
        for (partition, sequence) in &self.positions {
            bytes.extend_from_slice(&partition.to_be_bytes());
            bytes.extend_from_slice(&sequence.to_be_bytes());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for ConsistencyToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        if text.len() > (MAX_PARTITIONS + 2) * 16 {
            return Err(InvalidToken);
        }
        parse(text).ok_or(InvalidToken)
    }
}

fn parse(text: &str) -> Option<ConsistencyToken> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (&version, rest) = body.split_first()?;
    let (&identity, rest) = rest.split_first_chunk::<16>()?;
    if version != VERSION || rest.len() % 12 != 0 {
        return None;
    }
    let mut positions = BTreeMap::new();
    for position in rest.chunks_exact(12) {
        let (partition, sequence) = position.split_first_chunk::<4>()?;
        let (sequence, _) = sequence.split_first_chunk::<8>()?;
        positions.insert(
            u32::from_be_bytes(*partition),
            u64::from_be_bytes(*sequence),
        );
    }
    Some(ConsistencyToken {
        identity,
        positions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = ConsistencyToken {
            identity: [7; 16],
            positions: [(0, 9), (3, 1)].into(),
        };
        assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = ConsistencyToken::new([7; 16], 0, 9).to_string();
        let mut forged = good.clone().into_bytes();
        forged[5] = if forged[5] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        for text in ["", "x", "////", &good[1..], &forged, &"A".repeat(1 << 20)] {
            assert_eq!(text.parse::<ConsistencyToken>(), Err(InvalidToken));
        }
    }
}
