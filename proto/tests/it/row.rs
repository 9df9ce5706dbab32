//! A row loses nothing that folding or showing needs.

use std::collections::BTreeSet;

use order::Order;
use order::state::Ordinals;
use order::value::{OrderState, Private};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use prost::Message as _;
use proto::commit::{self, Commit, Unsealed};
use proto::row::{InvalidRow, Row, Stored, differing_fields};
use proto::{api, personal, v1};

use crate::history::history;
use crate::sample;

/// An order without what only `decide` looks at.
fn shown(order: &Order) -> Order {
    Order {
        psp_references: BTreeSet::new(),
        ordinals: Ordinals::default(),
        ..order.clone()
    }
}

fn row(order: &Order) -> Row {
    Row {
        order_id: sample::bare(Vec::new()).order_id,
        order: order.clone(),
        position: (3, 1 << 40),
        chain_hash: [7; 32],
    }
}

fn fold(order: &mut Option<Order>, commits: &[Commit]) {
    for commit in commits {
        commit::apply(order, commit);
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, u32)>> {
    vec((any::<u8>(), any::<u32>()), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_order_survives_its_row_at_every_version(steps in steps()) {
        let mut order = None;
        for commit in history(&steps) {
            commit::apply(&mut order, &commit);
            let order = order.as_ref().expect("created");
            let bytes = row(order).encode().expect("sealed");
            let stored = Row::decode(&bytes).expect("a row");
            prop_assert_eq!(&stored, &row(&shown(order)));
            let id = &stored.order_id;
            prop_assert_eq!(api::order(id, &stored.order), api::order(id, order));
        }
    }

    #[test]
    fn folding_the_rest_onto_a_row_is_folding_all(steps in steps(), cut in any::<prop::sample::Index>()) {
        let commits = history(&steps);
        let (head, rest) = commits.split_at(1 + cut.index(commits.len()));
        let (mut all, mut begun) = (None, None);
        fold(&mut all, &commits);
        fold(&mut begun, head);
        let bytes = row(&begun.expect("created")).encode().expect("sealed");
        let mut resumed = Some(Row::decode(&bytes).expect("a row").order);
        fold(&mut resumed, rest);
        let (all, resumed) = (all.expect("created"), resumed.expect("created"));
        prop_assert_eq!(shown(&resumed), shown(&all));
        prop_assert_eq!(row(&resumed).encode(), row(&all).encode());
    }

    #[test]
    fn damaged_rows_never_panic(
        steps in steps(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut order = None;
        fold(&mut order, &history(&steps));
        let mut bytes = row(&order.expect("created")).encode().expect("sealed");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(Row::decode(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        drop(Row::decode(&bytes));
    }
}

#[test]
fn the_random_histories_reach_every_state() {
    let mut runner = TestRunner::deterministic();
    let mut states = BTreeSet::new();
    let mut names = BTreeSet::new();
    for _ in 0..Config::default().cases * 4 {
        let steps = steps().new_tree(&mut runner).expect("steps").current();
        let commits = history(&steps);
        let mut order = None;
        for commit in &commits {
            commit::apply(&mut order, commit);
            states.extend(order.as_ref().map(|order| order.state));
            names.extend(commit.events.iter().map(order::Event::name));
        }
    }
    let all = [
        OrderState::Draft,
        OrderState::Placed,
        OrderState::Completed,
        OrderState::Cancelled,
    ];
    assert_eq!(states, all.into());
    assert_eq!(names.len(), 25, "{names:?}");
}

#[test]
fn a_row_holds_nothing_personal_in_the_clear() {
    let mut order = None;
    fold(&mut order, &history(&[(1, 1_000_003)]));
    let mut order = order.expect("created");
    order.customer.contact = Some(Private::Clear(order::value::Contact::default()));
    let group = personal::CUSTOMER;
    assert_eq!(row(&order).encode(), Err(Unsealed { group }));
}

#[test]
fn the_stored_parts_are_the_order_once_the_sealed_ones_are_appended() {
    let mut order = None;
    fold(
        &mut order,
        &history(&[(1, 1_000_003), (2, 77), (9, 12_345)]),
    );
    let order = order.expect("created");
    let bytes = row(&order).encode().expect("sealed");
    let stored = Stored::of(&bytes).expect("a row");
    assert_eq!(
        (stored.position, stored.version),
        ((3, 1 << 40), order.version)
    );
    assert_eq!(stored.customer().expect("sealed"), order.customer);
    let shown = api::order(&row(&order).order_id, &order);
    let sealed = v1::Order {
        customer: shown.customer.clone(),
        shipping_address: shown.shipping_address.clone(),
        ..v1::Order::default()
    };
    let whole = [stored.order, &sealed.encode_to_vec()].concat();
    assert_eq!(v1::Order::decode(&whole[..]), Ok(shown));
}

#[test]
fn the_fields_in_which_two_rows_differ_are_named() {
    let mut order = None;
    fold(&mut order, &history(&[(1, 1_000_003)]));
    let one = row(&order.expect("created"));
    let mut other = one.clone();
    other.position = (3, 5);
    other.order.failed_payments += 1;
    other.order.version += 1;
    other
        .order
        .tags
        .insert(order::value::Tag::new("planted").expect("a tag"));
    let [one, other] = [one, other].map(|row| row.encode().expect("sealed"));
    let names = differing_fields(&one, &other).expect("rows");
    assert_eq!(names, ["position", "failed_payments", "tags", "version"]);
    assert_eq!(differing_fields(&one, &one), Ok(Vec::new()));
    assert_eq!(differing_fields(&one, b"no row"), Err(InvalidRow));
}

#[test]
fn a_row_of_another_schema_is_refused() {
    let mut order = None;
    fold(&mut order, &history(&[(0, 7)]));
    let mut bytes = row(&order.expect("created")).encode().expect("sealed");
    bytes[0] += 1;
    assert_eq!(Row::decode(&bytes), Err(InvalidRow));
    assert_eq!(Row::decode(&[]), Err(InvalidRow));
}
