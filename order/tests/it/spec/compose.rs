//! Creating an order, and placing it.

use order::command::{Create, Discount, DiscountValue, Place};
use order::value::{MetadataKey, PaymentTerms, Text};
use order::{Command, Rejection};

use super::story::{agreed, created, drafted, drafted_on, line_added, placed, shipping_set};
use super::{given, now};
use crate::ask::{blank, create, line, named, place, post};
use crate::word::{amount, cents, currency, discount_id, line_id, pence, rate, tag};

/// The order of the story, as it is asked for.
fn mugs_and_cups() -> Create {
    Create {
        lines: vec![
            line("MUG", 3, pence(500), 200_000),
            line("CUP", 2, pence(250), 0),
        ],
        shipping: Some(post(pence(300), 200_000)),
        ..blank()
    }
}

fn off(line_ids: &[&str], value: DiscountValue) -> Discount {
    Discount {
        discount_id: None,
        label: Text::default(),
        line_ids: line_ids.iter().map(|name| line_id(name)).collect(),
        value,
    }
}

fn placing(expected_total: i64) -> Place {
    Place {
        expected_total: Some(pence(expected_total)),
        payment_due_time: None,
    }
}

#[test]
fn an_order_begins_as_a_draft_with_its_lines_in_order() {
    given([]).when(create(mugs_and_cups())).then(drafted());
}

#[test]
fn creating_and_placing_is_one_commit() {
    let place = Some(placing(2_300));
    given([])
        .when(create(Create {
            place,
            ..mugs_and_cups()
        }))
        .then(placed());
}

#[test]
fn an_id_that_is_assigned_steps_over_those_that_are_brought() {
    let mut order = blank();
    order.lines = ["A", "B", "C"].map(|sku| line(sku, 1, pence(1), 0)).into();
    order.lines[1] = named("L1", order.lines[1].clone());
    given([]).when(create(order)).then([
        created(PaymentTerms::OnAccount),
        line_added("L2", "A", 1, 1, 0),
        line_added("L1", "B", 1, 1, 0),
        line_added("L3", "C", 1, 1, 0),
    ]);
}

#[test]
fn an_order_begins_once() {
    given(drafted())
        .when(create(mugs_and_cups()))
        .then_refused(Rejection::OrderExists);
}

#[test]
fn no_command_but_creation_meets_an_absent_order() {
    given([])
        .when(place())
        .then_refused(Rejection::OrderNotFound);
}

#[test]
fn two_lines_cannot_have_one_name() {
    let line = named("a", line("MUG", 1, pence(1), 0));
    let lines = vec![line.clone(), line];
    given([])
        .when(create(Create { lines, ..blank() }))
        .then_refused(Rejection::LineExists(line_id("a")));
}

#[test]
fn all_money_of_an_order_is_in_its_currency() {
    let foreign = |field: &str| Rejection::CurrencyMismatch {
        field: field.to_owned(),
        expected: currency("GBP"),
        actual: currency("EUR"),
    };
    let mut order = mugs_and_cups();
    order.lines[1].unit_price = cents(250);
    given([])
        .when(create(order))
        .then_refused(foreign("lines[1].unit_price"));

    let shipping = Some(post(cents(300), 0));
    let order = Create {
        shipping,
        ..mugs_and_cups()
    };
    given([])
        .when(create(order))
        .then_refused(foreign("shipping.price"));

    let agreed = Place {
        expected_total: Some(cents(2_300)),
        payment_due_time: None,
    };
    let place = Some(agreed.clone());
    let order = Create {
        place,
        ..mugs_and_cups()
    };
    given([])
        .when(create(order))
        .then_refused(foreign("place.expected_total"));
    given(drafted())
        .when(Command::Place(agreed))
        .then_refused(foreign("expected_total"));
}

#[test]
fn a_discount_names_lines_that_are_there() {
    let discounts = vec![off(&["L3"], DiscountValue::Fixed(amount(1)))];
    given([])
        .when(create(Create {
            discounts,
            ..mugs_and_cups()
        }))
        .then_refused(Rejection::LineNotFound(line_id("L3")));
}

#[test]
fn two_discounts_cannot_have_one_name() {
    let discount = Discount {
        discount_id: Some(discount_id("spring")),
        ..off(&[], DiscountValue::Fixed(amount(1)))
    };
    let discounts = vec![discount.clone(), discount];
    given([])
        .when(create(Create {
            discounts,
            ..mugs_and_cups()
        }))
        .then_invalid(&["discounts[1].discount_id"]);
}

#[test]
fn an_order_has_at_most_fifty_tags_fifty_pairs_and_two_thousand_lines() {
    let refused = |order: Create, what, limit| {
        given([])
            .when(create(order))
            .then_refused(Rejection::LimitExceeded { what, limit });
    };
    let key = |n: i32| MetadataKey::new(&n.to_string()).expect("valid");
    let tags = (0..51).map(|n| tag(&n.to_string())).collect();
    refused(Create { tags, ..blank() }, "tags", 50);
    let metadata = (0..51).map(|n| (key(n), Text::default())).collect();
    refused(
        Create {
            metadata,
            ..blank()
        },
        "metadata pairs",
        50,
    );
    let lines = vec![line("MUG", 1, pence(1), 0); 2_001];
    refused(Create { lines, ..blank() }, "lines", 2_000);
}

#[test]
fn an_order_that_nobody_could_pay_for_is_refused() {
    let lines = vec![line("MOON", 2, pence(500_000_000_000_001), 0)];
    let too_large = Rejection::LimitExceeded {
        what: "minor units of an amount",
        limit: 1_000_000_000_000_000,
    };
    given([])
        .when(create(Create { lines, ..blank() }))
        .then_refused(too_large);
}

#[test]
fn goods_beyond_the_bound_are_refused_even_if_a_discount_brings_the_total_back() {
    let order = Create {
        lines: vec![line("MOON", 1, pence(1_000_000_000_000_000), 0); 2],
        discounts: vec![off(&["L1"], DiscountValue::Rate(rate(1_000_000)))],
        ..blank()
    };
    let too_large = Rejection::LimitExceeded {
        what: "minor units of an amount",
        limit: 1_000_000_000_000_000,
    };
    given([]).when(create(order)).then_refused(too_large);
}

#[test]
fn placing_freezes_the_money_of_every_line() {
    given(drafted()).when(place()).then([agreed(
        &[("L1", 0, 250, 1_500), ("L2", 0, 0, 500)],
        (300, 50),
        2_300,
        None,
    )]);
}

#[test]
fn tax_comes_on_top_when_prices_exclude_it() {
    let order = Create {
        prices_include_tax: false,
        place: Some(placing(2_660)),
        ..mugs_and_cups()
    };
    let events = given([]).when(create(order)).accepted();
    let lines = [("L1", 0, 300, 1_800), ("L2", 0, 0, 500)];
    assert_eq!(events.last(), Some(&agreed(&lines, (360, 60), 2_660, None)));
}

#[test]
fn discounts_on_lines_come_before_those_on_the_order() {
    let order = Create {
        // A tenth of everything is listed first, and taken off what the mugs' discount left.
        discounts: vec![
            off(&[], DiscountValue::Rate(rate(100_000))),
            off(&["L1"], DiscountValue::Fixed(amount(499))),
        ],
        shipping: None,
        place: Some(Place::default()),
        ..mugs_and_cups()
    };
    // 1,001 and 500 are left; a tenth of 1,501 is 150, of which 100.03 and 49.97 are their shares.
    let lines = [("L1", 599, 150, 901), ("L2", 50, 0, 450)];
    let events = given([]).when(create(order)).accepted();
    assert_eq!(events.last(), Some(&agreed(&lines, (0, 0), 1_351, None)));
}

#[test]
fn an_order_without_lines_is_not_placed() {
    let empty = [created(PaymentTerms::OnAccount), shipping_set(300, 0)];
    given(empty)
        .when(place())
        .then_refused(Rejection::OrderEmpty);
}

#[test]
fn another_total_than_the_customer_agreed_to_is_not_placed() {
    let mismatch = Rejection::TotalMismatch {
        expected: amount(2_299),
        actual: amount(2_300),
    };
    given(drafted())
        .when(Command::Place(placing(2_299)))
        .then_refused(mismatch);
}

#[test]
fn only_a_prepaid_order_is_due_and_only_in_the_future() {
    let due = |seconds: i64| {
        Command::Place(Place {
            expected_total: None,
            payment_due_time: Some(now().plus_seconds(seconds)),
        })
    };
    let prepaid = || given(drafted_on(PaymentTerms::Prepaid));
    let lines = [("L1", 0, 250, 1_500), ("L2", 0, 0, 500)];
    let in_time = Some(now().plus_seconds(1));
    prepaid()
        .when(due(1))
        .then([agreed(&lines, (300, 50), 2_300, in_time)]);
    prepaid().when(due(0)).then_invalid(&["payment_due_time"]);
    given(drafted())
        .when(due(1))
        .then_invalid(&["payment_due_time"]);
}
