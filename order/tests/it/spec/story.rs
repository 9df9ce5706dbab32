//! Events of one order, as they are told: three mugs and two cups, sent by post.
//!
//! | line | quantity | unit price | tax in it | total |
//! |---|---|---|---|---|
//! | L1 | 3 | 500 | 20 %: 250 | 1,500 |
//! | L2 | 2 | 250 | none | 500 |
//! | post | | 300 | 20 %: 50 | 300 |

use std::collections::{BTreeMap, BTreeSet};

use order::Event;
use order::event::{
    ItemsShipped, LineAdded, LineValue, OrderCreated, OrderPlaced, PaymentAuthorized,
    PaymentRefunded, PlacedLine, Shipping,
};
use order::value::{
    CancelReason, Customer, Destination, HoldReason, PaymentTerms, RefundKind, ReturnReason, Sku,
    Text, Timestamp,
};

use crate::ask;
use crate::word::{
    amount, currency, line_id, payment_id, psp, rate, return_id, shipment_id, text, units,
};

pub(super) fn created(terms: PaymentTerms) -> Event {
    Event::OrderCreated(Box::new(OrderCreated {
        channel: None,
        currency: currency("GBP"),
        prices_include_tax: true,
        terms,
        customer: Customer::default(),
        related_order_id: None,
        tags: BTreeSet::new(),
        metadata: BTreeMap::new(),
    }))
}

pub(super) fn line_added(line: &str, sku: &str, quantity: u32, price: i64, ppm: u32) -> Event {
    Event::LineAdded(LineAdded {
        line_id: line_id(line),
        sku: Sku::new(sku).expect("valid"),
        title: Text::default(),
        quantity: units(quantity),
        unit_price: amount(price),
        tax_rate: rate(ppm),
    })
}

pub(super) fn shipping_set(price: i64, ppm: u32) -> Event {
    Event::ShippingSet(Shipping {
        method: text("post"),
        price: amount(price),
        tax_rate: rate(ppm),
        destination: Destination::default(),
    })
}

/// Frozen money: per line its discount, tax and total; shipping with its tax.
pub(super) fn agreed(
    lines: &[(&str, i64, i64, i64)],
    (shipping_total, shipping_tax): (i64, i64),
    placed_total: i64,
    payment_due_time: Option<Timestamp>,
) -> Event {
    let line = |(line, discount, tax, total): &(&str, i64, i64, i64)| PlacedLine {
        line_id: line_id(line),
        discount: amount(*discount),
        tax: amount(*tax),
        total: amount(*total),
    };
    Event::OrderPlaced(Box::new(OrderPlaced {
        lines: lines.iter().map(line).collect(),
        shipping_total: amount(shipping_total),
        shipping_tax: amount(shipping_tax),
        placed_total: amount(placed_total),
        payment_due_time,
    }))
}

/// The order of the table, while it is composed.
pub(super) fn drafted() -> Vec<Event> {
    drafted_on(PaymentTerms::OnAccount)
}

pub(super) fn drafted_on(terms: PaymentTerms) -> Vec<Event> {
    vec![
        created(terms),
        line_added("L1", "MUG", 3, 500, 200_000),
        line_added("L2", "CUP", 2, 250, 0),
        shipping_set(300, 200_000),
    ]
}

/// The order of the table, on account: 2,300 to pay.
pub(super) fn placed() -> Vec<Event> {
    placed_on(PaymentTerms::OnAccount, None)
}

pub(super) fn placed_on(terms: PaymentTerms, due: Option<Timestamp>) -> Vec<Event> {
    let lines = [("L1", 0, 250, 1_500), ("L2", 0, 0, 500)];
    let mut events = drafted_on(terms);
    events.push(agreed(&lines, (300, 50), 2_300, due));
    events
}

/// All of it arrived, in parcel S1; nothing is paid.
pub(super) fn arrived() -> Vec<Event> {
    let mut events = placed();
    events.extend([shipped("S1", &[("L1", 3), ("L2", 2)]), delivered("S1")]);
    events
}

/// All of it arrived and was paid, as P1.
pub(super) fn completed() -> Vec<Event> {
    let mut events = arrived();
    events.extend(paid("P1", 2_300));
    events.push(Event::OrderCompleted);
    events
}

/// Authorised with reference `a-P1`, captured with `c-P1`.
pub(super) fn paid(payment: &str, minor_units: i64) -> [Event; 2] {
    let reference = format!("c-{payment}");
    [
        authorized(payment, minor_units),
        captured(payment, minor_units, &reference),
    ]
}

pub(super) fn authorized(payment: &str, minor_units: i64) -> Event {
    Event::PaymentAuthorized(PaymentAuthorized {
        payment_id: payment_id(payment),
        amount: amount(minor_units),
        method: text("card"),
        psp_reference: psp(&format!("a-{payment}")),
        expire_time: None,
    })
}

pub(super) fn captured(payment: &str, minor_units: i64, reference: &str) -> Event {
    Event::PaymentCaptured {
        payment_id: payment_id(payment),
        amount: amount(minor_units),
        psp_reference: psp(reference),
    }
}

pub(super) fn voided(payment: &str, minor_units: i64, reference: Option<&str>) -> Event {
    Event::PaymentVoided {
        payment_id: payment_id(payment),
        amount: amount(minor_units),
        psp_reference: reference.map(psp),
    }
}

pub(super) fn failed(minor_units: i64, reference: &str) -> Event {
    Event::PaymentFailed {
        method: text("card"),
        amount: amount(minor_units),
        psp_reference: psp(reference),
        decline_code: text("51"),
    }
}

pub(super) fn refunded(payment: &str, minor_units: i64, kind: RefundKind) -> PaymentRefunded {
    PaymentRefunded {
        payment_id: payment_id(payment),
        amount: amount(minor_units),
        kind,
        return_id: None,
        psp_reference: psp(&format!("r-{payment}")),
    }
}

pub(super) fn shipped(shipment: &str, what: &[(&str, u32)]) -> Event {
    Event::ItemsShipped(ItemsShipped {
        shipment_id: shipment_id(shipment),
        items: ask::items(what),
        carrier: text("van"),
        tracking_number: Text::default(),
    })
}

pub(super) fn delivered(shipment: &str) -> Event {
    Event::ShipmentDelivered {
        shipment_id: shipment_id(shipment),
    }
}

pub(super) fn lost(shipment: &str) -> Event {
    Event::ShipmentFailed {
        shipment_id: shipment_id(shipment),
    }
}

/// Units of lines that went: quantity, value and tax of each.
pub(super) fn gone(lines: &[(&str, u32, i64, i64)]) -> Vec<LineValue> {
    let gone = |(line, quantity, value, tax): &(&str, u32, i64, i64)| LineValue {
        line_id: line_id(line),
        quantity: units(*quantity),
        value: amount(*value),
        tax: amount(*tax),
    };
    lines.iter().map(gone).collect()
}

/// The whole order of the table is cancelled: its lines, and its shipping.
pub(super) fn all_cancelled(reason: CancelReason) -> Event {
    Event::OrderCancelled {
        items: gone(&[("L1", 3, 1_500, 250), ("L2", 2, 500, 0)]),
        shipping_value: amount(300),
        shipping_tax: amount(50),
        reason,
    }
}

pub(super) fn requested(name: &str, what: &[(&str, u32)]) -> Event {
    Event::ReturnRequested {
        return_id: return_id(name),
        items: ask::items(what),
        reason: ReturnReason::Damaged,
    }
}

pub(super) fn received(name: &str, what: &[(&str, u32, i64, i64)]) -> Event {
    Event::ReturnReceived {
        return_id: return_id(name),
        items: gone(what),
    }
}

pub(super) fn held(reason: HoldReason) -> Event {
    Event::OrderHeld { reason }
}

/// Paid for everything as P1; then the cups were cancelled, and the mugs arrived: 500 are owed.
pub(super) fn mugs_arrived_cups_cancelled() -> Vec<Event> {
    let mut events = placed();
    events.extend(paid("P1", 2_300));
    events.push(Event::ItemsCancelled {
        items: gone(&[("L2", 2, 500, 0)]),
        reason: CancelReason::Inventory,
    });
    events.extend([shipped("S1", &[("L1", 3)]), delivered("S1")]);
    events
}
