//! The pure part of a projection.

mod orders;
mod reports;

use std::time::Duration;

use order::Order;
use proto::commit::Commit;
use read_model::{Changes, Error, Generation, counters};

pub use orders::Orders;
pub use reports::Reports;

/// A named fold of the log into keys and values.
///
/// Pure: no clock, no I/O but [`Batch::get`]. It runs again over the whole log at any rebuild and
/// must write the same then. Rows are kept by the [`Folder`](crate::Folder); a projection adds its
/// own keys to them.
pub trait Projection: Send + Sync + 'static {
    /// What is remembered of an order while a commit is folded into it.
    type Before: Send;

    /// Name of the projection, and of its folder.
    fn name(&self) -> &'static str;

    /// Number of the layout of its keys; another number makes a new build.
    fn schema(&self) -> u32;

    /// How long commits may gather before they are folded together, while following. Zero where
    /// readers wait for each; more where many commits move the same keys.
    fn gather(&self) -> Duration {
        Duration::ZERO
    }

    /// Looks at an order before a commit.
    fn before(&self, order_id: &str, order: &Order) -> Self::Before;

    /// Writes what a commit changed. `before` is `None` for the first commit of an order.
    ///
    /// # Errors
    /// Only those of [`Batch::get`].
    fn project(
        &self,
        before: Option<Self::Before>,
        order: &Order,
        commit: &Commit,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error>;
}

/// Changes being collected, over what a generation holds.
#[derive(Debug)]
pub struct Batch<'a> {
    generation: &'a Generation,
    changes: &'a mut Changes,
}

impl<'a> Batch<'a> {
    /// Collects into `changes`.
    pub fn new(generation: &'a Generation, changes: &'a mut Changes) -> Self {
        Self {
            generation,
            changes,
        }
    }

    /// The value of a key, changes included.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.changes.get(key) {
            Some(value) => Ok(value.map(<[u8]>::to_vec)),
            None => Ok(self.generation.get(key)?.map(|value| value.to_vec())),
        }
    }

    /// Writes a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.put(key, value);
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.delete(key);
    }

    /// Adds to counters that lie side by side in one value, each eight bytes, from 0.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn add<const N: usize>(&mut self, key: Vec<u8>, amounts: [i64; N]) -> Result<(), Error> {
        if amounts == [0; N] {
            return Ok(());
        }
        let stored = self.get(&key)?.unwrap_or_default();
        let mut sums: [i64; N] = counters::decode(&stored);
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(amount);
        }
        self.changes.put(key, counters::encode(&sums));
        Ok(())
    }
}
