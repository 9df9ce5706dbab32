//! The checker is checked: one bug at a time is planted around an engine, and a law must notice.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use read_model::contract::{DURABLE, Fixture, LAWS};
use read_model::{Engine, Engines, Entries, Error, Memory, Sled, Write};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    ForgetsOverwrites,
    CutsLargeValues,
    RefusesEmptyValues,
    KeepsDeleted,
    SortsByLength,
    ReversesNothing,
    IncludesTheEnd,
    ExcludesTheStart,
    DropsTheLastOfABatch,
    LoadSkipsDeletes,
    FlushesNothing,
}

/// Each bug with the law that must notice it.
const PLANTED: [(Bug, &str); 11] = [
    (Bug::ForgetsOverwrites, "what is written is read back"),
    (Bug::CutsLargeValues, "any bytes are kept"),
    (Bug::RefusesEmptyValues, "any bytes are kept"),
    (Bug::KeepsDeleted, "a deleted key has no value"),
    (Bug::SortsByLength, "a range is ordered"),
    (Bug::ReversesNothing, "a range is ordered"),
    (Bug::IncludesTheEnd, "a range keeps its bounds"),
    (Bug::ExcludesTheStart, "a range keeps its bounds"),
    (Bug::DropsTheLastOfABatch, "a batch is written whole"),
    (Bug::LoadSkipsDeletes, "load leaves what apply leaves"),
    (Bug::FlushesNothing, "what was flushed survives"),
];

#[derive(Debug)]
struct Planted(Bug);

#[derive(Debug)]
struct Broken {
    bug: Bug,
    inner: Box<dyn Engine>,
}

impl Engines for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Engine>, Error> {
        // An engine in memory is one on disk whose flush does nothing.
        let inner = match self.0 {
            Bug::None => Sled {
                cache_bytes: 4 << 20,
            }
            .open(path)?,
            _ => Memory.open(path)?,
        };
        let bug = self.0;
        Ok(Box::new(Broken { bug, inner }))
    }
}

impl Engine for Broken {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.inner.get(key)
    }

    fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Entries<'_> {
        let (start, end) = match (self.bug, start, end) {
            (Bug::IncludesTheEnd, start, Bound::Excluded(end)) => (start, Bound::Included(end)),
            (Bug::ExcludesTheStart, Bound::Included(start), end) => (Bound::Excluded(start), end),
            (_, start, end) => (start, end),
        };
        let mut entries: Vec<_> = self.inner.range(start, end).collect();
        if self.bug == Bug::SortsByLength {
            entries.sort_by_key(|entry| entry.as_ref().map_or(0, |(key, _)| key.len()));
        }
        if self.bug == Bug::ReversesNothing {
            return Box::new(Forward(entries.into_iter()));
        }
        Box::new(entries.into_iter())
    }

    fn apply(&self, mut batch: Vec<Write>) -> Result<(), Error> {
        match self.bug {
            Bug::ForgetsOverwrites => {
                batch.retain(|it| {
                    it.value.is_none() || self.get(&it.key).is_ok_and(|v| v.is_none())
                });
            }
            Bug::CutsLargeValues => {
                let values = batch.iter_mut().filter_map(|it| it.value.as_mut());
                values.for_each(|value| value.truncate(1 << 16));
            }
            Bug::RefusesEmptyValues => {
                batch.retain(|it| it.value.as_ref().is_none_or(|value| !value.is_empty()));
            }
            Bug::KeepsDeleted => batch.retain(|it| it.value.is_some()),
            Bug::DropsTheLastOfABatch if batch.len() > 100 => drop(batch.pop()),
            _ => {}
        }
        self.inner.apply(batch)
    }

    fn load(&self, mut sorted: Vec<Write>) -> Result<(), Error> {
        if self.bug == Bug::LoadSkipsDeletes {
            sorted.retain(|it| it.value.is_some());
        }
        self.inner.load(sorted)
    }

    fn flush(&self) -> Result<(), Error> {
        self.inner.flush()
    }
}

/// Yields from the front, whichever end is asked.
struct Forward<I>(I);

impl<I: Iterator> Iterator for Forward<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }
}

impl<I: Iterator> DoubleEndedIterator for Forward<I> {
    fn next_back(&mut self) -> Option<I::Item> {
        self.0.next()
    }
}

/// Names of the laws that notice a bug.
fn noticed_by(bug: Bug) -> Vec<&'static str> {
    let mut noticed = Vec::new();
    for (law, check) in LAWS.into_iter().chain(DURABLE) {
        let root = tempfile::tempdir().expect("folder");
        let held = catch_unwind(AssertUnwindSafe(|| {
            check(&Fixture {
                engines: &Planted(bug),
                root: root.path(),
            });
        }));
        if held.is_err() {
            noticed.push(law);
        }
    }
    noticed
}

#[test]
fn every_planted_bug_is_noticed_by_its_law() {
    for (bug, law) in PLANTED {
        let noticed = noticed_by(bug);
        assert!(noticed.contains(&law), "{bug:?} is noticed by {noticed:?}");
    }
}

#[test]
fn every_law_notices_some_bug() {
    for (law, _) in LAWS.into_iter().chain(DURABLE) {
        assert!(PLANTED.iter().any(|(_, by)| *by == law), "{law}");
    }
}

#[test]
fn an_engine_without_a_bug_passes() {
    assert!(noticed_by(Bug::None).is_empty());
}
