//! Authorising, capturing, releasing, declining.

use order::command::AuthorizePayment;
use order::value::CancelReason;
use order::{Command, Event, Rejection};

use super::story::{
    all_cancelled, arrived, authorized, captured, failed, gone, paid, placed, voided,
};
use super::{given, now};
use crate::ask::{authorize, capture, fail, void};
use crate::word::{amount, cents, currency, payment_id, pence, psp};

fn exceeded(requested: i64, available: i64) -> Rejection {
    Rejection::AmountExceeded {
        requested: amount(requested),
        available: amount(available),
    }
}

fn foreign() -> Rejection {
    Rejection::CurrencyMismatch {
        field: "amount".to_owned(),
        expected: currency("GBP"),
        actual: currency("EUR"),
    }
}

fn unknown(payment: &str) -> Rejection {
    Rejection::PaymentNotFound(payment_id(payment))
}

#[test]
fn an_authorisation_promises_and_moves_nothing() {
    let command = Command::AuthorizePayment(authorize("P1", pence(2_300)));
    given(placed())
        .when(command)
        .then([authorized("P1", 2_300)]);
}

#[test]
fn a_sale_in_one_step_is_two_facts_with_one_reference() {
    let mut sale = authorize("P1", pence(2_300));
    sale.capture = true;
    given(placed())
        .when(Command::AuthorizePayment(sale))
        .then([authorized("P1", 2_300), captured("P1", 2_300, "a-P1")]);
}

#[test]
fn a_payment_without_a_name_gets_the_next_that_is_free() {
    let mut nameless = authorize("P3", pence(100));
    nameless.payment_id = None;
    given(placed())
        .and([authorized("P2", 100)])
        .when(Command::AuthorizePayment(nameless))
        .then([authorized("P3", 100)]);
}

#[test]
fn an_authorisation_keeps_the_time_it_lapses() {
    let expire_time = Some(now().plus_seconds(60));
    let command = AuthorizePayment {
        expire_time,
        ..authorize("P1", pence(1))
    };
    let events = given(placed())
        .when(Command::AuthorizePayment(command))
        .accepted();
    let [Event::PaymentAuthorized(authorized)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(authorized.expire_time, expire_time);
}

#[test]
fn the_last_payment_completes_what_was_delivered() {
    let mut sale = authorize("P1", pence(2_300));
    sale.capture = true;
    given(arrived())
        .when(Command::AuthorizePayment(sale))
        .then([
            authorized("P1", 2_300),
            captured("P1", 2_300, "a-P1"),
            Event::OrderCompleted,
        ]);
}

#[test]
fn nobody_promises_twice_for_one_debt() {
    let command = |minor_units| Command::AuthorizePayment(authorize("P2", pence(minor_units)));
    let promised = || given(placed()).and([authorized("P1", 2_000)]);
    promised().when(command(300)).then([authorized("P2", 300)]);
    promised()
        .when(command(301))
        .then_refused(exceeded(301, 300));
    let owed = given(placed())
        .and(paid("P1", 2_300))
        .and([all_but_a_cup_cancelled()]);
    owed.when(command(1)).then_refused(exceeded(1, 0));
}

fn all_but_a_cup_cancelled() -> Event {
    Event::ItemsCancelled {
        items: gone(&[("L1", 3, 1_500, 250), ("L2", 1, 250, 0)]),
        reason: CancelReason::Inventory,
    }
}

#[test]
fn a_payment_is_authorised_once() {
    let command = Command::AuthorizePayment(authorize("P1", pence(1)));
    given(placed())
        .and([authorized("P1", 1)])
        .when(command)
        .then_refused(Rejection::PaymentExists(payment_id("P1")));
}

#[test]
fn a_reference_is_recorded_once_of_each_kind() {
    let with = |reference: &str, capture| {
        Command::AuthorizePayment(AuthorizePayment {
            psp_reference: psp(reference),
            capture,
            ..authorize("P2", pence(1))
        })
    };
    let story =
        || given(placed()).and([authorized("P1", 9), captured("P1", 1, "c"), failed(1, "f")]);
    let seen = |reference: &str| Rejection::PspReferenceSeen(psp(reference));
    story().when(with("a-P1", false)).then_refused(seen("a-P1"));
    story().when(with("c", true)).then_refused(seen("c"));
    story()
        .when(capture("P1", pence(1), "c"))
        .then_refused(seen("c"));
    story().when(fail(pence(1), "f")).then_refused(seen("f"));
    story().when(fail(pence(1), "c")).then([failed(1, "c")]);
    let released = story().and([voided("P1", 8, Some("v")), authorized("P3", 1)]);
    released.when(void("P3", Some("v"))).then_refused(seen("v"));
}

#[test]
fn a_payment_is_in_the_order_s_currency() {
    let story = || given(placed()).and([authorized("P1", 100)]);
    let command = Command::AuthorizePayment(authorize("P2", cents(1)));
    story().when(command).then_refused(foreign());
    story()
        .when(capture("P1", cents(1), "c"))
        .then_refused(foreign());
    story().when(fail(cents(1), "f")).then_refused(foreign());
}

#[test]
fn an_authorisation_is_captured_in_parts() {
    let story = || given(placed()).and([authorized("P1", 2_300), captured("P1", 800, "c1")]);
    story()
        .when(capture("P1", pence(1_500), "c2"))
        .then([captured("P1", 1_500, "c2")]);
    story()
        .when(capture("P1", pence(1_501), "c2"))
        .then_refused(exceeded(1_501, 1_500));
}

#[test]
fn money_that_moved_is_recorded_even_if_nothing_is_due_any_more() {
    given(placed())
        .and([
            authorized("P1", 2_300),
            all_cancelled(CancelReason::Customer),
        ])
        .when(capture("P1", pence(2_300), "c"))
        .then([captured("P1", 2_300, "c")]);
}

#[test]
fn capturing_the_rest_completes_what_was_delivered() {
    given(arrived())
        .and([authorized("P1", 2_300)])
        .when(capture("P1", pence(2_300), "c"))
        .then([captured("P1", 2_300, "c"), Event::OrderCompleted]);
}

#[test]
fn only_a_payment_that_is_there_is_captured_or_released() {
    given(placed())
        .when(capture("P1", pence(1), "c"))
        .then_refused(unknown("P1"));
    given(placed())
        .when(void("P1", None))
        .then_refused(unknown("P1"));
}

#[test]
fn releasing_lets_go_of_what_was_not_captured() {
    let story = || given(placed()).and([authorized("P1", 2_300), captured("P1", 800, "c")]);
    story()
        .when(void("P1", None))
        .then([voided("P1", 1_500, None)]);
    story()
        .when(void("P1", Some("v")))
        .then([voided("P1", 1_500, Some("v"))]);
}

#[test]
fn a_payment_with_nothing_open_is_closed() {
    let closed = || Rejection::PaymentClosed(payment_id("P1"));
    let taken = given(placed()).and(paid("P1", 2_300));
    taken.when(void("P1", None)).then_refused(closed());
    let released = given(placed()).and([authorized("P1", 2_300), voided("P1", 2_300, None)]);
    released.when(void("P1", None)).then_refused(closed());
}

#[test]
fn what_was_released_can_be_promised_again() {
    given(placed())
        .and([authorized("P1", 2_300), voided("P1", 2_300, None)])
        .when(Command::AuthorizePayment(authorize("P2", pence(2_300))))
        .then([authorized("P2", 2_300)]);
}

#[test]
fn a_decline_changes_no_sum() {
    let declined = given(placed()).and([failed(2_300, "f")]).order();
    assert_eq!(declined.totals(), given(placed()).order().totals());
    assert_eq!(declined.failed_payments, 1);
    given(placed())
        .when(fail(pence(2_300), "f"))
        .then([failed(2_300, "f")]);
    let cancelled = given(placed()).and([all_cancelled(CancelReason::Customer)]);
    cancelled
        .when(fail(pence(2_300), "f"))
        .then([failed(2_300, "f")]);
}
