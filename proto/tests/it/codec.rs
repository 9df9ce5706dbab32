//! Stored bytes there and back, and bytes that nobody stored.

use order::Event;
use order::value::{HoldReason, OrderState};
use proptest::prelude::*;
use prost::Message as _;
use proto::commit::{self, DecodeError};
use proto::log::v1;

use crate::{arbitrary, sample};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_commit_survives_its_bytes(commit in arbitrary::commit()) {
        let bytes = commit::encode(&commit).expect("sealed");
        prop_assert_eq!(commit::decode(&bytes), Ok(commit.clone()));
        prop_assert_eq!(commit::encode(&commit).expect("sealed"), bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(commit::decode(&bytes));
    }

    #[test]
    fn damaged_bytes_never_panic(
        commit in arbitrary::commit(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = commit::encode(&commit).expect("sealed");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(commit::decode(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        drop(commit::decode(&bytes));
    }

    #[test]
    fn folding_what_was_decoded_is_folding_what_was_decided(
        commits in proptest::collection::vec(arbitrary::commit(), 1..4)
    ) {
        let (mut live, mut replayed) = (None, None);
        for commit in commits {
            commit::apply(&mut live, &commit);
            let bytes = commit::encode(&commit).expect("sealed");
            commit::apply(&mut replayed, &commit::decode(&bytes).expect("a commit"));
        }
        prop_assert_eq!(live, replayed);
    }
}

fn wire(events: Vec<Event>) -> v1::Commit {
    let bytes = commit::encode(&sample::bare(events)).expect("sealed");
    v1::Commit::decode(bytes.as_slice()).expect("a commit")
}

#[test]
fn an_event_of_a_newer_writer_is_named_by_its_index() {
    let mut newer = wire(vec![Event::OrderCompleted]);
    // Field 27 of Event, an empty message: a kind that this version does not know.
    let unknown = v1::Event::decode([0xda, 0x01, 0x00].as_slice()).expect("an event");
    newer.events.push(unknown);
    let decoded = commit::decode(&newer.encode_to_vec());
    assert_eq!(decoded, Err(DecodeError::UnknownEvent { index: 1 }));
}

#[test]
fn a_new_field_of_a_newer_writer_is_passed_over() {
    let mut bytes = commit::encode(&sample::full(sample::events())).expect("sealed");
    bytes.extend_from_slice(&[0xf8, 0x07, 0x01]);
    assert_eq!(commit::decode(&bytes), Ok(sample::full(sample::events())));
}

#[test]
fn an_envelope_of_a_newer_writer_is_named_by_its_schema() {
    let mut newer = wire(Vec::new());
    newer.schema = 2;
    let decoded = commit::decode(&newer.encode_to_vec());
    assert_eq!(decoded, Err(DecodeError::NewerSchema { schema: 2 }));
}

#[test]
fn an_empty_record_is_no_commit_and_no_newer_one() {
    assert_eq!(
        commit::decode(&[]),
        Err(DecodeError::InvalidValue { field: "schema" })
    );
    assert!(matches!(
        commit::decode(&[0xff; 3]),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn a_value_that_no_writer_wrote_is_named() {
    let reason = HoldReason::Other;
    let mut held = wire(vec![Event::OrderHeld { reason }]);
    held.events[0].event = Some(v1::event::Event::OrderHeld(v1::OrderHeld {
        hold_reason: 99,
    }));
    let mut short = wire(Vec::new());
    short.commit_id.pop();
    let mut nameless = wire(Vec::new());
    nameless.order_id.clear();
    for (wire, field) in [
        (held, "hold_reason"),
        (short, "commit_id"),
        (nameless, "order_id"),
    ] {
        let decoded = commit::decode(&wire.encode_to_vec());
        assert_eq!(decoded, Err(DecodeError::InvalidValue { field }));
    }
}

#[test]
fn a_label_counts_runs() {
    let added = || sample::events().swap_remove(1);
    let mut events = sample::events();
    let created = events.swap_remove(0);
    let label = |events: &[Event]| commit::label(events);
    assert_eq!(label(&[]), "");
    assert_eq!(
        label(&[created, added(), added(), Event::OrderCompleted, added()]),
        "OrderCreated,LineAdded*2,OrderCompleted,LineAdded"
    );
}

#[test]
fn the_hash_is_sha_256() {
    let hash = commit::hash(b"abc");
    assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn applying_a_commit_notes_when_it_was_recorded() {
    let mut order = None;
    let created = sample::events().swap_remove(0);
    let commit = sample::bare(vec![created]);
    commit::apply(&mut order, &commit);
    let mut empty = sample::bare(Vec::new());
    empty.record_time = commit.record_time.plus_seconds(9);
    commit::apply(&mut order, &empty);
    let order = order.expect("an order");
    assert_eq!(
        (
            order.version,
            order.state,
            order.create_time,
            order.update_time
        ),
        (1, OrderState::Draft, commit.occur_time, empty.record_time)
    );
}
