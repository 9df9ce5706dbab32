//! Which command each state allows: every cell of the table.

use order::command::{Annotate, AuthorizePayment, Create, Place};
use order::value::{CancelReason, HoldReason, OrderState, RefundKind, ShipmentOutcome, Timestamp};
use order::{Command, Moment, Order, Rejection, decide, evolve};

use crate::ask;
use crate::word::{pence, tag};

fn now() -> Moment {
    Moment::at(Timestamp::from_micros(1_700_000_000_000_000))
}

fn create(place: bool) -> Command {
    ask::create(Create {
        lines: vec![ask::line("MUG", 2, pence(500), 0)],
        place: place.then(Place::default),
        ..ask::blank()
    })
}

fn cancel_order() -> Command {
    ask::cancel_order(CancelReason::Customer)
}

fn ship() -> Command {
    ask::ship("S1", &[("L1", 2)])
}

fn deliver() -> Command {
    ask::close("S1", ShipmentOutcome::Delivered)
}

fn pay() -> Command {
    Command::AuthorizePayment(AuthorizePayment {
        capture: true,
        ..ask::authorize("P1", pence(1_000))
    })
}

fn after(commands: &[Command]) -> Option<Order> {
    let mut order = None;
    for command in commands {
        let events = decide(order.as_ref(), command, now()).expect("accepted");
        for event in &events {
            evolve(&mut order, event, now().occur_time);
        }
    }
    order
}

fn orders() -> Vec<(&'static str, Option<Order>)> {
    vec![
        ("absent", None),
        ("DRAFT", after(&[create(false)])),
        ("PLACED", after(&[create(true)])),
        (
            "COMPLETED",
            after(&[create(true), ship(), deliver(), pay()]),
        ),
        ("CANCELLED", after(&[create(true), cancel_order()])),
    ]
}

/// Every command, with its row of the table: absent, DRAFT, PLACED, COMPLETED, CANCELLED.
fn table() -> Vec<(Command, &'static str)> {
    let refund = ask::refund("P1", pence(1), RefundKind::Credit);
    let note = Annotate {
        add_tags: [tag("vip")].into(),
        ..Annotate::default()
    };
    vec![
        (create(false), "yeeee"),
        (ask::edit([]), "ny..."),
        (ask::place(), "ny..."),
        (pay(), "n.y.."),
        (ask::capture("P1", pence(1), "z"), "n.yyy"),
        (ask::void("P1", None), "n.yyy"),
        (ask::fail(pence(1), "z"), "n.y.y"),
        (Command::RefundPayment(refund), "n.yyy"),
        (ship(), "n.y.."),
        (deliver(), "n.y.."),
        (ask::cancel_items(&[("L1", 1)]), "n.y.."),
        (cancel_order(), "nyy.."),
        (ask::request_return("R1", &[("L1", 1)]), "n.yy."),
        (ask::receive_return("R1", &[("L1", 1)]), "n.yy."),
        (ask::hold(HoldReason::Other), "n.y.."),
        (ask::release(HoldReason::Other), "n.y.."),
        (ask::annotate(note), "nyyyy"),
        (Command::ErasePersonalData, "n..yy"),
    ]
}

#[test]
fn every_cell_of_state_and_command() {
    let (orders, table) = (orders(), table());
    assert_eq!(orders.len() * table.len(), 90);
    for (command, row) in &table {
        for ((state, order), cell) in orders.iter().zip(row.chars()) {
            let decided = decide(order.as_ref(), command, now());
            let right = match cell {
                'n' => decided == Err(Rejection::OrderNotFound),
                'e' => decided == Err(Rejection::OrderExists),
                '.' => matches!(decided, Err(Rejection::OrderStateInvalid { .. })),
                // Allowed: accepted, or refused by a guard and not for its state.
                _ => !matches!(
                    decided,
                    Err(Rejection::OrderStateInvalid { .. }
                        | Rejection::OrderNotFound
                        | Rejection::OrderExists)
                ),
            };
            assert!(right, "{command:?} on {state}: {decided:?}");
        }
    }
}

#[test]
fn a_delivered_and_paid_order_completes_by_itself() {
    for commands in [[ship(), deliver(), pay()], [pay(), ship(), deliver()]] {
        let mut all = vec![create(true)];
        all.extend(commands);
        assert_eq!(
            after(&all).map(|order| order.state),
            Some(OrderState::Completed)
        );
    }
}
