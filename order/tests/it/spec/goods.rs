//! Shipments and returns.

use order::command::{RequestReturn, ShipItems};
use order::value::{
    FulfillmentState, HoldReason, PaymentTerms, ReturnReason, ReturnState, ShipmentOutcome, Text,
};
use order::{Command, Event, Rejection};

use super::given;
use super::story::{
    arrived, authorized, completed, delivered, held, lost, paid, placed, placed_on, received,
    requested, shipped,
};
use crate::ask::{close, items, receive_return, request_return, ship};
use crate::word::{amount, line_id, return_id, shipment_id, text};

fn exceeded(line: &str, requested: u32, available: u32) -> Rejection {
    Rejection::QuantityExceeded {
        line_id: line_id(line),
        requested,
        available,
    }
}

#[test]
fn an_order_on_account_ships_first() {
    let parcel = [("L1", 2), ("L2", 2)];
    given(placed())
        .when(ship("S1", &parcel))
        .then([shipped("S1", &parcel)]);
}

#[test]
fn shipments_and_returns_without_a_name_get_the_next_that_is_free() {
    let parcel = Command::ShipItems(ShipItems {
        shipment_id: None,
        items: items(&[("L1", 1)]),
        carrier: text("van"),
        tracking_number: Text::default(),
    });
    let story = given(placed()).and([shipped("S2", &[("L2", 1)])]);
    story.when(parcel).then([shipped("S3", &[("L1", 1)])]);
    let back = Command::RequestReturn(RequestReturn {
        return_id: None,
        items: items(&[("L1", 1)]),
        return_reason: ReturnReason::Damaged,
    });
    given(arrived())
        .when(back)
        .then([requested("R1", &[("L1", 1)])]);
}

#[test]
fn a_prepaid_order_ships_when_captures_and_promises_cover_it() {
    let prepaid = || given(placed_on(PaymentTerms::Prepaid, None)).and(paid("P1", 2_000));
    prepaid()
        .when(ship("S1", &[("L1", 1)]))
        .then_refused(Rejection::PaymentNotCovered {
            covered: amount(2_000),
            required: amount(2_300),
        });
    prepaid()
        .and([authorized("P2", 300)])
        .when(ship("S1", &[("L1", 1)]))
        .then([shipped("S1", &[("L1", 1)])]);
}

#[test]
fn an_order_on_hold_does_not_ship() {
    given(placed())
        .and([held(HoldReason::Other), held(HoldReason::Address)])
        .when(ship("S1", &[("L1", 1)]))
        .then_refused(Rejection::OrderOnHold {
            holds: vec![HoldReason::Address, HoldReason::Other],
        });
}

#[test]
fn no_more_ships_than_is_left() {
    let story = || given(placed()).and([shipped("S1", &[("L1", 2)])]);
    let left = [("L2", 2), ("L1", 1)];
    story().when(ship("S2", &left)).then([shipped("S2", &left)]);
    story()
        .when(ship("S2", &[("L2", 2), ("L1", 2)]))
        .then_refused(exceeded("L1", 2, 1));
}

#[test]
fn a_parcel_has_a_new_name_and_each_line_of_the_order_once() {
    let story = || given(placed()).and([shipped("S1", &[("L1", 1)])]);
    let exists = Rejection::ShipmentExists(shipment_id("S1"));
    story().when(ship("S1", &[("L2", 1)])).then_refused(exists);
    let unknown = Rejection::LineNotFound(line_id("L3"));
    story().when(ship("S2", &[("L3", 1)])).then_refused(unknown);
    let twice = [("L1", 1), ("L2", 1), ("L1", 1), ("L2", 1)];
    story()
        .when(ship("S2", &twice))
        .then_invalid(&["items[2].line_id", "items[3].line_id"]);
}

#[test]
fn a_parcel_arrives_or_is_lost_once() {
    let story = || given(placed()).and([shipped("S1", &[("L1", 3)])]);
    let close = |outcome| close("S1", outcome);
    story()
        .when(close(ShipmentOutcome::Delivered))
        .then([delivered("S1")]);
    story()
        .when(close(ShipmentOutcome::Failed))
        .then([lost("S1")]);
    let closed = || Rejection::ShipmentClosed(shipment_id("S1"));
    let arrived = story().and([delivered("S1")]);
    arrived
        .when(close(ShipmentOutcome::Failed))
        .then_refused(closed());
    let gone = story().and([lost("S1")]);
    gone.when(close(ShipmentOutcome::Delivered))
        .then_refused(closed());
    let unknown = Rejection::ShipmentNotFound(shipment_id("S1"));
    given(placed())
        .when(close(ShipmentOutcome::Delivered))
        .then_refused(unknown);
}

#[test]
fn what_was_lost_ships_again() {
    let story = || given(placed()).and([shipped("S1", &[("L1", 3)]), lost("S1")]);
    assert_eq!(
        story().order().fulfillment_state(),
        FulfillmentState::Unfulfilled
    );
    story()
        .when(ship("S2", &[("L1", 3)]))
        .then([shipped("S2", &[("L1", 3)])]);
}

#[test]
fn the_last_parcel_completes_what_was_paid() {
    given(placed())
        .and(paid("P1", 2_300))
        .and([shipped("S1", &[("L1", 3), ("L2", 2)])])
        .when(close("S1", ShipmentOutcome::Delivered))
        .then([delivered("S1"), Event::OrderCompleted]);
}

#[test]
fn what_was_delivered_can_come_back() {
    let parcel = [("L1", 3)];
    let story = || given(placed()).and([shipped("S1", &parcel), delivered("S1")]);
    story()
        .when(request_return("R1", &parcel))
        .then([requested("R1", &parcel)]);
    story()
        .when(request_return("R1", &[("L1", 4)]))
        .then_refused(exceeded("L1", 4, 3));
    story()
        .when(request_return("R1", &[("L2", 1)]))
        .then_refused(exceeded("L2", 1, 0));
    let announced = story().and([requested("R1", &[("L1", 2)])]);
    announced
        .when(request_return("R2", &[("L1", 2)]))
        .then_refused(exceeded("L1", 2, 1));
}

#[test]
fn a_return_has_a_new_name_and_lines_of_the_order() {
    let story = || given(completed()).and([requested("R1", &[("L1", 1)])]);
    let exists = Rejection::ReturnExists(return_id("R1"));
    story()
        .when(request_return("R1", &[("L1", 1)]))
        .then_refused(exists);
    let unknown = || Rejection::LineNotFound(line_id("L3"));
    story()
        .when(request_return("R2", &[("L3", 1)]))
        .then_refused(unknown());
    story()
        .when(receive_return("R1", &[("L3", 1)]))
        .then_refused(unknown());
    let twice = [("L1", 1), ("L1", 0)];
    story()
        .when(receive_return("R1", &twice))
        .then_invalid(&["received[1].line_id"]);
}

#[test]
fn a_return_is_worth_what_arrived() {
    // Tax of three mugs is 250: the first carries 83, the second 84, the third 83.
    given(completed())
        .and([requested("R1", &[("L1", 2), ("L2", 1)])])
        .when(receive_return("R1", &[("L1", 1), ("L2", 0)]))
        .then([received("R1", &[("L1", 1, 500, 83)])]);
    given(completed())
        .and([
            requested("R1", &[("L1", 1)]),
            received("R1", &[("L1", 1, 500, 83)]),
        ])
        .and([requested("R2", &[("L1", 2)])])
        .when(receive_return("R2", &[("L1", 2)]))
        .then([received("R2", &[("L1", 2, 1_000, 167)])]);
}

#[test]
fn a_return_of_which_nothing_arrived_is_closed_and_its_units_can_come_back_later() {
    let story = || given(completed()).and([requested("R1", &[("L1", 3)])]);
    story()
        .when(receive_return("R1", &[]))
        .then([received("R1", &[])]);
    let closed = story().and([received("R1", &[])]);
    closed
        .when(request_return("R2", &[("L1", 3)]))
        .then([requested("R2", &[("L1", 3)])]);
}

#[test]
fn no_more_arrives_than_was_announced() {
    let story = || given(completed()).and([requested("R1", &[("L1", 2)])]);
    story()
        .when(receive_return("R1", &[("L1", 3)]))
        .then_refused(exceeded("L1", 3, 2));
    story()
        .when(receive_return("R1", &[("L2", 1)]))
        .then_refused(exceeded("L2", 1, 0));
}

#[test]
fn a_return_is_received_once() {
    let closed = given(completed()).and([requested("R1", &[("L1", 1)]), received("R1", &[])]);
    closed
        .when(receive_return("R1", &[("L1", 1)]))
        .then_refused(Rejection::ReturnClosed(return_id("R1")));
    given(completed())
        .when(receive_return("R1", &[]))
        .then_refused(Rejection::ReturnNotFound(return_id("R1")));
}

#[test]
fn an_open_return_keeps_an_order_from_completing() {
    let story = || {
        given(arrived())
            .and([requested("R1", &[("L1", 1)])])
            .and(paid("P1", 2_300))
    };
    assert_eq!(story().order().return_state(), ReturnState::Requested);
    story()
        .when(receive_return("R1", &[]))
        .then([received("R1", &[]), Event::OrderCompleted]);
}
