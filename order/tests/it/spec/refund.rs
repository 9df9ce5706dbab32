//! Paying back.

use order::command::RefundPayment;
use order::event::PaymentRefunded;
use order::value::{PaymentState, RefundKind};
use order::{Command, Event, Rejection};

use super::story::{
    completed, mugs_arrived_cups_cancelled, paid, placed, received, refunded, requested,
};
use super::{Given, given};
use crate::ask::refund;
use crate::word::{amount, cents, currency, payment_id, pence, psp, return_id};

/// Completed and paid with 2,300; then one mug, worth 500, came back.
fn one_mug_back() -> Given {
    given(completed()).and([
        requested("R1", &[("L1", 1)]),
        received("R1", &[("L1", 1, 500, 83)]),
    ])
}

fn of_return(name: &str, minor_units: i64, kind: RefundKind) -> Command {
    Command::RefundPayment(RefundPayment {
        return_id: Some(return_id(name)),
        ..refund("P1", pence(minor_units), kind)
    })
}

fn credit(minor_units: i64) -> Command {
    Command::RefundPayment(refund("P1", pence(minor_units), RefundKind::Credit))
}

fn goodwill(minor_units: i64) -> Command {
    Command::RefundPayment(refund("P1", pence(minor_units), RefundKind::Goodwill))
}

fn exceeded(requested: i64, available: i64) -> Rejection {
    Rejection::AmountExceeded {
        requested: amount(requested),
        available: amount(available),
    }
}

#[test]
fn what_is_owed_is_paid_back() {
    let back = Event::PaymentRefunded(refunded("P1", 500, RefundKind::Credit));
    one_mug_back().when(credit(500)).then([back.clone()]);
    let order = one_mug_back().and([back]).order();
    assert_eq!(order.payment_state(), PaymentState::PartiallyRefunded);
    assert_eq!(order.balance(), amount(0));
}

#[test]
fn no_more_is_paid_back_than_is_owed() {
    one_mug_back()
        .when(credit(501))
        .then_refused(exceeded(501, 500));
    given(completed())
        .when(credit(1))
        .then_refused(exceeded(1, 0));
    given(placed())
        .and(paid("P1", 100))
        .when(credit(1))
        .then_refused(exceeded(1, 0));
}

#[test]
fn a_refund_can_name_the_return_it_pays_back() {
    let back = |minor_units| {
        Event::PaymentRefunded(PaymentRefunded {
            return_id: Some(return_id("R1")),
            ..refunded("P1", minor_units, RefundKind::Credit)
        })
    };
    one_mug_back()
        .when(of_return("R1", 500, RefundKind::Credit))
        .then([back(500)]);
    // Another mug came back, as another return: more is owed, but not for the first.
    let again = one_mug_back().and([
        back(300),
        requested("R2", &[("L1", 1)]),
        received("R2", &[("L1", 1, 500, 84)]),
    ]);
    let mut command = refund("P1", pence(201), RefundKind::Credit);
    command.return_id = Some(return_id("R1"));
    command.psp_reference = psp("another");
    again
        .when(Command::RefundPayment(command))
        .then_refused(exceeded(201, 200));
}

#[test]
fn goodwill_lowers_what_the_order_is_worth() {
    let given_on_top = Event::PaymentRefunded(refunded("P1", 300, RefundKind::Goodwill));
    given(completed())
        .when(goodwill(300))
        .then([given_on_top.clone()]);
    let totals = given(completed()).and([given_on_top]).order().totals();
    assert_eq!(
        (totals.net_total, totals.goodwill),
        (amount(2_000), amount(300))
    );
    assert_eq!(
        (totals.balance, totals.placed_total),
        (amount(0), amount(2_300))
    );
}

#[test]
fn goodwill_is_at_most_what_was_captured_and_what_the_order_is_worth() {
    let half_paid = given(placed()).and(paid("P1", 1_000));
    half_paid
        .when(goodwill(1_001))
        .then_refused(exceeded(1_001, 1_000));
    one_mug_back()
        .when(goodwill(1_801))
        .then_refused(exceeded(1_801, 1_800));
}

#[test]
fn goodwill_names_no_return() {
    one_mug_back()
        .when(of_return("R1", 1, RefundKind::Goodwill))
        .then_invalid(&["return_id"]);
}

#[test]
fn a_refund_names_a_payment_and_a_return_that_are_there() {
    let unknown = Rejection::PaymentNotFound(payment_id("P1"));
    given(placed()).when(credit(1)).then_refused(unknown);
    one_mug_back()
        .when(of_return("R2", 1, RefundKind::Credit))
        .then_refused(Rejection::ReturnNotFound(return_id("R2")));
}

#[test]
fn a_refund_is_recorded_once_and_in_the_order_s_currency() {
    let back = Event::PaymentRefunded(refunded("P1", 100, RefundKind::Credit));
    let seen = Rejection::PspReferenceSeen(psp("r-P1"));
    one_mug_back()
        .and([back])
        .when(credit(100))
        .then_refused(seen);
    let foreign = Rejection::CurrencyMismatch {
        field: "amount".to_owned(),
        expected: currency("GBP"),
        actual: currency("EUR"),
    };
    let command = refund("P1", cents(100), RefundKind::Credit);
    one_mug_back()
        .when(Command::RefundPayment(command))
        .then_refused(foreign);
}

#[test]
fn paying_the_last_credit_back_completes_what_was_delivered() {
    // Two cups were cancelled after everything was paid; the mugs arrived.
    let back = Event::PaymentRefunded(refunded("P1", 500, RefundKind::Credit));
    given(mugs_arrived_cups_cancelled())
        .when(credit(500))
        .then([back, Event::OrderCompleted]);
}
