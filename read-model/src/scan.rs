//! Reads a whole generation, piece by piece, and adds up its digest.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use crate::{Digest, Error, Generation, digest};

/// A scan on its way. Between its pieces the writer may write: what it changes behind the scan is
/// noted by [`Generation::apply`], so that the sum at the end is that of the end.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// The last key that was read; `None` before the first.
    last: Option<Vec<u8>>,
    prefixes: BTreeMap<u8, Sum>,
    entries: u64,
}

/// What one prefix of keys adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Keys read; those that a writer adds or deletes behind the scan are not counted.
    pub keys: u64,
    /// Digest of keys and values.
    pub digest: Digest,
}

impl Scan {
    /// At the first key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads everything in one go.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn whole(generation: &Generation) -> Result<Self, Error> {
        let mut scan = Self::new();
        while scan.advance(generation, usize::MAX)?.is_continue() {}
        Ok(scan)
    }

    /// Reads up to `limit` entries more; breaks at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`]: a value's checksum is wrong, or the engine says so.
    pub fn advance(
        &mut self,
        generation: &Generation,
        limit: usize,
    ) -> Result<ControlFlow<()>, Error> {
        let start = match &self.last {
            Some(last) => Bound::Excluded(last.clone()),
            None => Bound::Unbounded,
        };
        let mut read = 0;
        for entry in generation.range((start, Bound::Unbounded)).take(limit) {
            let (key, value) = entry?;
            if let Some(&prefix) = key.first()
                && digest::is_covered(&key)
            {
                let sum = self.prefixes.entry(prefix).or_default();
                sum.keys = sum.keys.saturating_add(1);
                sum.digest = sum.digest.and(Digest::of(&key, &value));
            }
            self.last = Some(key);
            read += 1;
        }
        self.entries = self
            .entries
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(if read < limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    /// A writer changed a key: behind the scan the sum follows, ahead of it the scan will see.
    pub(crate) fn note(&mut self, key: &[u8], old: Digest, new: Digest) {
        if self.last.as_deref().is_some_and(|last| key <= last)
            && let Some(&prefix) = key.first()
        {
            let sum = self.prefixes.entry(prefix).or_default();
            sum.digest = sum.digest.without(old).and(new);
        }
    }

    /// The sum of what was read.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let sums = self.prefixes.values().map(|sum| sum.digest);
        sums.fold(Digest::EMPTY, Digest::and)
    }

    /// The sums by prefix of the keys.
    #[must_use]
    pub const fn prefixes(&self) -> &BTreeMap<u8, Sum> {
        &self.prefixes
    }

    /// How many entries were read.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }
}
