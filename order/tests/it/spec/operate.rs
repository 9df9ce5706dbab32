//! Holds, annotations, erasure.

use order::command::Annotate;
use order::event::OrderAnnotated;
use order::value::{
    CancelReason, Customer, HoldReason, MetadataKey, Note, Private, SealedBytes, Tag, Text,
};
use order::{Command, Event, Rejection};

use super::given;
use super::story::{
    all_cancelled, arrived, authorized, completed, drafted, held, paid, placed, requested,
};
use crate::ask::{annotate, hold, release};
use crate::word::{tag, text};

fn key(name: &str) -> MetadataKey {
    MetadataKey::new(name).expect("valid")
}

fn annotated(annotated: OrderAnnotated) -> Event {
    Event::OrderAnnotated(Box::new(annotated))
}

fn tags(names: impl IntoIterator<Item = u32>) -> std::collections::BTreeSet<Tag> {
    names.into_iter().map(|n| tag(&n.to_string())).collect()
}

#[test]
fn an_order_is_held_for_each_reason_once() {
    given(placed())
        .when(hold(HoldReason::Address))
        .then([held(HoldReason::Address)]);
    let story = || given(placed()).and([held(HoldReason::Address)]);
    story()
        .when(hold(HoldReason::Other))
        .then([held(HoldReason::Other)]);
    story().when(hold(HoldReason::Address)).then_nothing();
}

#[test]
fn a_hold_that_is_there_is_lifted() {
    let reason = HoldReason::Address;
    let story = || given(placed()).and([held(reason)]);
    story()
        .when(release(reason))
        .then([Event::OrderReleased { reason }]);
    let other = HoldReason::Other;
    story()
        .when(release(other))
        .then_refused(Rejection::HoldNotFound(other));
}

#[test]
fn lifting_the_last_hold_completes_what_was_delivered_and_paid() {
    let reason = HoldReason::FraudReview;
    given(arrived())
        .and([held(reason)])
        .and(paid("P1", 2_300))
        .when(release(reason))
        .then([Event::OrderReleased { reason }, Event::OrderCompleted]);
}

#[test]
fn an_annotation_records_what_changed_and_not_what_was_asked() {
    let before = annotated(OrderAnnotated {
        added_tags: tags([1, 2]),
        set_metadata: [(key("a"), text("1")), (key("b"), text("2"))].into(),
        ..OrderAnnotated::default()
    });
    let command = Annotate {
        note: None,
        add_tags: tags([2, 3]),
        remove_tags: tags([1, 3, 9]),
        set_metadata: [(key("a"), text("1")), (key("c"), text("3"))].into(),
        remove_metadata: [key("b"), key("c"), key("z")].into(),
    };
    given(drafted())
        .and([before])
        .when(annotate(command))
        .then([annotated(OrderAnnotated {
            note: None,
            added_tags: tags([3]),
            removed_tags: tags([1]),
            set_metadata: [(key("c"), text("3"))].into(),
            removed_metadata: [key("b")].into(),
        })]);
}

#[test]
fn a_note_is_always_news() {
    let note = || Some(Private::Clear(Note::new("called").expect("valid")));
    let with_note = Annotate {
        note: note(),
        ..Annotate::default()
    };
    let noted = annotated(OrderAnnotated {
        note: note(),
        ..OrderAnnotated::default()
    });
    let again = given(completed()).and([noted.clone()]);
    again.when(annotate(with_note)).then([noted]);
}

#[test]
fn an_annotation_that_changes_nothing_emits_nothing() {
    let command = Annotate {
        remove_tags: tags([1]),
        remove_metadata: [key("a")].into(),
        ..Annotate::default()
    };
    given(placed()).when(annotate(command)).then_nothing();
}

#[test]
fn an_order_keeps_at_most_fifty_tags_and_fifty_pairs() {
    let pairs = |names: std::ops::Range<u32>| {
        names
            .map(|n| (key(&n.to_string()), Text::default()))
            .collect()
    };
    let full = || {
        given(drafted()).and([annotated(OrderAnnotated {
            added_tags: tags(0..50),
            set_metadata: pairs(0..50),
            ..OrderAnnotated::default()
        })])
    };
    let limit = |what| Rejection::LimitExceeded { what, limit: 50 };
    let more_tags = Annotate {
        add_tags: tags([50]),
        ..Annotate::default()
    };
    full()
        .when(annotate(more_tags.clone()))
        .then_refused(limit("tags"));
    let more_pairs = Annotate {
        set_metadata: pairs(50..51),
        ..Annotate::default()
    };
    full()
        .when(annotate(more_pairs))
        .then_refused(limit("metadata pairs"));

    let exchange = Annotate {
        remove_tags: tags([0]),
        ..more_tags
    };
    full()
        .when(annotate(exchange))
        .then([annotated(OrderAnnotated {
            added_tags: tags([50]),
            removed_tags: tags([0]),
            ..OrderAnnotated::default()
        })]);
}

#[test]
fn erasing_names_the_key_that_goes_and_happens_once() {
    let sealed = SealedBytes {
        key_id: [7; 16],
        nonce: [0; 24],
        ciphertext: vec![1],
    };
    let customer = Customer {
        id: None,
        contact: Some(Private::Sealed(sealed)),
    };
    let mut story = completed();
    story.insert(1, Event::CustomerSet { customer });
    let erased = |key_id| Event::PersonalDataErased { key_id };
    given(story)
        .when(Command::ErasePersonalData)
        .then([erased(Some([7; 16]))]);
    given(completed())
        .when(Command::ErasePersonalData)
        .then([erased(None)]);
    let again = given(completed()).and([erased(None)]);
    again.when(Command::ErasePersonalData).then_nothing();
}

#[test]
fn personal_data_stays_while_money_or_goods_still_move() {
    let in_use = |cause| Rejection::PersonalDataInUse { cause };
    let erase = || Command::ErasePersonalData;
    let cancelled = || all_cancelled(CancelReason::Customer);
    let owed = given(placed()).and(paid("P1", 1)).and([cancelled()]);
    owed.when(erase())
        .then_refused(in_use("the balance is not 0"));
    let promised = given(placed()).and([authorized("P1", 1), cancelled()]);
    promised
        .when(erase())
        .then_refused(in_use("an authorisation is open"));
    let announced = given(completed()).and([requested("R1", &[("L1", 1)])]);
    announced
        .when(erase())
        .then_refused(in_use("a return is open"));
}
