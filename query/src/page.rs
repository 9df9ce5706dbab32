//! Pages: how many, and from where on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

const DEFAULT_SIZE: usize = 50;
const MAX_SIZE: usize = 1_000;
const VERSION: u8 = 1;
/// No token is longer: a sort key, an order id, a hash, a checksum.
const MAX_TOKEN: usize = 256;

/// Items per page: 50 when nothing was said, never more than 1,000.
pub(crate) fn size(asked: i32) -> Result<usize, Failure> {
    match usize::try_from(asked) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_negative) => Err(Failure::field("page_size", "0 or more")),
    }
}

/// Where the page before ended. It grants nothing, and every replica reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Sort key of the last item.
    pub(crate) key: i64,
    /// Its order id.
    pub(crate) id: String,
}

/// Hash of what must be the same on every page.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> [u8; 8] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut short = [0; 8];
    short.copy_from_slice(&hash[..8]);
    short
}

impl Cursor {
    pub(crate) fn encode(&self, fingerprint: [u8; 8]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&fingerprint);
        bytes.extend_from_slice(&self.key.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for the first page.
    pub(crate) fn decode(token: &str, fingerprint: [u8; 8]) -> Result<Option<Self>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = |rule| Failure::invalid("PAGE_TOKEN_INVALID", "page_token", rule);
        let (found, cursor) = Some(token)
            .filter(|token| token.len() <= MAX_TOKEN)
            .and_then(parse)
            .ok_or_else(|| refused("the next_page_token of the page before"))?;
        if found != fingerprint {
            return Err(refused("used with the same filter and order_by"));
        }
        Ok(Some(cursor))
    }
}

fn parse(token: &str) -> Option<([u8; 8], Cursor)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (&version, rest) = body.split_first()?;
    let (&fingerprint, rest) = rest.split_first_chunk::<8>()?;
    let (key, id) = rest.split_first_chunk::<8>()?;
    let id = String::from_utf8(id.to_vec()).ok()?;
    let cursor = Cursor {
        key: i64::from_be_bytes(*key),
        id,
    };
    (version == VERSION).then_some((fingerprint, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_token() {
        let cursor = Cursor {
            key: -5,
            id: "order-1".to_owned(),
        };
        let token = cursor.encode([1; 8]);
        assert_eq!(Cursor::decode(&token, [1; 8]).expect("valid"), Some(cursor));
        assert!(Cursor::decode(&token, [2; 8]).is_err());
        assert!(Cursor::decode(&token[1..], [1; 8]).is_err());
        assert!(Cursor::decode(&"A".repeat(1 << 20), [1; 8]).is_err());
        assert_eq!(Cursor::decode("", [1; 8]).expect("first page"), None);
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(size(0).expect("default"), 50);
        assert_eq!(size(1_000_000_000).expect("coerced"), 1_000);
        assert!(size(-1).is_err());
    }
}
