//! The laws of [`Engine`] as tests for every implementation.
//!
//! A law is a function that takes a [`Fixture`] and panics where the law is broken. The suite is
//! itself tested: `tests/it/checker.rs` breaks an engine in one way at a time, and each is noticed.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use crate::engine::{Engine, Engines, Entry, Write};

/// How engines are opened for the laws.
pub struct Fixture<'a> {
    /// Opens them.
    pub engines: &'a dyn Engines,
    /// An empty directory.
    pub root: &'a Path,
}

/// A law: its name, and what panics where it is broken.
pub type Law = (&'static str, fn(&Fixture<'_>));

/// Laws that hold in one run of the process.
pub const LAWS: [Law; 7] = [
    ("what is written is read back", what_is_written_is_read_back),
    ("any bytes are kept", any_bytes_are_kept),
    ("a deleted key has no value", a_deleted_key_has_no_value),
    ("a range is ordered", a_range_is_ordered_from_either_end),
    ("a range keeps its bounds", a_range_keeps_its_bounds),
    ("a batch is written whole", a_batch_is_written_whole),
    (
        "load leaves what apply leaves",
        load_leaves_what_apply_leaves,
    ),
];

/// Laws about what survives, for engines on disk.
pub const DURABLE: [Law; 1] = [("what was flushed survives", what_was_flushed_survives)];

fn open(fixture: &Fixture<'_>, name: &str) -> Box<dyn Engine> {
    let opened = fixture.engines.open(&fixture.root.join(name));
    opened.unwrap_or_else(|error| unreachable!("an empty directory opens: {error}"))
}

fn put(key: &[u8], value: &[u8]) -> Write {
    Write {
        key: key.to_vec(),
        value: Some(value.to_vec()),
    }
}

fn delete(key: &[u8]) -> Write {
    let key = key.to_vec();
    Write { key, value: None }
}

fn apply(engine: &dyn Engine, batch: Vec<Write>) {
    let applied = engine.apply(batch);
    assert!(applied.is_ok(), "{applied:?}");
}

#[track_caller]
fn assert_holds(engine: &dyn Engine, key: &[u8], value: Option<&[u8]>) {
    let read = engine.get(key);
    assert!(
        matches!(&read, Ok(read) if read.as_deref() == value),
        "{key:?} holds {read:?}, not {value:?}"
    );
}

fn all(engine: &dyn Engine) -> Vec<Entry> {
    let entries = engine.range(Bound::Unbounded, Bound::Unbounded);
    entries.map(|entry| entry.unwrap_or_default()).collect()
}

fn what_is_written_is_read_back(fixture: &Fixture<'_>) {
    let engine = open(fixture, "back");
    assert_holds(&*engine, b"a", None);
    apply(&*engine, vec![put(b"a", b"1"), put(b"b", b"2")]);
    assert_holds(&*engine, b"a", Some(b"1"));
    assert_holds(&*engine, b"b", Some(b"2"));
    apply(&*engine, vec![put(b"a", b"3")]);
    assert_holds(&*engine, b"a", Some(b"3"));
    assert_holds(&*engine, b"", None);
}

fn any_bytes_are_kept(fixture: &Fixture<'_>) {
    let engine = open(fixture, "bytes");
    let large = vec![7; 1 << 20];
    let values: [&[u8]; 4] = [b"", &[0], &[0xFF; 300], &large];
    for (n, value) in (0_u8..).zip(values) {
        apply(&*engine, vec![put(&[n, 0, 0xFF], value)]);
    }
    for (n, value) in (0_u8..).zip(values) {
        assert_holds(&*engine, &[n, 0, 0xFF], Some(value));
    }
}

fn a_deleted_key_has_no_value(fixture: &Fixture<'_>) {
    let engine = open(fixture, "deleted");
    apply(&*engine, vec![put(b"a", b"1"), put(b"b", b"2")]);
    apply(&*engine, vec![delete(b"a"), delete(b"never")]);
    assert_holds(&*engine, b"a", None);
    assert_eq!(all(&*engine), [(b"b".to_vec(), b"2".to_vec())]);
}

/// Keys of one to three bytes, each with itself as its value.
fn fill(engine: &dyn Engine) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut model = BTreeMap::new();
    for n in 0..600_u32 {
        let hash = n.wrapping_mul(2_654_435_761).to_be_bytes();
        let length = 1 + (n % 3) as usize;
        let key = hash.get(..length).unwrap_or_default().to_vec();
        model.insert(key.clone(), key);
    }
    for chunk in model.iter().collect::<Vec<_>>().chunks(64) {
        let batch = chunk.iter().map(|(key, value)| put(key, value));
        apply(engine, batch.collect());
    }
    model
}

fn a_range_is_ordered_from_either_end(fixture: &Fixture<'_>) {
    let engine = open(fixture, "ordered");
    let model: Vec<Entry> = fill(&*engine).into_iter().collect();
    assert_eq!(all(&*engine), model);
    let back = engine.range(Bound::Unbounded, Bound::Unbounded).rev();
    let back: Vec<Entry> = back.map(|entry| entry.unwrap_or_default()).collect();
    assert_eq!(back, model.into_iter().rev().collect::<Vec<_>>());
}

fn a_range_keeps_its_bounds(fixture: &Fixture<'_>) {
    let engine = open(fixture, "bounds");
    let model = fill(&*engine);
    let keys: Vec<&[u8]> = model.keys().map(Vec::as_slice).collect();
    let marks: [&[u8]; 5] = [
        keys.get(10).copied().unwrap_or_default(),
        keys.get(99).copied().unwrap_or_default(),
        b"",
        &[0x40],
        &[0xFF; 9],
    ];
    for start in marks {
        for end in marks {
            for bounds in [
                (Bound::Included(start), Bound::Excluded(end)),
                (Bound::Excluded(start), Bound::Included(end)),
                (Bound::Included(start), Bound::Included(end)),
                (Bound::Excluded(start), Bound::Excluded(end)),
            ] {
                let found = engine.range(bounds.0, bounds.1);
                let found: Vec<Vec<u8>> = found.map(|it| it.unwrap_or_default().0).collect();
                let inside = |key: &&Vec<u8>| {
                    std::ops::RangeBounds::<[u8]>::contains(&bounds, key.as_slice())
                };
                let expected: Vec<Vec<u8>> = model.keys().filter(inside).cloned().collect();
                assert_eq!(found, expected, "{bounds:?}");
            }
        }
    }
}

fn a_batch_is_written_whole(fixture: &Fixture<'_>) {
    let engine = open(fixture, "whole");
    // The last one is written, so that it is missed.
    let numbers = 0..501_u32;
    apply(
        &*engine,
        numbers
            .clone()
            .map(|n| put(&n.to_be_bytes(), b"old"))
            .collect(),
    );
    let mixed = numbers.clone().map(|n| match n % 2 {
        0 => put(&n.to_be_bytes(), b"new"),
        _ => delete(&n.to_be_bytes()),
    });
    apply(&*engine, mixed.collect());
    for n in numbers {
        let expected: Option<&[u8]> = (n % 2 == 0).then_some(b"new");
        assert_holds(&*engine, &n.to_be_bytes(), expected);
    }
}

fn load_leaves_what_apply_leaves(fixture: &Fixture<'_>) {
    let (applied, loaded) = (open(fixture, "applied"), open(fixture, "loaded"));
    for round in 0..3_u32 {
        let writes = (0..200_u32).map(|n| match (n + round) % 5 {
            0 => delete(&n.to_be_bytes()),
            _ => put(&n.to_be_bytes(), &round.to_be_bytes()),
        });
        let writes: Vec<Write> = writes.collect();
        apply(&*applied, writes.clone());
        let load = loaded.load(writes);
        assert!(load.is_ok(), "{load:?}");
    }
    assert_eq!(all(&*loaded), all(&*applied));
}

fn what_was_flushed_survives(fixture: &Fixture<'_>) {
    let engine = open(fixture, "flushed");
    let model: Vec<Entry> = fill(&*engine).into_iter().collect();
    let load = engine.load(vec![put(b"zzzz", b"loaded")]);
    assert!(load.is_ok(), "{load:?}");
    let flushed = engine.flush();
    assert!(flushed.is_ok(), "{flushed:?}");
    drop(engine);
    let engine = open(fixture, "flushed");
    assert_holds(&*engine, b"zzzz", Some(b"loaded"));
    apply(&*engine, vec![delete(b"zzzz")]);
    assert_eq!(all(&*engine), model);
}
