//! From the log's messages to the domain.

use std::collections::{BTreeMap, BTreeSet};

use order::Event;
use order::command::{DiscountValue, LineQuantity};
use order::event::{
    Discount, ItemsShipped, LineAdded, LineValue, OrderAnnotated, OrderCreated, OrderPlaced,
    PaymentAuthorized, PaymentRefunded, PlacedLine, Shipping,
};
use order::value::{
    Actor, ActorId, ActorKind, Amount, CancelReason, Channel, Country, Currency, Customer,
    CustomerId, Destination, DiscountId, HoldReason, InvalidValue, LineId, MetadataKey, OrderId,
    PaymentId, PaymentTerms, Private, PspReference, Quantity, RatePpm, RefundKind, RequestId,
    ReturnId, ReturnReason, SealedBytes, ShipmentId, Sku, Tag, Text, Timestamp,
};

use super::{Commit, DecodeError, SCHEMA};
use crate::log::v1;
use crate::log::v1::event::Event as Wire;

type Decoded<T> = Result<T, DecodeError>;

pub(super) fn commit(wire: v1::Commit) -> Decoded<Commit> {
    if wire.schema != SCHEMA {
        return Err(DecodeError::NewerSchema {
            schema: wire.schema,
        });
    }
    let decode_event = |(index, event): (usize, v1::Event)| match event.event {
        Some(event) => self::event(upcast(event)),
        None => Err(DecodeError::UnknownEvent { index }),
    };
    Ok(Commit {
        commit_id: fixed(&wire.commit_id, "commit_id")?,
        order_id: value(OrderId::new(&wire.order_id), "order_id")?,
        first_version: wire.first_version,
        occur_time: required_time(wire.occur_time, "occur_time")?,
        record_time: required_time(wire.record_time, "record_time")?,
        principal: wire.principal,
        actor: wire.actor.as_ref().map(actor).transpose()?,
        reason: sealed(wire.reason)?,
        request_id: optional(&wire.request_id, RequestId::new, "request_id")?,
        fingerprint: optional_fixed(&wire.fingerprint, "fingerprint")?,
        correlation_id: wire.correlation_id,
        traceparent: wire.traceparent,
        previous_hash: optional_fixed(&wire.previous_hash, "previous_hash")?,
        events: wire
            .events
            .into_iter()
            .enumerate()
            .map(decode_event)
            .collect::<Decoded<_>>()?,
    })
}

/// Maps an event that is no longer written to the one that took its place.
///
/// When the meaning of an event changes, it gets a new number in the `oneof`; here the old number
/// becomes the new event, for ever. Nothing has changed its meaning yet.
const fn upcast(event: Wire) -> Wire {
    event
}

fn event(event: Wire) -> Decoded<Event> {
    Ok(match event {
        Wire::OrderCreated(created) => Event::OrderCreated(Box::new(order_created(created)?)),
        Wire::LineAdded(added) => Event::LineAdded(line_added(&added)?),
        Wire::LineQuantitySet(set) => Event::LineQuantitySet {
            line_id: line_id(&set.line_id)?,
            quantity: quantity(set.quantity)?,
        },
        Wire::LineRemoved(removed) => Event::LineRemoved {
            line_id: line_id(&removed.line_id)?,
        },
        Wire::ShippingSet(set) => Event::ShippingSet(shipping(set)?),
        Wire::DiscountsSet(set) => Event::DiscountsSet {
            discounts: set.discounts.iter().map(discount).collect::<Decoded<_>>()?,
        },
        Wire::CustomerSet(set) => Event::CustomerSet {
            customer: customer(set.customer.unwrap_or_default())?,
        },
        Wire::OrderPlaced(placed) => Event::OrderPlaced(Box::new(order_placed(&placed)?)),
        Wire::PaymentAuthorized(authorized) => {
            Event::PaymentAuthorized(payment_authorized(&authorized)?)
        }
        Wire::PaymentCaptured(captured) => Event::PaymentCaptured {
            payment_id: payment_id(&captured.payment_id)?,
            amount: amount(captured.amount)?,
            psp_reference: psp_reference(&captured.psp_reference)?,
        },
        Wire::PaymentVoided(voided) => Event::PaymentVoided {
            payment_id: payment_id(&voided.payment_id)?,
            amount: amount(voided.amount)?,
            psp_reference: optional(&voided.psp_reference, PspReference::new, "psp_reference")?,
        },
        Wire::PaymentRefunded(refunded) => Event::PaymentRefunded(payment_refunded(&refunded)?),
        Wire::PaymentFailed(failed) => Event::PaymentFailed {
            method: text(&failed.method)?,
            amount: amount(failed.amount)?,
            psp_reference: psp_reference(&failed.psp_reference)?,
            decline_code: text(&failed.decline_code)?,
        },
        Wire::ItemsShipped(shipped) => Event::ItemsShipped(ItemsShipped {
            shipment_id: shipment_id(&shipped.shipment_id)?,
            items: quantities(&shipped.items)?,
            carrier: text(&shipped.carrier)?,
            tracking_number: text(&shipped.tracking_number)?,
        }),
        Wire::OrderAnnotated(annotated) => {
            Event::OrderAnnotated(Box::new(order_annotated(annotated)?))
        }
        Wire::PersonalDataErased(erased) => Event::PersonalDataErased {
            key_id: optional_fixed(&erased.key_id, "key_id")?,
        },
        Wire::OrderCompleted(v1::OrderCompleted {}) => Event::OrderCompleted,
        other => goods(other)?,
    })
}

fn goods(event: Wire) -> Decoded<Event> {
    Ok(match event {
        Wire::ShipmentDelivered(delivered) => Event::ShipmentDelivered {
            shipment_id: shipment_id(&delivered.shipment_id)?,
        },
        Wire::ShipmentFailed(failed) => Event::ShipmentFailed {
            shipment_id: shipment_id(&failed.shipment_id)?,
        },
        Wire::ItemsCancelled(cancelled) => Event::ItemsCancelled {
            items: values(&cancelled.items)?,
            reason: cancel_reason(cancelled.cancel_reason())?,
        },
        Wire::OrderCancelled(cancelled) => Event::OrderCancelled {
            items: values(&cancelled.items)?,
            shipping_value: amount(cancelled.shipping_value)?,
            shipping_tax: amount(cancelled.shipping_tax)?,
            reason: cancel_reason(cancelled.cancel_reason())?,
        },
        Wire::ReturnRequested(requested) => Event::ReturnRequested {
            return_id: value(ReturnId::new(&requested.return_id), "return_id")?,
            items: quantities(&requested.items)?,
            reason: return_reason(requested.return_reason())?,
        },
        Wire::ReturnReceived(received) => Event::ReturnReceived {
            return_id: value(ReturnId::new(&received.return_id), "return_id")?,
            items: values(&received.items)?,
        },
        Wire::OrderHeld(held) => Event::OrderHeld {
            reason: hold_reason(held.hold_reason())?,
        },
        Wire::OrderReleased(released) => Event::OrderReleased {
            reason: hold_reason(released.hold_reason())?,
        },
        _decoded_above => return Err(DecodeError::InvalidValue { field: "event" }),
    })
}

fn actor(actor: &v1::Actor) -> Decoded<Actor> {
    let kind = match actor.kind() {
        v1::ActorKind::Customer => ActorKind::Customer,
        v1::ActorKind::Staff => ActorKind::Staff,
        v1::ActorKind::Service => ActorKind::Service,
        v1::ActorKind::Unspecified => return invalid("actor.kind"),
    };
    Ok(Actor {
        kind,
        id: value(ActorId::new(&actor.actor_id), "actor.actor_id")?,
    })
}

fn order_created(created: v1::OrderCreated) -> Decoded<OrderCreated> {
    Ok(OrderCreated {
        channel: optional(&created.channel, Channel::new, "channel")?,
        currency: value(Currency::new(&created.currency_code), "currency_code")?,
        prices_include_tax: created.prices_include_tax,
        terms: match created.payment_terms() {
            v1::PaymentTerms::Prepaid => PaymentTerms::Prepaid,
            v1::PaymentTerms::OnAccount => PaymentTerms::OnAccount,
            v1::PaymentTerms::Unspecified => return invalid("payment_terms"),
        },
        related_order_id: optional(&created.related_order_id, OrderId::new, "related_order_id")?,
        tags: tags(&created.tags)?,
        metadata: metadata(&created.metadata)?,
        customer: customer(created.customer.unwrap_or_default())?,
    })
}

fn line_added(added: &v1::LineAdded) -> Decoded<LineAdded> {
    Ok(LineAdded {
        line_id: line_id(&added.line_id)?,
        sku: value(Sku::new(&added.sku), "sku")?,
        title: text(&added.title)?,
        quantity: quantity(added.quantity)?,
        unit_price: amount(added.unit_price)?,
        tax_rate: rate(added.tax_rate_ppm)?,
    })
}

fn shipping(set: v1::ShippingSet) -> Decoded<Shipping> {
    Ok(Shipping {
        method: text(&set.method)?,
        price: amount(set.price)?,
        tax_rate: rate(set.tax_rate_ppm)?,
        destination: destination(set.destination.unwrap_or_default())?,
    })
}

fn discount(discount: &v1::Discount) -> Decoded<Discount> {
    Ok(Discount {
        discount_id: value(DiscountId::new(&discount.discount_id), "discount_id")?,
        label: text(&discount.label)?,
        line_ids: discount
            .line_ids
            .iter()
            .map(|id| line_id(id))
            .collect::<Decoded<_>>()?,
        value: match discount.value {
            Some(v1::discount::Value::Fixed(fixed)) => DiscountValue::Fixed(amount(fixed)?),
            Some(v1::discount::Value::RatePpm(ppm)) => DiscountValue::Rate(rate(ppm)?),
            None => return invalid("discount.value"),
        },
    })
}

pub(crate) fn customer(customer: v1::Customer) -> Decoded<Customer> {
    Ok(Customer {
        id: optional(&customer.customer_id, CustomerId::new, "customer_id")?,
        contact: sealed(customer.contact)?,
    })
}

pub(crate) fn destination(destination: v1::Destination) -> Decoded<Destination> {
    Ok(Destination {
        country: optional(&destination.country_code, Country::new, "country_code")?,
        address: sealed(destination.address)?,
    })
}

fn order_placed(placed: &v1::OrderPlaced) -> Decoded<OrderPlaced> {
    let line = |line: &v1::PlacedLine| {
        Ok(PlacedLine {
            line_id: line_id(&line.line_id)?,
            discount: amount(line.discount)?,
            tax: amount(line.tax)?,
            total: amount(line.total)?,
        })
    };
    Ok(OrderPlaced {
        lines: placed.lines.iter().map(line).collect::<Decoded<_>>()?,
        shipping_total: amount(placed.shipping_total)?,
        shipping_tax: amount(placed.shipping_tax)?,
        placed_total: amount(placed.placed_total)?,
        payment_due_time: placed.payment_due_time.map(time),
    })
}

fn payment_authorized(authorized: &v1::PaymentAuthorized) -> Decoded<PaymentAuthorized> {
    Ok(PaymentAuthorized {
        payment_id: payment_id(&authorized.payment_id)?,
        amount: amount(authorized.amount)?,
        method: text(&authorized.method)?,
        psp_reference: psp_reference(&authorized.psp_reference)?,
        expire_time: authorized.expire_time.map(time),
    })
}

fn payment_refunded(refunded: &v1::PaymentRefunded) -> Decoded<PaymentRefunded> {
    Ok(PaymentRefunded {
        payment_id: payment_id(&refunded.payment_id)?,
        amount: amount(refunded.amount)?,
        kind: match refunded.kind() {
            v1::RefundKind::Credit => RefundKind::Credit,
            v1::RefundKind::Goodwill => RefundKind::Goodwill,
            v1::RefundKind::Unspecified => return invalid("kind"),
        },
        return_id: optional(&refunded.return_id, ReturnId::new, "return_id")?,
        psp_reference: psp_reference(&refunded.psp_reference)?,
    })
}

fn order_annotated(annotated: v1::OrderAnnotated) -> Decoded<OrderAnnotated> {
    let keys = annotated.removed_metadata.iter();
    Ok(OrderAnnotated {
        note: sealed(annotated.note)?,
        added_tags: tags(&annotated.added_tags)?,
        removed_tags: tags(&annotated.removed_tags)?,
        set_metadata: metadata(&annotated.set_metadata)?,
        removed_metadata: keys
            .map(|key| value(MetadataKey::new(key), "removed_metadata"))
            .collect::<Decoded<_>>()?,
    })
}

fn quantities(items: &[v1::LineQuantity]) -> Decoded<Vec<LineQuantity>> {
    let item = |item: &v1::LineQuantity| {
        Ok(LineQuantity {
            line_id: line_id(&item.line_id)?,
            quantity: quantity(item.quantity)?,
        })
    };
    items.iter().map(item).collect()
}

fn values(items: &[v1::LineValue]) -> Decoded<Vec<LineValue>> {
    let item = |item: &v1::LineValue| {
        Ok(LineValue {
            line_id: line_id(&item.line_id)?,
            quantity: quantity(item.quantity)?,
            value: amount(item.value)?,
            tax: amount(item.tax)?,
        })
    };
    items.iter().map(item).collect()
}

fn tags(tags: &[String]) -> Decoded<BTreeSet<Tag>> {
    tags.iter()
        .map(|tag| value(Tag::new(tag), "tags"))
        .collect()
}

fn metadata(pairs: &BTreeMap<String, String>) -> Decoded<BTreeMap<MetadataKey, Text>> {
    let pair = |(key, text): (&String, &String)| {
        Ok((value(MetadataKey::new(key), "metadata")?, self::text(text)?))
    };
    pairs.iter().map(pair).collect()
}

fn sealed<T>(sealed: Option<v1::Sealed>) -> Decoded<Option<Private<T>>> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    Ok(Some(Private::Sealed(SealedBytes {
        key_id: fixed(&sealed.key_id, "key_id")?,
        nonce: fixed(&sealed.nonce, "nonce")?,
        ciphertext: sealed.ciphertext,
    })))
}

fn cancel_reason(reason: v1::CancelReason) -> Decoded<CancelReason> {
    Ok(match reason {
        v1::CancelReason::Customer => CancelReason::Customer,
        v1::CancelReason::Inventory => CancelReason::Inventory,
        v1::CancelReason::Fraud => CancelReason::Fraud,
        v1::CancelReason::PaymentDeclined => CancelReason::PaymentDeclined,
        v1::CancelReason::PaymentTimeout => CancelReason::PaymentTimeout,
        v1::CancelReason::StaffError => CancelReason::StaffError,
        v1::CancelReason::Other => CancelReason::Other,
        v1::CancelReason::Unspecified => return invalid("cancel_reason"),
    })
}

fn hold_reason(reason: v1::HoldReason) -> Decoded<HoldReason> {
    Ok(match reason {
        v1::HoldReason::FraudReview => HoldReason::FraudReview,
        v1::HoldReason::Address => HoldReason::Address,
        v1::HoldReason::Inventory => HoldReason::Inventory,
        v1::HoldReason::AwaitingPayment => HoldReason::AwaitingPayment,
        v1::HoldReason::Other => HoldReason::Other,
        v1::HoldReason::Unspecified => return invalid("hold_reason"),
    })
}

fn return_reason(reason: v1::ReturnReason) -> Decoded<ReturnReason> {
    Ok(match reason {
        v1::ReturnReason::Unwanted => ReturnReason::Unwanted,
        v1::ReturnReason::Damaged => ReturnReason::Damaged,
        v1::ReturnReason::Defective => ReturnReason::Defective,
        v1::ReturnReason::WrongItem => ReturnReason::WrongItem,
        v1::ReturnReason::Other => ReturnReason::Other,
        v1::ReturnReason::Unspecified => return invalid("return_reason"),
    })
}

fn invalid<T>(field: &'static str) -> Decoded<T> {
    Err(DecodeError::InvalidValue { field })
}

fn value<T>(parsed: Result<T, InvalidValue>, field: &'static str) -> Decoded<T> {
    parsed.map_err(|_invalid| DecodeError::InvalidValue { field })
}

fn optional<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, InvalidValue>,
    field: &'static str,
) -> Decoded<Option<T>> {
    if text.is_empty() {
        Ok(None)
    } else {
        value(parse(text), field).map(Some)
    }
}

fn fixed<const N: usize>(bytes: &[u8], field: &'static str) -> Decoded<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_length| DecodeError::InvalidValue { field })
}

fn optional_fixed<const N: usize>(bytes: &[u8], field: &'static str) -> Decoded<Option<[u8; N]>> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        fixed(bytes, field).map(Some)
    }
}

fn required_time(time: Option<prost_types::Timestamp>, field: &'static str) -> Decoded<Timestamp> {
    time.map(self::time)
        .ok_or(DecodeError::InvalidValue { field })
}

fn time(time: prost_types::Timestamp) -> Timestamp {
    let micros = i64::from(time.nanos / 1_000);
    Timestamp::from_micros(
        time.seconds
            .saturating_mul(1_000_000)
            .saturating_add(micros),
    )
}

fn text(text: &str) -> Decoded<Text> {
    value(Text::new(text), "text")
}

fn amount(minor_units: i64) -> Decoded<Amount> {
    value(Amount::new(minor_units), "amount")
}

fn quantity(units: u32) -> Decoded<Quantity> {
    value(Quantity::new(units), "quantity")
}

fn rate(ppm: u32) -> Decoded<RatePpm> {
    value(RatePpm::new(ppm), "rate_ppm")
}

fn line_id(id: &str) -> Decoded<LineId> {
    value(LineId::new(id), "line_id")
}

fn payment_id(id: &str) -> Decoded<PaymentId> {
    value(PaymentId::new(id), "payment_id")
}

fn shipment_id(id: &str) -> Decoded<ShipmentId> {
    value(ShipmentId::new(id), "shipment_id")
}

fn psp_reference(reference: &str) -> Decoded<PspReference> {
    value(PspReference::new(reference), "psp_reference")
}
