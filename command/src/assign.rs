//! Ids of orders whose caller did not choose one.
//!
//! No table reserves them: an id is taken when the log refuses the first commit of its stream, and
//! then the next candidate is tried.

use order::value::{OrderId, RequestId, Timestamp};
use sha2::{Digest as _, Sha256};

/// Without look-alikes, and in ASCII order, so that ids sort as the numbers they spell.
const ALPHABET: &[u8; 31] = b"12345679BCDEFGHJKLMNPQRSTUVWXYZ";
/// Symbols of an assigned id.
const SYMBOLS: u32 = 14;
/// Symbols that say the seconds since 1970; good until the year 2841.
const TIME_SYMBOLS: u32 = 7;
const BASE: u128 = ALPHABET.len() as u128;

/// The id of a request that can be repeated: always the same for the same candidate number.
pub(crate) fn of_request(principal: &str, request_id: &RequestId, candidate: u8) -> OrderId {
    let digest = Sha256::new()
        .chain_update(principal)
        .chain_update([0])
        .chain_update(request_id.as_str())
        .chain_update([0, candidate])
        .finalize();
    let modulus = BASE.pow(SYMBOLS);
    let number = digest.iter().fold(0, |number, byte| {
        (number * 256 + u128::from(*byte)) % modulus
    });
    spell(number)
}

/// An id that sorts by age: seconds, then chance.
pub(crate) fn at(now: Timestamp, random: u128) -> OrderId {
    let half = BASE.pow(TIME_SYMBOLS);
    let seconds = u128::from(now.micros().unsigned_abs() / 1_000_000) % half;
    spell(seconds * half + random % half)
}

fn spell(number: u128) -> OrderId {
    let text: String = (0..SYMBOLS)
        .rev()
        .filter_map(|place| usize::try_from(number / BASE.pow(place) % BASE).ok())
        .filter_map(|digit| ALPHABET.get(digit))
        .map(|symbol| char::from(*symbol))
        .collect();
    OrderId::new(&text).expect("fourteen letters and digits are an order id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_always_meets_the_same_id() {
        let request_id = RequestId::new("req-1").expect("valid");
        let id = of_request("anonymous", &request_id, 0);
        assert_eq!(id.as_str(), "UT9MUZCS76QKWM");
        assert_ne!(of_request("anonymous", &request_id, 1), id);
        assert_ne!(of_request("somebody", &request_id, 0), id);
    }

    #[test]
    fn ids_without_a_request_sort_by_age() {
        let at = |seconds: i64, random| at(Timestamp::from_micros(seconds * 1_000_000), random);
        assert!(at(1_700_000_000, u128::MAX) < at(1_700_000_001, 0));
        assert_eq!(at(1_700_000_000, 5).as_str().len(), 14);
        assert_ne!(at(1_700_000_000, 5), at(1_700_000_000, 6));
    }
}
