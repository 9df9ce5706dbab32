//! Checksums, digests and scans of one generation.

use std::sync::Arc;

use proptest::prelude::*;
use read_model::{
    Changes, Checkpoint, Digest, Engines as _, Error, Generation, Memory, Old, Scan, Sled, Store,
    keys,
};

const SLED: Sled = Sled {
    cache_bytes: 4 << 20,
};

fn store(root: &std::path::Path) -> Store {
    let store = Store::new(root, 1, Arc::new(Memory));
    store.open().expect("opened");
    store
}

fn put(changes: &mut Changes, key: &str, value: &str) {
    changes.set(key.into(), Old::Unread, Some(value.into()));
}

fn key(n: u8) -> Vec<u8> {
    vec![b'o', n]
}

/// The digest of all keys and values, added up by hand.
fn digest_of(generation: &Generation) -> Digest {
    let entries = generation.prefix(&[]).map(|entry| entry.expect("read"));
    let covered = entries.filter(|(key, _)| read_model::is_covered(key));
    covered.fold(Digest::EMPTY, |sum, (key, value)| {
        sum.and(Digest::of(&key, &value))
    })
}

/// What a writer knows of the old value, in each of the ways in which it may.
fn old(generation: &Generation, key: &[u8], how: u8) -> Old {
    let value = generation.get(key).expect("read");
    match (how % 3, value) {
        (0, _) => Old::Unread,
        (_, None) => Old::Absent,
        (1, Some(value)) => Old::Value(value),
        (_, Some(value)) => Old::Hashed(Digest::of(key, &value)),
    }
}

proptest! {
    #[test]
    fn the_digest_of_a_checkpoint_is_that_of_its_data_however_it_came_about(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..20, prop::option::of(any::<u16>()), any::<u8>()), 1..9),
            1..12,
        ),
        scan_every in 1_usize..7,
    ) {
        let root = tempfile::tempdir().expect("folder");
        let store = store(root.path());
        let generation = store.create().expect("made");
        let mut checkpoint = Checkpoint::start(1, [1; 16]);
        let mut scan = Scan::new();
        for batch in batches {
            let mut changes = Changes::default();
            for (n, value, how) in batch {
                let value = value.map(|value| value.to_be_bytes().to_vec());
                changes.set(key(n), old(&generation, &key(n), how), value);
            }
            changes.set(keys::parked("x"), Old::Unread, Some(vec![1]));
            generation.apply(changes, &mut checkpoint, Some(&mut scan)).expect("written");
            prop_assert_eq!(checkpoint.digest, digest_of(&generation));
            // A scan between the batches, a few keys at a time.
            if scan.advance(&generation, scan_every).expect("read").is_break() {
                prop_assert_eq!(scan.digest(), checkpoint.digest);
                scan = Scan::new();
            }
        }
        while scan.advance(&generation, scan_every).expect("read").is_continue() {}
        prop_assert_eq!(scan.digest(), checkpoint.digest);
        let stored = generation.checkpoint().expect("read").expect("written");
        prop_assert_eq!(stored, checkpoint);
    }
}

#[test]
fn a_loaded_generation_is_sealed_with_the_digest_of_an_applied_one() {
    let root = tempfile::tempdir().expect("folder");
    let store = store(root.path());
    let (live, built) = (store.create().expect("made"), store.create().expect("made"));
    let mut changes = Changes::default();
    put(&mut changes, "oa", "1");
    put(&mut changes, "ob", "2");
    let (mut first, mut second) = (Checkpoint::default(), Checkpoint::default());
    live.apply(changes.clone(), &mut first, None)
        .expect("written");
    built.load(changes).expect("loaded");
    assert_eq!(built.checkpoint().expect("read"), None);
    built.seal(&mut second).expect("sealed");
    assert_eq!(first.digest, second.digest);
    assert_eq!(built.checkpoint().expect("read"), Some(second));
}

#[test]
fn a_scan_says_which_prefix_differs() {
    let root = tempfile::tempdir().expect("folder");
    let store = store(root.path());
    let sums = |value: &str| {
        let generation = store.create().expect("made");
        let mut changes = Changes::default();
        put(&mut changes, "oa", "1");
        put(&mut changes, "pa", value);
        generation.load(changes).expect("loaded");
        Scan::whole(&generation).expect("read").prefixes().clone()
    };
    let (one, other) = (sums("x"), sums("y"));
    assert_eq!(one[&b'o'], other[&b'o']);
    assert_ne!(one[&b'p'], other[&b'p']);
    assert_eq!(one[&b'p'].keys, 1);
}

/// Changes what is stored under a key behind the generation's back.
fn damage(root: &std::path::Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let engine = SLED.open(&root.join(name)).expect("opened");
    let mut stored = engine.get(b"oa").expect("read").expect("there");
    change(&mut stored);
    let write = read_model::Write {
        key: b"oa".to_vec(),
        value: Some(stored),
    };
    engine.apply(vec![write]).expect("written");
    engine.flush().expect("flushed");
}

#[test]
fn a_value_with_a_wrong_checksum_is_never_an_answer() {
    let root = tempfile::tempdir().expect("folder");
    let store = Store::new(root.path(), 1, Arc::new(SLED));
    store.open().expect("opened");
    let generation = store.create().expect("made");
    let mut changes = Changes::default();
    put(&mut changes, "oa", "one");
    let mut checkpoint = Checkpoint::start(1, [1; 16]);
    generation.load(changes).expect("loaded");
    generation.seal(&mut checkpoint).expect("sealed");
    let name = generation.name().to_owned();
    store.serve(&generation).expect("served");
    drop((generation, store));

    damage(root.path(), &name, |stored| stored[1] ^= 4);
    let store = Store::new(root.path(), 1, Arc::new(SLED));
    let found = store.open().expect("opened").expect("found");
    store.serve(&found.generation).expect("served");
    let view = store.reader().view().expect("view");
    for read in [
        view.get(b"oa").map(drop),
        view.prefix(b"o").try_for_each(|entry| entry.map(drop)),
        Scan::whole(&found.generation).map(drop),
    ] {
        assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    }
    let reported = store.damage().borrow().clone().expect("reported");
    assert_eq!(reported.generation, name);
    assert!(reported.cause.contains("key oa"), "{}", reported.cause);
}
