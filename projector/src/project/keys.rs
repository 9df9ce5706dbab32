//! What projections write for one commit, collected before any of it counts.

use std::collections::BTreeMap;

use read_model::{Changes, Error, Generation, Old, counters};

/// Keys and values that belong to an order, for one projection.
pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys put, keys deleted, counters moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    set: Vec<(Vec<u8>, Old, Option<Vec<u8>>)>,
    moved: Vec<(Vec<u8>, Vec<i128>)>,
}

impl Keys {
    /// Replaces the entries of an order before the commit by those after it; what is in both stays
    /// untouched.
    pub fn replace(
        &mut self,
        mut before: BTreeMap<Vec<u8>, Vec<u8>>,
        after: BTreeMap<Vec<u8>, Vec<u8>>,
    ) {
        for (key, value) in after {
            match before.remove(&key) {
                Some(old) if old == value => {}
                Some(old) => self.set.push((key, Old::Value(old), Some(value))),
                None => self.set.push((key, Old::Absent, Some(value))),
            }
        }
        let gone = before.into_iter();
        self.set
            .extend(gone.map(|(key, old)| (key, Old::Value(old), None)));
    }

    /// Adds to counters that lie side by side in one value, from 0.
    pub fn add<const N: usize>(&mut self, key: Vec<u8>, amounts: [i128; N]) {
        if amounts != [0; N] {
            self.moved.push((key, amounts.to_vec()));
        }
    }

    /// Merges them into what is to be written to a generation.
    pub(crate) fn merge_into(
        self,
        changes: &mut Changes,
        generation: &Generation,
    ) -> Result<(), Error> {
        // Reading may fail, so it comes first: the commit is merged whole or not at all.
        let mut counters: BTreeMap<Vec<u8>, (Old, Vec<u8>)> = BTreeMap::new();
        for (key, amounts) in self.moved {
            match counters.get_mut(&key) {
                Some((_, value)) => *value = counters::add(value, &amounts),
                None => {
                    let (old, value) = current(&key, changes, generation)?;
                    counters.insert(key, (old, counters::add(&value, &amounts)));
                }
            }
        }
        for (key, old, value) in self.set {
            changes.set(key, old, value);
        }
        for (key, (old, value)) in counters {
            changes.set(key, old, Some(value));
        }
        Ok(())
    }
}

/// What a key holds, changes included, and what the generation holds as far as it was read.
fn current(
    key: &[u8],
    changes: &Changes,
    generation: &Generation,
) -> Result<(Old, Vec<u8>), Error> {
    match changes.get(key) {
        // What the generation holds was noted by the first change of the key.
        Some(value) => Ok((Old::Unread, value.unwrap_or_default().to_vec())),
        None => Ok(match generation.get(key)? {
            Some(value) => (Old::Value(value.clone()), value),
            None => (Old::Absent, Vec::new()),
        }),
    }
}
