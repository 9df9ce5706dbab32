//! Data keys: one per stream that holds personal data, and what they seal.
//!
//! Personal data never stands in the log as it is. It is sealed with a key of the stream's own,
//! kept apart from the log; once the key is destroyed, log, views, exports and backups hold only
//! noise, and nothing had to be rewritten.

use std::fmt;

use async_trait::async_trait;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::StreamId;

mod cached;
mod embedded;
mod memory;

pub use cached::CachedKeys;
pub use embedded::EmbeddedKeys;
pub use memory::MemoryKeys;

/// Identity of a data key: 16 random bytes. It stands in the log; it is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 16]);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A data key: 32 secret bytes, wiped from memory when dropped and absent from `Debug`.
#[derive(Clone)]
pub struct DataKey {
    /// Identity of the key.
    pub id: KeyId,
    secret: Zeroizing<[u8; 32]>,
}

/// One sealed value: XChaCha20-Poly1305 over the plaintext.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sealed {
    /// The key that opens it.
    pub key_id: KeyId,
    /// 24 random bytes.
    pub nonce: [u8; 24],
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

/// What a key store knows of a stream.
#[derive(Clone, Debug)]
pub enum KeyState {
    /// The stream never sealed anything.
    Absent,
    /// The key is there.
    Live(DataKey),
    /// The key was destroyed; what it sealed is unreadable for ever.
    Erased,
}

/// Why a key operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key store is out of reach; try again later.
    #[error("the key store is out of reach: {cause}")]
    Unavailable {
        /// Why it cannot be reached.
        cause: String,
    },
    /// There is no room for another key. Nothing was stored; an operator must make room.
    #[error("the key store is full: {cause}")]
    Full {
        /// What it said.
        cause: String,
    },
    /// The sealed bytes are not those that this key sealed for this place.
    #[error("the sealed value does not open with its key")]
    NotOpened,
}

/// Holds the data keys of streams, apart from the log.
///
/// * [`create`](KeyStore::create) is durable before it returns, and idempotent: of racing callers
///   one makes the key and all get that one.
/// * After [`erase`](KeyStore::erase) returned, no read gives the key, also after a restart; the
///   bytes of the key are gone from the store's own files. Erasing twice, and erasing what never
///   was, succeed.
/// * An erased stream never gets a key again: `create` answers [`KeyState::Erased`].
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The key of a stream, made now if there is none.
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError>;

    /// The key of a stream, if there is one.
    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError>;

    /// Destroys the key of a stream, and confirms it.
    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError>;
}

impl DataKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            id: KeyId(rand::random()),
            secret: Zeroizing::new(rand::random()),
        }
    }

    /// A key read back from a store.
    #[must_use]
    pub fn from_parts(id: KeyId, secret: [u8; 32]) -> Self {
        Self {
            id,
            secret: Zeroizing::new(secret),
        }
    }

    /// The secret bytes, for stores and for keyed hashes.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Seals a value for one place: the stream and the name of the group of fields. The place is
    /// authenticated, so a sealed value moved elsewhere does not open.
    ///
    /// # Errors
    /// [`KeyError::NotOpened`] when the value is too large for the cipher (2^38 bytes).
    pub fn seal(&self, stream: &str, group: &str, plain: &[u8]) -> Result<Sealed, KeyError> {
        let nonce: [u8; 24] = rand::random();
        let aad = associated_data(stream, group);
        let ciphertext = self
            .cipher()
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            .map_err(|_opaque| KeyError::NotOpened)?;
        Ok(Sealed {
            key_id: self.id,
            nonce,
            ciphertext,
        })
    }

    /// Opens what [`seal`](Self::seal) sealed for the same place.
    ///
    /// # Errors
    /// [`KeyError::NotOpened`] when the key, the place or the bytes are others.
    pub fn open(&self, stream: &str, group: &str, sealed: &Sealed) -> Result<Vec<u8>, KeyError> {
        let aad = associated_data(stream, group);
        self.cipher()
            .decrypt(
                &XNonce::from(sealed.nonce),
                Payload {
                    msg: &sealed.ciphertext,
                    aad: &aad,
                },
            )
            .map_err(|_opaque| KeyError::NotOpened)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.secret().into())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn associated_data(stream: &str, group: &str) -> Vec<u8> {
    [stream.as_bytes(), &[0], group.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let key = DataKey::generate();
        let sealed = key.seal("o1", "customer", b"Ada").expect("sealed");
        assert_eq!(key.open("o1", "customer", &sealed), Ok(b"Ada".to_vec()));
        assert_eq!(
            key.open("o2", "customer", &sealed),
            Err(KeyError::NotOpened)
        );
        assert_eq!(key.open("o1", "address", &sealed), Err(KeyError::NotOpened));
        assert_eq!(
            DataKey::generate().open("o1", "customer", &sealed),
            Err(KeyError::NotOpened)
        );
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let key = DataKey::from_parts(KeyId([1; 16]), [0xab; 32]);
        assert!(!format!("{key:?}").contains("171"));
    }
}
