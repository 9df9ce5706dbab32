//! One event of every kind with every field set, and commits around them. The golden files hold
//! their bytes: add to this file, never change it.

use order::Event;
use order::command::{DiscountValue, LineQuantity};
use order::event::{
    Discount, ItemsShipped, LineAdded, LineValue, OrderAnnotated, OrderCreated, OrderPlaced,
    PaymentAuthorized, PaymentRefunded, PlacedLine, Shipping,
};
use order::value::{
    Actor, ActorId, ActorKind, Amount, CancelReason, Channel, Country, Currency, Customer,
    CustomerId, Destination, DiscountId, HoldReason, LineId, MetadataKey, OrderId, PaymentId,
    PaymentTerms, Private, PspReference, Quantity, RatePpm, RefundKind, RequestId, ReturnId,
    ReturnReason, SealedBytes, ShipmentId, Sku, Tag, Text, Timestamp,
};
use proto::commit::Commit;

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).expect("a text")
}

pub(crate) fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).expect("an amount")
}

pub(crate) fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("a quantity")
}

pub(crate) fn rate(ppm: u32) -> RatePpm {
    RatePpm::new(ppm).expect("a rate")
}

pub(crate) fn line(id: &str) -> LineId {
    LineId::new(id).expect("a line id")
}

pub(crate) fn sealed(fill: u8) -> SealedBytes {
    SealedBytes {
        key_id: [fill; 16],
        nonce: [fill.wrapping_add(1); 24],
        ciphertext: vec![fill.wrapping_add(2); 5],
    }
}

fn reference(text: &str) -> PspReference {
    PspReference::new(text).expect("a reference")
}

fn payment() -> PaymentId {
    PaymentId::new("P1").expect("a payment id")
}

fn shipment() -> ShipmentId {
    ShipmentId::new("S1").expect("a shipment id")
}

fn returned() -> ReturnId {
    ReturnId::new("R1").expect("a return id")
}

fn tag(text: &str) -> Tag {
    Tag::new(text).expect("a tag")
}

fn key(text: &str) -> MetadataKey {
    MetadataKey::new(text).expect("a key")
}

fn customer() -> Customer {
    Customer {
        id: Some(CustomerId::new("C-17850").expect("a customer id")),
        contact: Some(Private::Sealed(sealed(0x10))),
    }
}

fn units() -> Vec<LineQuantity> {
    vec![
        LineQuantity {
            line_id: line("L1"),
            quantity: quantity(2),
        },
        LineQuantity {
            line_id: line("L2"),
            quantity: quantity(300),
        },
    ]
}

fn values() -> Vec<LineValue> {
    vec![LineValue {
        line_id: line("L1"),
        quantity: quantity(3),
        value: amount(765),
        tax: amount(128),
    }]
}

/// One event of each of the twenty-five kinds, in the order of their numbers.
pub(crate) fn events() -> Vec<Event> {
    let mut events = composing();
    events.extend(paying());
    events.extend(moving());
    events.extend(operating());
    events
}

fn composing() -> Vec<Event> {
    vec![
        Event::OrderCreated(Box::new(OrderCreated {
            channel: Some(Channel::new("United Kingdom").expect("a channel")),
            currency: Currency::new("GBP").expect("a currency"),
            prices_include_tax: true,
            terms: PaymentTerms::Prepaid,
            customer: customer(),
            related_order_id: Some(OrderId::new("536365").expect("an id")),
            tags: [tag("gift"), tag("vip")].into(),
            metadata: [(key("source"), text("web")), (key("empty"), text(""))].into(),
        })),
        Event::LineAdded(LineAdded {
            line_id: line("L1"),
            sku: Sku::new("85123A").expect("a sku"),
            title: text("WHITE HANGING HEART T-LIGHT HOLDER ♥"),
            quantity: quantity(6),
            unit_price: amount(255),
            tax_rate: rate(200_000),
        }),
        Event::LineQuantitySet {
            line_id: line("L1"),
            quantity: quantity(80_995),
        },
        Event::LineRemoved {
            line_id: line("L1"),
        },
        Event::ShippingSet(Shipping {
            method: text("express"),
            price: amount(1_800),
            tax_rate: rate(88_750),
            destination: Destination {
                country: Some(Country::new("GB").expect("a country")),
                address: Some(Private::Sealed(sealed(0x20))),
            },
        }),
        Event::DiscountsSet {
            discounts: vec![
                discount("D1", &["L1", "L2"], DiscountValue::Fixed(amount(100))),
                discount("D2", &[], DiscountValue::Rate(rate(100_000))),
            ],
        },
        Event::CustomerSet {
            customer: customer(),
        },
        Event::OrderPlaced(Box::new(OrderPlaced {
            lines: vec![PlacedLine {
                line_id: line("L1"),
                discount: amount(30),
                tax: amount(250),
                total: amount(1_500),
            }],
            shipping_total: amount(1_800),
            shipping_tax: amount(300),
            placed_total: amount(3_300),
            payment_due_time: Some(Timestamp::from_micros(1_291_191_960_000_001)),
        })),
    ]
}

fn discount(id: &str, lines: &[&str], value: DiscountValue) -> Discount {
    Discount {
        discount_id: DiscountId::new(id).expect("a discount id"),
        label: text("winter"),
        line_ids: lines.iter().map(|id| line(id)).collect(),
        value,
    }
}

fn paying() -> Vec<Event> {
    vec![
        Event::PaymentAuthorized(PaymentAuthorized {
            payment_id: payment(),
            amount: amount(Amount::LIMIT),
            method: text("card"),
            psp_reference: reference("auth-1"),
            expire_time: Some(Timestamp::from_micros(1_291_800_000_000_000)),
        }),
        Event::PaymentCaptured {
            payment_id: payment(),
            amount: amount(3_300),
            psp_reference: reference("capture-1"),
        },
        Event::PaymentVoided {
            payment_id: payment(),
            amount: amount(7),
            psp_reference: Some(reference("void-1")),
        },
        Event::PaymentRefunded(PaymentRefunded {
            payment_id: payment(),
            amount: amount(1_500),
            kind: RefundKind::Credit,
            return_id: Some(returned()),
            psp_reference: reference("refund-1"),
        }),
        Event::PaymentFailed {
            method: text("card"),
            amount: amount(3_300),
            psp_reference: reference("failure-1"),
            decline_code: text("insufficient_funds"),
        },
    ]
}

fn moving() -> Vec<Event> {
    vec![
        Event::ItemsShipped(ItemsShipped {
            shipment_id: shipment(),
            items: units(),
            carrier: text("Royal Mail"),
            tracking_number: text("RM 123"),
        }),
        Event::ShipmentDelivered {
            shipment_id: shipment(),
        },
        Event::ShipmentFailed {
            shipment_id: shipment(),
        },
        Event::ItemsCancelled {
            items: values(),
            reason: CancelReason::Inventory,
        },
        Event::OrderCancelled {
            items: values(),
            shipping_value: amount(1_800),
            shipping_tax: amount(300),
            reason: CancelReason::Other,
        },
        Event::ReturnRequested {
            return_id: returned(),
            items: units(),
            reason: ReturnReason::WrongItem,
        },
        Event::ReturnReceived {
            return_id: returned(),
            items: values(),
        },
    ]
}

fn operating() -> Vec<Event> {
    vec![
        Event::OrderHeld {
            reason: HoldReason::FraudReview,
        },
        Event::OrderReleased {
            reason: HoldReason::AwaitingPayment,
        },
        Event::OrderAnnotated(Box::new(OrderAnnotated {
            note: Some(Private::Sealed(sealed(0x30))),
            added_tags: [tag("late")].into(),
            removed_tags: [tag("gift")].into(),
            set_metadata: [(key("source"), text("phone"))].into(),
            removed_metadata: [key("empty")].into(),
        })),
        Event::PersonalDataErased {
            key_id: Some([0x40; 16]),
        },
        Event::OrderCompleted,
    ]
}

/// A commit with nothing but what every commit has.
pub(crate) fn bare(events: Vec<Event>) -> Commit {
    Commit {
        commit_id: [1; 16],
        order_id: OrderId::new("536365").expect("an id"),
        first_version: 1,
        occur_time: Timestamp::from_micros(1_291_191_960_000_000),
        record_time: Timestamp::from_micros(1_291_191_961_000_001),
        principal: String::new(),
        actor: None,
        reason: None,
        request_id: None,
        fingerprint: None,
        correlation_id: String::new(),
        traceparent: String::new(),
        previous_hash: None,
        events,
    }
}

/// A commit with every field of the envelope set.
pub(crate) fn full(events: Vec<Event>) -> Commit {
    Commit {
        first_version: 12,
        principal: "shop-backend".to_owned(),
        actor: Some(Actor {
            kind: ActorKind::Staff,
            id: ActorId::new("anna").expect("an actor"),
        }),
        reason: Some(Private::Sealed(sealed(0x50))),
        request_id: Some(RequestId::new("request 1").expect("a request id")),
        fingerprint: Some([0x60; 32]),
        correlation_id: "trace.1".to_owned(),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        previous_hash: Some([0x70; 32]),
        ..bare(events)
    }
}
