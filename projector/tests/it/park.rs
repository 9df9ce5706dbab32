//! A commit that cannot be folded parks its order; all others flow.

use std::sync::Arc;

use event_store::Record;
use projector::{Folder, Orders, Projection};
use proto::commit;
use proto::row::Row;
use read_model::{Cause, Changes, Checkpoint, Parked, Store, keys};

use crate::history::Writer;
use crate::node::{CACHE, digest_of};

/// The commits of two orders, taking turns: o1 has at least four of them.
fn history() -> Vec<Record> {
    let mut writer = Writer::new(11);
    writer.wander(2, 40);
    writer.records(1)
}

/// Index of the nth commit of o1, from 0.
fn nth(records: &[Record], n: usize) -> usize {
    let mut of = records.iter().enumerate();
    let found = of
        .by_ref()
        .filter(|(_, r)| r.stream.as_str() == "o1")
        .nth(n);
    found.expect("there").0
}

struct Folded {
    _root: tempfile::TempDir,
    store: Store,
    checkpoint: Checkpoint,
}

fn fold(records: &[Record]) -> Folded {
    let root = tempfile::tempdir().expect("folder");
    let store = Store::open(root.path(), "orders", 1, CACHE).expect("opened");
    let mut folder = Folder::new(Arc::new(Orders), store.active(), [0; 16]).expect("folder");
    // In two halves, so that the second finds what the first has parked.
    for half in records.chunks(records.len().div_ceil(2).max(1)) {
        for record in half {
            folder.fold(record).expect("folded");
        }
        folder.write().expect("written");
    }
    let checkpoint = folder.checkpoint().clone();
    Folded {
        _root: root,
        store,
        checkpoint,
    }
}

impl Folded {
    fn parked(&self, order_id: &str) -> Option<Parked> {
        let stored = self.store.active().get(&keys::parked(order_id));
        stored
            .expect("read")
            .and_then(|bytes| Parked::decode(&bytes))
    }

    fn row(&self, order_id: &str) -> Option<Vec<u8>> {
        let stored = self.store.active().get(&keys::row(order_id));
        stored.expect("read").map(|row| row.to_vec())
    }
}

/// The nth commit of o1 is exchanged: o1 is parked there, its row stays as it was before, its later
/// commits queue, and the other order, the checkpoint and the end are as if nothing had happened.
#[track_caller]
fn assert_parks(cause: Cause, n: usize, change: impl FnOnce(&mut Vec<Record>, usize)) {
    let sound = history();
    let mut records = sound.clone();
    let at = nth(&records, n);
    change(&mut records, at);
    let folded = fold(&records);

    let parked = folded.parked("o1").expect("parked");
    assert_eq!(parked.cause, cause, "{parked:?}");
    assert_eq!(parked.position, records[at].position.to_string());
    assert_eq!(parked.commit_id, records[at].commit_id.to_string());
    assert_eq!(parked.attempts, 1);
    let behind = records[at + 1..]
        .iter()
        .filter(|r| r.stream.as_str() == "o1");
    let behind: Vec<_> = behind.map(|record| record.position.to_string()).collect();
    assert!(behind.len() > 2);
    assert_eq!(parked.behind, behind);
    assert_eq!(parked.behind_count, behind.len() as u64);
    assert!(n == 0 || parked.since > 0);

    let last = records.last().expect("some").position;
    assert_eq!(folded.checkpoint.positions(), [(0, last.sequence)].into());
    let whole = fold(&sound);
    assert_eq!(folded.row("o0"), whole.row("o0"));
    let before = fold(&records[..at]);
    assert_eq!(folded.row("o1"), before.row("o1"));
    assert_eq!(folded.parked("o0"), None);
}

#[test]
fn bytes_that_are_no_commit_park_their_order() {
    assert_parks(Cause::Undecodable, 2, |records, at| {
        records[at].payload = b"\xff\xff\xff".to_vec().into();
    });
}

#[test]
fn an_unknown_event_parks_its_order() {
    assert_parks(Cause::UnknownEvent, 2, |records, at| {
        let mut bytes = records[at].payload.to_vec();
        bytes.extend_from_slice(&[0x7A, 0]);
        records[at].payload = bytes.into();
    });
}

#[test]
fn a_newer_envelope_parks_its_order() {
    assert_parks(Cause::NewerSchema, 2, |records, at| {
        let mut bytes = records[at].payload.to_vec();
        bytes.extend_from_slice(&[0x20, 99]);
        records[at].payload = bytes.into();
    });
}

#[test]
fn a_missing_commit_parks_its_order_at_the_next() {
    assert_parks(Cause::Gap, 3, |records, at| {
        let lost = nth(records, 2);
        assert!(lost < at);
        // What stands in its place is of another order.
        records[lost].stream = event_store::StreamId::new("o9").expect("id");
    });
}

#[test]
fn a_changed_commit_parks_its_order_at_the_next() {
    assert_parks(Cause::Chain, 3, |records, at| {
        let changed = nth(records, 2);
        let mut commit = commit::decode(&records[changed].payload).expect("decoded");
        commit.principal = "somebody else".to_owned();
        records[changed].payload = commit::encode(&commit).expect("encoded").into();
        assert!(changed < at);
    });
}

#[test]
fn a_commit_of_another_order_parks_the_order_whose_stream_it_is_in() {
    assert_parks(Cause::Undecodable, 2, |records, at| {
        let mut commit = commit::decode(&records[at].payload).expect("decoded");
        commit.order_id = order::value::OrderId::new("o7").expect("id");
        records[at].payload = commit::encode(&commit).expect("encoded").into();
    });
}

#[test]
fn an_order_that_does_not_begin_with_its_creation_is_parked() {
    assert_parks(Cause::Gap, 0, |records, at| {
        let mut commit = commit::decode(&records[at].payload).expect("decoded");
        commit.events.clear();
        records[at].payload = commit::encode(&commit).expect("encoded").into();
    });
}

#[test]
fn a_row_that_cannot_be_read_parks_its_order() {
    let records = history();
    let at = nth(&records, 2);
    let folded = fold(&records[..at]);
    let mut damage = Changes::default();
    damage.put(keys::row("o1"), b"no row".to_vec());
    let generation = folded.store.active();
    generation
        .apply(damage, &folded.checkpoint)
        .expect("written");
    let mut folder = Folder::new(Arc::new(Orders), generation, [0; 16]).expect("folder");
    for record in &records[at..] {
        folder.fold(record).expect("folded");
    }
    assert_eq!(folder.parked(), 1);
    folder.write().expect("written");
    assert_eq!(folded.parked("o1").expect("parked").cause, Cause::Row);
}

/// A projection with a defect: it panics over a certain tag.
struct Defective;

impl Projection for Defective {
    type Before = ();

    fn name(&self) -> &'static str {
        "defective"
    }

    fn schema(&self) -> u32 {
        1
    }

    fn before(&self, _order_id: &str, _order: &order::Order) {}

    fn project(
        &self,
        _before: Option<()>,
        order: &order::Order,
        commit: &commit::Commit,
        _batch: &mut projector::Batch<'_>,
    ) -> Result<(), read_model::Error> {
        assert!(
            commit.order_id.as_str() != "o1" || order.version < 9,
            "a defect"
        );
        Ok(())
    }
}

#[test]
fn a_defect_in_a_projection_parks_the_order_that_meets_it() {
    let root = tempfile::tempdir().expect("folder");
    let store = Store::open(root.path(), "orders", 1, CACHE).expect("opened");
    let mut folder = Folder::new(Arc::new(Defective), store.active(), [0; 16]).expect("folder");
    for record in &history() {
        folder.fold(record).expect("folded");
    }
    folder.write().expect("written");
    assert_eq!(folder.parked(), 1);
    let stored = store.active().get(&keys::parked("o1")).expect("read");
    let parked = Parked::decode(&stored.expect("parked")).expect("decoded");
    assert_eq!(parked.cause, Cause::Fold);
    // All was folded in one batch: the row of the commits before is there nevertheless.
    let row = store.active().get(&keys::row("o1")).expect("read");
    let row = Row::decode(&row.expect("stored")).expect("decoded");
    let before = history().into_iter().filter(|r| r.stream.as_str() == "o1");
    let versions = before.map(|r| {
        let commit = commit::decode(&r.payload).expect("a commit");
        commit.first_version + commit.events.len() as u64 - 1
    });
    assert_eq!(
        Some(row.order.version),
        versions.take_while(|it| *it < 9).last()
    );
}

#[test]
fn a_parked_order_names_the_first_hundred_that_wait() {
    let mut parked = Parked {
        cause: Cause::Gap,
        detail: String::new(),
        position: "0:1".into(),
        commit_id: String::new(),
        since: 0,
        attempts: 1,
        behind: Vec::new(),
        behind_count: 0,
    };
    for sequence in 2..=10_001 {
        parked.push_behind(format!("0:{sequence}"));
    }
    assert_eq!((parked.behind.len(), parked.behind_count), (100, 10_000));
    assert_eq!(parked.behind[99], "0:101");
    assert_eq!(Parked::decode(&parked.encode()), Some(parked));
}

#[test]
fn a_rebuild_by_a_version_that_can_read_it_unparks_the_order() {
    let sound = history();
    let mut newer = sound.clone();
    let at = nth(&newer, 2);
    let mut bytes = newer[at].payload.to_vec();
    bytes.extend_from_slice(&[0x20, 99]);
    newer[at].payload = bytes.into();
    let old = fold(&newer);
    assert!(old.parked("o1").is_some());
    let new = fold(&sound);
    assert_eq!(new.parked("o1"), None);
    assert_eq!(
        new.store.active().digest().expect("digest"),
        digest_of(Orders, &sound)
    );
}
