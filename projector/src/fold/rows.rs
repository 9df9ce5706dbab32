//! Rows kept decoded, encoded once for many commits.

use std::num::NonZeroUsize;

use lru::LruCache;
use order::Order;
use order::value::Private;
use proto::row::Row;
use read_model::{Digest, Old, keys};

use super::Mode;

/// Rows kept decoded. An order is mostly changed again soon after it was created.
const CACHED_ROWS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// The rows used last.
pub(super) struct Rows {
    cache: LruCache<String, Cached>,
    /// Orders whose rows were folded since they were last encoded: several commits, one encoding.
    unwritten: Vec<String>,
}

struct Cached {
    row: Row,
    /// What the generation holds in its place.
    old: Old,
    written: bool,
}

/// The stored form of a row, and what it replaces.
pub(super) struct Written {
    pub(super) old: Old,
    pub(super) bytes: Vec<u8>,
    /// Known while live.
    pub(super) digest: Option<Digest>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            cache: LruCache::new(CACHED_ROWS),
            unwritten: Vec::new(),
        }
    }

    pub(super) fn contains(&self, order_id: &str) -> bool {
        self.cache.contains(order_id)
    }

    pub(super) fn get(&mut self, order_id: &str) -> Option<&Row> {
        self.cache.get(order_id).map(|cached| &cached.row)
    }

    /// How many were folded since they were last encoded.
    pub(super) const fn unwritten(&self) -> usize {
        self.unwritten.len()
    }

    /// Takes in a row as it is stored, or about to be. Answers the stored form of one that has to
    /// make room before it was written.
    pub(super) fn take_in(
        &mut self,
        order_id: &str,
        row: Row,
        key: &[u8],
        bytes: &[u8],
        mode: Mode,
    ) -> Option<(Vec<u8>, Written)> {
        let old = match mode {
            Mode::Live => Old::Hashed(Digest::of(key, bytes)),
            Mode::Build => Old::Unread,
        };
        let written = true;
        self.push(order_id, Cached { row, old, written }, mode)
    }

    /// Puts a row that was folded in the place of the one before it.
    pub(super) fn put(
        &mut self,
        order_id: &str,
        row: Row,
        mode: Mode,
    ) -> Option<(Vec<u8>, Written)> {
        match self.cache.get_mut(order_id) {
            Some(cached) => {
                cached.row = row;
                if cached.written {
                    cached.written = false;
                    self.unwritten.push(order_id.to_owned());
                }
                None
            }
            None => {
                self.unwritten.push(order_id.to_owned());
                let cached = Cached {
                    row,
                    old: Old::Absent,
                    written: false,
                };
                self.push(order_id, cached, mode)
            }
        }
    }

    fn push(&mut self, order_id: &str, cached: Cached, mode: Mode) -> Option<(Vec<u8>, Written)> {
        let (out_id, mut out) = self.cache.push(order_id.to_owned(), cached)?;
        if out.written {
            return None;
        }
        out.encode(&out_id, mode)
    }

    /// The stored forms of all rows that were folded since they were last written.
    pub(super) fn take_unwritten(&mut self, mode: Mode) -> Vec<(Vec<u8>, Written)> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let encoded = unwritten.into_iter().filter_map(|order_id| {
            // One that is not there had to make room, and was encoded then.
            let cached = self.cache.peek_mut(&order_id).filter(|it| !it.written)?;
            cached.encode(&order_id, mode)
        });
        encoded.collect()
    }
}

impl Cached {
    /// `None` where the row holds personal data in the clear, which [`is_sealed`] has excluded.
    fn encode(&mut self, order_id: &str, mode: Mode) -> Option<(Vec<u8>, Written)> {
        let (key, bytes) = (keys::row(order_id), self.row.encode().ok()?);
        let (digest, next) = match mode {
            Mode::Live => {
                let digest = Digest::of(&key, &bytes);
                (Some(digest), Old::Hashed(digest))
            }
            // A build looks at all digests at its end.
            Mode::Build => (None, Old::Unread),
        };
        self.written = true;
        let old = std::mem::replace(&mut self.old, next);
        Some((key, Written { old, bytes, digest }))
    }
}

/// Whether nothing personal in an order is in the clear: only such an order is stored.
pub(super) fn is_sealed(order: &Order) -> bool {
    let contact = order.customer.contact.as_ref();
    let shipping = order.shipping.as_ref();
    let address = shipping.and_then(|shipping| shipping.destination.address.as_ref());
    !contact.is_some_and(is_clear) && !address.is_some_and(is_clear)
}

const fn is_clear<T>(private: &Private<T>) -> bool {
    match private {
        Private::Clear(_) => true,
        Private::Sealed(_) => false,
    }
}
