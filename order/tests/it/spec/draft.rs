//! Editing a draft.

use order::command::{Discount, DiscountValue, EditAction};
use order::value::{Customer, CustomerId, PaymentTerms, Text};
use order::{Event, Rejection, event};

use super::given;
use super::story::{created, drafted, line_added, shipping_set};
use crate::ask::{edit, line, named, post};
use crate::word::{amount, cents, currency, discount_id, line_id, pence, units};

fn set_quantity(line: &str, quantity: u32) -> EditAction {
    EditAction::SetQuantity {
        line_id: line_id(line),
        quantity: units(quantity),
    }
}

fn remove(line: &str) -> EditAction {
    EditAction::RemoveLine {
        line_id: line_id(line),
    }
}

fn removed(line: &str) -> Event {
    Event::LineRemoved {
        line_id: line_id(line),
    }
}

fn ten_off(id: Option<&str>) -> Discount {
    Discount {
        discount_id: id.map(discount_id),
        label: Text::default(),
        line_ids: vec![line_id("L1")],
        value: DiscountValue::Fixed(amount(10)),
    }
}

fn discounts_set(id: &str) -> Event {
    Event::DiscountsSet {
        discounts: vec![event::Discount {
            discount_id: discount_id(id),
            label: Text::default(),
            line_ids: vec![line_id("L1")],
            value: DiscountValue::Fixed(amount(10)),
        }],
    }
}

fn ada() -> Customer {
    Customer {
        id: Some(CustomerId::new("ada").expect("valid")),
        contact: None,
    }
}

#[test]
fn every_action_is_one_event() {
    let actions = [
        EditAction::AddLine(line("JUG", 1, pence(900), 0)),
        set_quantity("L1", 4),
        remove("L2"),
        EditAction::SetShipping(post(pence(0), 0)),
        EditAction::SetDiscounts(vec![ten_off(None)]),
        EditAction::SetCustomer(ada()),
    ];
    given(drafted()).when(edit(actions)).then([
        line_added("L3", "JUG", 1, 900, 0),
        Event::LineQuantitySet {
            line_id: line_id("L1"),
            quantity: units(4_u32),
        },
        removed("L2"),
        shipping_set(0, 0),
        discounts_set("D1"),
        Event::CustomerSet { customer: ada() },
    ]);
}

#[test]
fn an_action_that_changes_nothing_emits_nothing() {
    let actions = [
        set_quantity("L1", 3),
        EditAction::SetShipping(post(pence(300), 200_000)),
        EditAction::SetDiscounts(vec![ten_off(Some("D1"))]),
        EditAction::SetCustomer(Customer::default()),
    ];
    given(drafted())
        .and([discounts_set("D1")])
        .when(edit(actions))
        .then_nothing();
}

#[test]
fn all_actions_apply_or_none() {
    let actions = [set_quantity("L1", 4), remove("L3")];
    given(drafted())
        .when(edit(actions))
        .then_refused(Rejection::LineNotFound(line_id("L3")));
}

#[test]
fn actions_see_those_before_them() {
    let add = EditAction::AddLine(line("JUG", 1, pence(900), 0));
    given(drafted())
        .when(edit([add, remove("L3")]))
        .then([line_added("L3", "JUG", 1, 900, 0), removed("L3")]);
    given(drafted())
        .when(edit([remove("L2"), set_quantity("L2", 1)]))
        .then_refused(Rejection::LineNotFound(line_id("L2")));
}

#[test]
fn an_id_that_was_assigned_is_not_assigned_again() {
    let add = EditAction::AddLine(line("JUG", 1, pence(900), 0));
    given(drafted())
        .and([removed("L2")])
        .when(edit([add]))
        .then([line_added("L3", "JUG", 1, 900, 0)]);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let add = EditAction::AddLine(named("L2", line("JUG", 1, pence(900), 0)));
    given(drafted())
        .when(edit([add]))
        .then_refused(Rejection::LineExists(line_id("L2")));
}

#[test]
fn a_discount_names_a_line_that_is_still_there() {
    let actions = [remove("L1"), EditAction::SetDiscounts(vec![ten_off(None)])];
    given(drafted())
        .when(edit(actions))
        .then_refused(Rejection::LineNotFound(line_id("L1")));
}

#[test]
fn new_prices_are_in_the_order_s_currency() {
    let foreign = |field: &str| Rejection::CurrencyMismatch {
        field: field.to_owned(),
        expected: currency("GBP"),
        actual: currency("EUR"),
    };
    let add = EditAction::AddLine(line("JUG", 1, cents(900), 0));
    given(drafted())
        .when(edit([remove("L1"), add]))
        .then_refused(foreign("actions[1].add_line.unit_price"));
    given(drafted())
        .when(edit([EditAction::SetShipping(post(cents(1), 0))]))
        .then_refused(foreign("actions[0].set_shipping.price"));
}

#[test]
fn a_draft_grows_to_two_thousand_lines() {
    let lines = (1..2_000).map(|n| line_added(&format!("L{n}"), "MUG", 1, 1, 0));
    let almost_full = || given([created(PaymentTerms::OnAccount)]).and(lines.clone());
    let add = || EditAction::AddLine(line("MUG", 1, pence(1), 0));
    almost_full()
        .when(edit([add()]))
        .then([line_added("L2000", "MUG", 1, 1, 0)]);
    almost_full()
        .when(edit([add(), add()]))
        .then_refused(Rejection::LimitExceeded {
            what: "lines",
            limit: 2_000,
        });
}

#[test]
fn a_draft_that_nobody_could_pay_for_is_refused() {
    let add = EditAction::AddLine(line("MOON", 2, pence(500_000_000_000_000), 0));
    given(drafted())
        .when(edit([add]))
        .then_refused(Rejection::LimitExceeded {
            what: "minor units of an amount",
            limit: 1_000_000_000_000_000,
        });
}
