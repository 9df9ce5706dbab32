//! A number for all keys and values of a view, which does not depend on how it came about.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::keys;

/// The sum, modulo 2^128, over all keys and values of the first 128 bits of SHA-256 over key and
/// value, each after its length. A writer adds what it writes and subtracts what it replaces.
///
/// Two views with the same digest hold the same keys and values. It guards against accidents, not
/// against somebody who chooses values.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// That of nothing.
    pub const EMPTY: Self = Self(0);

    /// That of one key and its value.
    #[must_use]
    pub fn of(key: &[u8], value: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [key, value] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (first, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        Self(u128::from_be_bytes(*first))
    }

    /// That of both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// That of what is left without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// Whether the digest covers a key: not the checkpoint and not the parked orders, which say how a
/// view came about and not what it shows.
#[must_use]
pub fn is_covered(key: &[u8]) -> bool {
    key != keys::CHECKPOINT && key.first() != Some(&keys::PARKED)
}

/// Prints 32 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_one_key_is_stored_and_never_changes() {
        let digest = Digest::of(b"key", b"value");
        assert_eq!(digest.to_string(), "9ab483f9276b2ed15fa8040ddbbfe56e");
    }

    #[test]
    fn what_is_taken_away_leaves_what_was_there_in_any_order() {
        let (a, b, c) = (
            Digest::of(b"a", b"1"),
            Digest::of(b"b", b"2"),
            Digest::of(b"c", b"3"),
        );
        assert_eq!(a.and(b).and(c).without(b), c.and(a));
        assert_eq!(a.without(a), Digest::EMPTY);
    }

    #[test]
    fn a_byte_that_moves_from_key_to_value_makes_another_digest() {
        assert_ne!(Digest::of(b"ab", b"c"), Digest::of(b"a", b"bc"));
    }
}
