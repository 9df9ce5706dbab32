//! What differs between two generations, by name.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use proto::row;
use read_model::{Digest, Entry, Error, Generation, is_covered, keys};

/// Differences that are listed; all are counted.
const LISTED: usize = 1_000;

/// What differs between a view and a fresh fold of the same log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first of them, in the order of their keys.
    pub listed: Vec<Difference>,
    /// How many there are, by the prefix of their keys.
    pub counts: BTreeMap<u8, u64>,
}

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind of key, for people: `rows`, `index by tag`.
    pub kind: &'static str,
    /// The order that it belongs to; empty for counters.
    pub order_id: String,
    /// The key, for people.
    pub key: String,
    /// What differs: the view lacks the key, has one too many, or holds something else.
    pub what: String,
}

impl Differences {
    /// Compares what a view holds with what it should hold.
    ///
    /// # Errors
    /// [`Error`] of the fresh one. What cannot be read of the view is a difference.
    pub fn between(view: &Generation, fresh: &Generation) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut theirs = covered(fresh);
        let mut expected = theirs.next().transpose()?;
        let mut ours = covered(view);
        let mut held = found.next_of_view(&mut ours);
        loop {
            match (&held, &expected) {
                (None, None) => return Ok(found),
                (Some((key, _)), None) => {
                    found.add(key, "the view holds a key too many".to_owned());
                    held = found.next_of_view(&mut ours);
                }
                (None, Some((key, _))) => {
                    found.add(key, "the view lacks the key".to_owned());
                    expected = theirs.next().transpose()?;
                }
                (Some(one), Some(other)) => match one.0.cmp(&other.0) {
                    Ordering::Less => {
                        found.add(&one.0, "the view holds a key too many".to_owned());
                        held = found.next_of_view(&mut ours);
                    }
                    Ordering::Greater => {
                        found.add(&other.0, "the view lacks the key".to_owned());
                        expected = theirs.next().transpose()?;
                    }
                    Ordering::Equal => {
                        if one.1 != other.1 {
                            found.add(&one.0, values(&one.0, &one.1, &other.1));
                        }
                        held = found.next_of_view(&mut ours);
                        expected = theirs.next().transpose()?;
                    }
                },
            }
        }
    }

    /// The next readable entry of the view; the unreadable end of it is one difference.
    fn next_of_view(
        &mut self,
        entries: &mut impl Iterator<Item = Result<Entry, Error>>,
    ) -> Option<Entry> {
        for entry in entries {
            match entry {
                Ok(entry) => return Some(entry),
                Err(error) => self.add(&[], error.to_string()),
            }
        }
        None
    }

    fn add(&mut self, key: &[u8], what: String) {
        let prefix = key.first().copied().unwrap_or(0);
        let count = self.counts.entry(prefix).or_default();
        *count = count.saturating_add(1);
        if self.listed.len() < LISTED {
            self.listed.push(Difference {
                kind: keys::kind(prefix),
                order_id: keys::order_id(key).unwrap_or_default(),
                key: keys::show(key),
                what,
            });
        }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys differ:", self.total())?;
        for (prefix, count) in &self.counts {
            write!(f, " {count} {}", keys::kind(*prefix))?;
        }
        Ok(())
    }
}

fn covered(generation: &Generation) -> impl Iterator<Item = Result<Entry, Error>> + '_ {
    let entries = generation.prefix(&[]);
    entries.filter(|entry| entry.as_ref().map_or(true, |(key, _)| is_covered(key)))
}

/// How two values of a key differ, for people: by field where they are rows.
fn values(key: &[u8], held: &[u8], expected: &[u8]) -> String {
    let fields = match key.first() {
        Some(&keys::ROW) => row::differing_fields(held, expected),
        Some(_) | None => Ok(Vec::new()),
    };
    match fields {
        Ok(fields) if !fields.is_empty() => format!("these differ: {}", fields.join(", ")),
        Ok(_) | Err(_) => {
            let [held, expected] = [held, expected].map(|value| Digest::of(key, value));
            format!("the view holds {held}, not {expected}")
        }
    }
}
