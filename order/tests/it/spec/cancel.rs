//! Cancelling, in part and whole.

use order::value::{CancelReason, HoldReason, OrderState, PaymentTerms};
use order::{Event, Rejection};

use super::story::{
    agreed, all_cancelled, authorized, created, delivered, drafted, gone, held, line_added, lost,
    paid, placed, placed_on, shipped, voided,
};
use super::{given, now};
use crate::ask::{cancel_items, cancel_order};
use crate::word::{amount, line_id};

fn items_cancelled(lines: &[(&str, u32, i64, i64)]) -> Event {
    Event::ItemsCancelled {
        items: gone(lines),
        reason: CancelReason::Inventory,
    }
}

fn order_cancelled(
    lines: &[(&str, u32, i64, i64)],
    (value, tax): (i64, i64),
    reason: CancelReason,
) -> Event {
    Event::OrderCancelled {
        items: gone(lines),
        shipping_value: amount(value),
        shipping_tax: amount(tax),
        reason,
    }
}

#[test]
fn cancelled_units_are_worth_their_share_and_shares_add_up() {
    // Seven for 10.00: the first are worth 1.43, 1.43, 1.43, 1.42, 1.43, 1.43 and 1.43.
    let seven = [
        created(PaymentTerms::OnAccount),
        line_added("L1", "MUG", 7, 143, 0),
        agreed(&[("L1", 1, 100, 1_000)], (0, 0), 1_000, None),
    ];
    let story = || given(seven.clone());
    let three = items_cancelled(&[("L1", 3, 429, 43)]);
    story()
        .when(cancel_items(&[("L1", 3)]))
        .then([three.clone()]);
    let next = items_cancelled(&[("L1", 1, 142, 14)]);
    story()
        .and([three.clone()])
        .when(cancel_items(&[("L1", 1)]))
        .then([next.clone()]);
    let rest = order_cancelled(&[("L1", 3, 429, 43)], (0, 0), CancelReason::Fraud);
    story()
        .and([three, next])
        .when(cancel_order(CancelReason::Fraud))
        .then([rest]);
}

#[test]
fn what_has_shipped_is_not_cancelled() {
    let story = given(placed()).and([shipped("S1", &[("L1", 2)])]);
    story
        .when(cancel_items(&[("L1", 2)]))
        .then_refused(Rejection::QuantityExceeded {
            line_id: line_id("L1"),
            requested: 2,
            available: 1,
        });
}

#[test]
fn items_name_lines_of_the_order_each_once() {
    let unknown = Rejection::LineNotFound(line_id("L3"));
    given(placed())
        .when(cancel_items(&[("L3", 1)]))
        .then_refused(unknown);
    let twice = cancel_items(&[("L1", 1), ("L1", 1)]);
    given(placed())
        .when(twice)
        .then_invalid(&["items[1].line_id"]);
}

#[test]
fn something_must_remain_of_an_order() {
    let all_but_one = items_cancelled(&[("L1", 2, 1_000, 167), ("L2", 2, 500, 0)]);
    given(placed())
        .when(cancel_items(&[("L1", 2), ("L2", 2)]))
        .then([all_but_one.clone()]);
    given(placed())
        .when(cancel_items(&[("L1", 3), ("L2", 2)]))
        .then_refused(Rejection::LastItems);
    given(placed())
        .and([all_but_one])
        .when(cancel_items(&[("L1", 1)]))
        .then_refused(Rejection::LastItems);
}

#[test]
fn cancelling_the_rest_completes_what_was_delivered() {
    given(placed())
        .and(paid("P1", 1_800))
        .and([shipped("S1", &[("L1", 3)]), delivered("S1")])
        .when(cancel_items(&[("L2", 2)]))
        .then([items_cancelled(&[("L2", 2, 500, 0)]), Event::OrderCompleted]);
}

#[test]
fn cancelling_an_order_cancels_what_is_left_of_it_and_its_shipping() {
    let left = order_cancelled(
        &[("L1", 2, 1_000, 167), ("L2", 2, 500, 0)],
        (300, 50),
        CancelReason::Customer,
    );
    given(placed())
        .and([items_cancelled(&[("L1", 1, 500, 83)])])
        .when(cancel_order(CancelReason::Customer))
        .then([left]);
}

#[test]
fn a_cancelled_order_has_no_holds_and_keeps_its_promises_open() {
    let order = given(placed())
        .and([authorized("P1", 2_300), held(HoldReason::Other)])
        .and([all_cancelled(CancelReason::Customer)])
        .order();
    assert_eq!(order.state, OrderState::Cancelled);
    assert!(!order.is_on_hold());
    assert_eq!(order.open_authorizations(), amount(2_300));
    assert_eq!(order.totals().net_total, amount(0));
}

#[test]
fn a_draft_is_cancelled_and_was_worth_nothing() {
    let reason = CancelReason::Customer;
    let nothing = order_cancelled(&[("L1", 3, 0, 0), ("L2", 2, 0, 0)], (0, 0), reason);
    given(drafted()).when(cancel_order(reason)).then([nothing]);
}

#[test]
fn an_order_of_which_something_left_is_not_cancelled() {
    let on_its_way = || given(placed()).and([shipped("S1", &[("L1", 1)])]);
    on_its_way()
        .when(cancel_order(CancelReason::Customer))
        .then_refused(Rejection::OrderShipped);
    on_its_way()
        .and([lost("S1")])
        .when(cancel_order(CancelReason::Customer))
        .then([all_cancelled(CancelReason::Customer)]);
}

#[test]
fn want_of_payment_cancels_an_order_that_is_overdue_and_neither_paid_nor_promised() {
    let timeout = || cancel_order(CancelReason::PaymentTimeout);
    let due_in = |seconds: i64| placed_on(PaymentTerms::Prepaid, Some(now().plus_seconds(seconds)));
    let not_overdue = |due_time| Rejection::PaymentNotOverdue { due_time };
    let cancelled = || all_cancelled(CancelReason::PaymentTimeout);
    let due = Some(now());

    given(due_in(0)).when(timeout()).then([cancelled()]);
    given(placed())
        .when(timeout())
        .then_refused(not_overdue(None));
    let early = Some(now().plus_seconds(1));
    given(due_in(1))
        .when(timeout())
        .then_refused(not_overdue(early));
    let promised = given(due_in(0)).and([authorized("P1", 1)]);
    promised.when(timeout()).then_refused(not_overdue(due));
    let taken = given(due_in(0)).and(paid("P1", 1));
    taken.when(timeout()).then_refused(not_overdue(due));
    let released = given(due_in(0)).and([authorized("P1", 1), voided("P1", 1, None)]);
    released.when(timeout()).then([cancelled()]);
}
