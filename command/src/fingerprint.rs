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

#[cfg(test)]
mod tests {
    use event_store::KeyId;
    use order::value::Timestamp;
    use proto::v1;

    use super::*;
    use crate::parse;

    fn canonical(change: impl FnOnce(&mut v1::HoldOrderRequest)) -> Vec<u8> {
        let mut request = v1::HoldOrderRequest {
            order_id: "o1".into(),
            context: Some(v1::CommandContext {
                request_id: "r".into(),
                ..Default::default()
            }),
            hold_reason: v1::HoldReason::Address.into(),
        };
        change(&mut request);
        parse::request(request, Timestamp::MAX)
            .map_err(|_refused| ())
            .expect("valid")
            .canonical
    }

    /// Stored for ever: a request of today must be recognised by every later version.
    #[test]
    fn the_hashed_bytes_are_frozen() {
        let expected = b"/orders.v1.OrderCommandService/HoldOrder\0\x0a\x02o1\x12\x00\x18\x02";
        assert_eq!(canonical(|_| ()), expected);
    }

    #[test]
    fn what_a_retry_may_change_is_left_out() {
        let context = |request: &mut v1::HoldOrderRequest| {
            let context = request.context.as_mut().expect("context");
            context.request_id = "another".into();
            context.expected_version = Some(7);
            context.validate_only = true;
        };
        assert_eq!(canonical(context), canonical(|_| ()));
        assert_ne!(canonical(|it| it.hold_reason = 1), canonical(|_| ()));
        assert_ne!(canonical(|it| it.order_id = "o2".into()), canonical(|_| ()));
    }

    #[test]
    fn a_keyed_fingerprint_is_hmac_sha_256_under_the_whole_key() {
        let key = DataKey::from_parts(KeyId([0; 16]), [7; 32]);
        let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length");
        mac.update(b"request");
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(keyed(b"request", &key), expected);
    }
}
