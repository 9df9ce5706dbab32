//! Random commits: every kind of event, every option absent and present, values at their bounds.

use std::collections::{BTreeMap, BTreeSet};

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
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proto::commit::Commit;

fn part_id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._-]{1,64}"
}

macro_rules! text_strategy {
    ($($name:ident: $of:ty = $text:expr;)+) => {
        $(fn $name() -> impl Strategy<Value = $of> {
            $text.prop_map(|text| <$of>::new(&text).expect(<$of>::RULE))
        })+
    };
}

text_strategy! {
    line_id: LineId = part_id();
    payment_id: PaymentId = part_id();
    shipment_id: ShipmentId = part_id();
    return_id: ReturnId = part_id();
    discount_id: DiscountId = part_id();
    order_id: OrderId = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}";
    request_id: RequestId = "[ -~]{1,64}";
    sku: Sku = "[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}";
    channel: Channel = "[a-zäß ♥]{1,20}";
    customer_id: CustomerId = "[a-zäß ♥]{1,20}";
    tag: Tag = "[a-zäß ♥]{1,20}";
    key: MetadataKey = "[a-zäß ♥]{1,20}";
    reference: PspReference = "[!-~]{1,128}";
    actor_id: ActorId = "[!-~]{1,128}";
    text: Text = "[ -~äß♥]{0,128}";
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        Just(0),
        Just(Amount::LIMIT),
        Just(-Amount::LIMIT),
        -Amount::LIMIT..=Amount::LIMIT
    ]
    .prop_map(|units| Amount::new(units).expect("within bounds"))
}

fn quantity() -> impl Strategy<Value = Quantity> {
    (0..=Quantity::LIMIT).prop_map(|units| Quantity::new(units).expect("within bounds"))
}

fn rate() -> impl Strategy<Value = RatePpm> {
    (0..=RatePpm::WHOLE).prop_map(|ppm| RatePpm::new(ppm).expect("within bounds"))
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.micros()).prop_map(Timestamp::from_micros)
}

fn sealed() -> impl Strategy<Value = SealedBytes> {
    (
        any::<[u8; 16]>(),
        any::<[u8; 24]>(),
        vec(any::<u8>(), 0..40),
    )
        .prop_map(|(key_id, nonce, ciphertext)| SealedBytes {
            key_id,
            nonce,
            ciphertext,
        })
}

fn private<T: Clone + std::fmt::Debug>() -> impl Strategy<Value = Option<Private<T>>> {
    option::of(sealed().prop_map(Private::Sealed))
}

fn customer() -> impl Strategy<Value = Customer> {
    (option::of(customer_id()), private()).prop_map(|(id, contact)| Customer { id, contact })
}

fn tags() -> impl Strategy<Value = BTreeSet<Tag>> {
    btree_set(tag(), 0..4)
}

fn metadata() -> impl Strategy<Value = BTreeMap<MetadataKey, Text>> {
    btree_map(key(), text(), 0..4)
}

fn units() -> impl Strategy<Value = Vec<LineQuantity>> {
    let item = (line_id(), quantity());
    vec(
        item.prop_map(|(line_id, quantity)| LineQuantity { line_id, quantity }),
        0..4,
    )
}

fn values() -> impl Strategy<Value = Vec<LineValue>> {
    let item = (line_id(), quantity(), amount(), amount());
    let item = item.prop_map(|(line_id, quantity, value, tax)| LineValue {
        line_id,
        quantity,
        value,
        tax,
    });
    vec(item, 0..4)
}

fn cancel_reason() -> impl Strategy<Value = CancelReason> {
    select(vec![
        CancelReason::Customer,
        CancelReason::Inventory,
        CancelReason::Fraud,
        CancelReason::PaymentDeclined,
        CancelReason::PaymentTimeout,
        CancelReason::StaffError,
        CancelReason::Other,
    ])
}

fn hold_reason() -> impl Strategy<Value = HoldReason> {
    select(vec![
        HoldReason::FraudReview,
        HoldReason::Address,
        HoldReason::Inventory,
        HoldReason::AwaitingPayment,
        HoldReason::Other,
    ])
}

fn return_reason() -> impl Strategy<Value = ReturnReason> {
    select(vec![
        ReturnReason::Unwanted,
        ReturnReason::Damaged,
        ReturnReason::Defective,
        ReturnReason::WrongItem,
        ReturnReason::Other,
    ])
}

fn order_created() -> impl Strategy<Value = Event> {
    let first = (
        option::of(channel()),
        select(vec!["GBP", "JPY", "BHD", "CLF"]),
        any::<bool>(),
        select(vec![PaymentTerms::Prepaid, PaymentTerms::OnAccount]),
    );
    let second = (customer(), option::of(order_id()), tags(), metadata());
    (first, second).prop_map(
        |((channel, currency, prices_include_tax, terms), (customer, related, tags, metadata))| {
            Event::OrderCreated(Box::new(OrderCreated {
                channel,
                currency: Currency::new(currency).expect("a currency"),
                prices_include_tax,
                terms,
                customer,
                related_order_id: related,
                tags,
                metadata,
            }))
        },
    )
}

fn line_added() -> impl Strategy<Value = Event> {
    (line_id(), sku(), text(), quantity(), amount(), rate()).prop_map(
        |(line_id, sku, title, quantity, unit_price, tax_rate)| {
            Event::LineAdded(LineAdded {
                line_id,
                sku,
                title,
                quantity,
                unit_price,
                tax_rate,
            })
        },
    )
}

fn shipping_set() -> impl Strategy<Value = Event> {
    let country = option::of("[A-Z]{2}".prop_map(|code| Country::new(&code).expect("a country")));
    (text(), amount(), rate(), country, private()).prop_map(
        |(method, price, tax_rate, country, address)| {
            Event::ShippingSet(Shipping {
                method,
                price,
                tax_rate,
                destination: Destination { country, address },
            })
        },
    )
}

fn discounts_set() -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        amount().prop_map(DiscountValue::Fixed),
        rate().prop_map(DiscountValue::Rate)
    ];
    let discount = (discount_id(), text(), vec(line_id(), 0..3), value);
    let discount = discount.prop_map(|(discount_id, label, line_ids, value)| Discount {
        discount_id,
        label,
        line_ids,
        value,
    });
    vec(discount, 0..4).prop_map(|discounts| Event::DiscountsSet { discounts })
}

fn order_placed() -> impl Strategy<Value = Event> {
    let line = (line_id(), amount(), amount(), amount());
    let line = line.prop_map(|(line_id, discount, tax, total)| PlacedLine {
        line_id,
        discount,
        tax,
        total,
    });
    (
        vec(line, 0..4),
        amount(),
        amount(),
        amount(),
        option::of(time()),
    )
        .prop_map(
            |(lines, shipping_total, shipping_tax, placed_total, payment_due_time)| {
                Event::OrderPlaced(Box::new(OrderPlaced {
                    lines,
                    shipping_total,
                    shipping_tax,
                    placed_total,
                    payment_due_time,
                }))
            },
        )
}

fn compose() -> impl Strategy<Value = Event> {
    prop_oneof![
        order_created(),
        line_added(),
        (line_id(), quantity())
            .prop_map(|(line_id, quantity)| Event::LineQuantitySet { line_id, quantity }),
        line_id().prop_map(|line_id| Event::LineRemoved { line_id }),
        shipping_set(),
        discounts_set(),
        customer().prop_map(|customer| Event::CustomerSet { customer }),
        order_placed(),
    ]
}

fn pay() -> impl Strategy<Value = Event> {
    let kind = select(vec![RefundKind::Credit, RefundKind::Goodwill]);
    prop_oneof![
        (
            payment_id(),
            amount(),
            text(),
            reference(),
            option::of(time())
        )
            .prop_map(|(payment_id, amount, method, psp_reference, expire_time)| {
                Event::PaymentAuthorized(PaymentAuthorized {
                    payment_id,
                    amount,
                    method,
                    psp_reference,
                    expire_time,
                })
            }),
        (payment_id(), amount(), reference()).prop_map(|(payment_id, amount, psp_reference)| {
            Event::PaymentCaptured {
                payment_id,
                amount,
                psp_reference,
            }
        }),
        (payment_id(), amount(), option::of(reference())).prop_map(
            |(payment_id, amount, psp_reference)| Event::PaymentVoided {
                payment_id,
                amount,
                psp_reference,
            }
        ),
        (
            payment_id(),
            amount(),
            kind,
            option::of(return_id()),
            reference()
        )
            .prop_map(|(payment_id, amount, kind, return_id, psp_reference)| {
                Event::PaymentRefunded(PaymentRefunded {
                    payment_id,
                    amount,
                    kind,
                    return_id,
                    psp_reference,
                })
            }),
        (text(), amount(), reference(), text()).prop_map(
            |(method, amount, psp_reference, decline_code)| Event::PaymentFailed {
                method,
                amount,
                psp_reference,
                decline_code,
            }
        ),
    ]
}

fn goods() -> impl Strategy<Value = Event> {
    prop_oneof![
        (shipment_id(), units(), text(), text()).prop_map(
            |(shipment_id, items, carrier, tracking_number)| {
                Event::ItemsShipped(ItemsShipped {
                    shipment_id,
                    items,
                    carrier,
                    tracking_number,
                })
            }
        ),
        shipment_id().prop_map(|shipment_id| Event::ShipmentDelivered { shipment_id }),
        shipment_id().prop_map(|shipment_id| Event::ShipmentFailed { shipment_id }),
        (values(), cancel_reason())
            .prop_map(|(items, reason)| Event::ItemsCancelled { items, reason }),
        (values(), amount(), amount(), cancel_reason()).prop_map(
            |(items, shipping_value, shipping_tax, reason)| Event::OrderCancelled {
                items,
                shipping_value,
                shipping_tax,
                reason,
            }
        ),
        (return_id(), units(), return_reason()).prop_map(|(return_id, items, reason)| {
            Event::ReturnRequested {
                return_id,
                items,
                reason,
            }
        }),
        (return_id(), values())
            .prop_map(|(return_id, items)| Event::ReturnReceived { return_id, items }),
    ]
}

fn operate() -> impl Strategy<Value = Event> {
    let annotated = (
        private(),
        tags(),
        tags(),
        metadata(),
        btree_set(key(), 0..4),
    );
    prop_oneof![
        hold_reason().prop_map(|reason| Event::OrderHeld { reason }),
        hold_reason().prop_map(|reason| Event::OrderReleased { reason }),
        annotated.prop_map(|(note, added_tags, removed_tags, set_metadata, removed)| {
            Event::OrderAnnotated(Box::new(OrderAnnotated {
                note,
                added_tags,
                removed_tags,
                set_metadata,
                removed_metadata: removed,
            }))
        }),
        option::of(any::<[u8; 16]>()).prop_map(|key_id| Event::PersonalDataErased { key_id }),
        Just(Event::OrderCompleted),
    ]
}

/// Any event.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![8 => compose(), 5 => pay(), 7 => goods(), 5 => operate()]
}

fn actor() -> impl Strategy<Value = Actor> {
    let kind = select(vec![
        ActorKind::Customer,
        ActorKind::Staff,
        ActorKind::Service,
    ]);
    (kind, actor_id()).prop_map(|(kind, id)| Actor { kind, id })
}

/// Any commit whose personal data is sealed.
pub(crate) fn commit() -> impl Strategy<Value = Commit> {
    let names = (any::<[u8; 16]>(), order_id(), any::<u64>(), time(), time());
    let who = ("[ -~]{0,20}", option::of(actor()), private());
    let request = (option::of(request_id()), option::of(any::<[u8; 32]>()));
    let trace = ("[A-Za-z0-9._-]{0,64}", "[0-9a-f-]{0,55}");
    let chain = (option::of(any::<[u8; 32]>()), vec(event(), 0..8));
    (names, who, request, trace, chain).prop_map(|(names, who, request, trace, chain)| Commit {
        commit_id: names.0,
        order_id: names.1,
        first_version: names.2,
        occur_time: names.3,
        record_time: names.4,
        principal: who.0,
        actor: who.1,
        reason: who.2,
        request_id: request.0,
        fingerprint: request.1,
        correlation_id: trace.0,
        traceparent: trace.1,
        previous_hash: chain.0,
        events: chain.1,
    })
}
