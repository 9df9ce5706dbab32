//! Tells whether two requests with one request id are the same request.

use event_store::DataKey;
use hmac::digest::common::Key;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a canonical request.
pub(crate) fn plain(canonical: &[u8]) -> [u8; 32] {
    Sha256::digest(canonical).into()
}

/// HMAC-SHA-256 of a canonical request that holds personal data, under the order's key: a plain
/// hash of a name could be guessed, and would outlive the name's erasure.
pub(crate) fn keyed(canonical: &[u8], key: &DataKey) -> [u8; 32] {
    // A key shorter than the hash's block is padded with zeros by definition.
    let mut block = Key::<Hmac<Sha256>>::default();
    for (padded, byte) in block.iter_mut().zip(key.secret()) {
        *padded = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block);
    mac.update(canonical);
    mac.finalize().into_bytes().into()
}
