//! From the log's messages to the domain.
//!
//! Values are read by the constructors of the domain. Their rules may therefore only ever widen: what
//! was valid when it was stored must stay a value. A rule for new input that is stricter belongs to
//! the parsing of requests.

mod value;

use std::collections::{BTreeMap, BTreeSet};

use order::Event;
use order::command::{DiscountValue, LineQuantity};
use order::event::{
    Discount, ItemsShipped, LineAdded, LineValue, OrderAnnotated, OrderCreated, OrderPlaced,
    PaymentAuthorized, PaymentRefunded, PlacedLine, Shipping,
};
use order::value::{
    Actor, ActorId, ActorKind, Channel, Country, Currency, Customer, CustomerId, Destination,
    DiscountId, MetadataKey, OrderId, PaymentTerms, Private, PspReference, RefundKind, RequestId,
    ReturnId, SealedBytes, Sku, Tag, Text,
};

use self::value::{
    amount, cancel_reason, fixed, hold_reason, invalid, line_id, optional, optional_fixed,
    payment_id, psp_reference, quantity, rate, required_time, return_reason, shipment_id, text,
    time, value,
};
use super::{Commit, DecodeError, SCHEMA, upcast};
use crate::log::v1;
use crate::log::v1::event::Event as Wire;

type Decoded<T> = Result<T, DecodeError>;

pub(super) fn commit(wire: v1::Commit) -> Decoded<Commit> {
    match wire.schema {
        0 => return invalid("schema"),
        SCHEMA => {}
        schema => return Err(DecodeError::NewerSchema { schema }),
    }
    let decode_event = |(index, event): (usize, v1::Event)| match event.event {
        Some(event) => self::event(event),
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
        Wire::PaymentCaptured(captured) => payment_captured(&captured)?,
        Wire::PaymentVoided(voided) => payment_voided(&voided)?,
        Wire::PaymentRefunded(refunded) => Event::PaymentRefunded(payment_refunded(&refunded)?),
        Wire::PaymentFailed(failed) => payment_failed(&failed)?,
        Wire::ItemsShipped(shipped) => Event::ItemsShipped(items_shipped(&shipped)?),
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
        Wire::OrderCancelled(cancelled) => order_cancelled(&cancelled)?,
        Wire::ReturnRequested(requested) => return_requested(&requested)?,
        Wire::ReturnReceived(received) => return_received(&received)?,
        Wire::OrderHeld(held) => Event::OrderHeld {
            reason: hold_reason(held.hold_reason())?,
        },
        Wire::OrderReleased(released) => Event::OrderReleased {
            reason: hold_reason(released.hold_reason())?,
        },
        Wire::OrderAnnotated(annotated) => {
            Event::OrderAnnotated(Box::new(order_annotated(annotated)?))
        }
        Wire::PersonalDataErased(erased) => Event::PersonalDataErased {
            key_id: optional_fixed(&erased.key_id, "key_id")?,
        },
        Wire::OrderCompleted(v1::OrderCompleted {}) => Event::OrderCompleted,
        Wire::NoteAdded(added) => {
            Event::OrderAnnotated(Box::new(order_annotated(upcast::note_added(added))?))
        }
    })
}

fn payment_captured(captured: &v1::PaymentCaptured) -> Decoded<Event> {
    Ok(Event::PaymentCaptured {
        payment_id: payment_id(&captured.payment_id)?,
        amount: amount(captured.amount)?,
        psp_reference: psp_reference(&captured.psp_reference)?,
    })
}

fn payment_voided(voided: &v1::PaymentVoided) -> Decoded<Event> {
    Ok(Event::PaymentVoided {
        payment_id: payment_id(&voided.payment_id)?,
        amount: amount(voided.amount)?,
        psp_reference: optional(&voided.psp_reference, PspReference::new, "psp_reference")?,
    })
}

fn payment_failed(failed: &v1::PaymentFailed) -> Decoded<Event> {
    Ok(Event::PaymentFailed {
        method: text(&failed.method)?,
        amount: amount(failed.amount)?,
        psp_reference: psp_reference(&failed.psp_reference)?,
        decline_code: text(&failed.decline_code)?,
    })
}

fn items_shipped(shipped: &v1::ItemsShipped) -> Decoded<ItemsShipped> {
    Ok(ItemsShipped {
        shipment_id: shipment_id(&shipped.shipment_id)?,
        items: quantities(&shipped.items)?,
        carrier: text(&shipped.carrier)?,
        tracking_number: text(&shipped.tracking_number)?,
    })
}

fn order_cancelled(cancelled: &v1::OrderCancelled) -> Decoded<Event> {
    Ok(Event::OrderCancelled {
        items: values(&cancelled.items)?,
        shipping_value: amount(cancelled.shipping_value)?,
        shipping_tax: amount(cancelled.shipping_tax)?,
        reason: cancel_reason(cancelled.cancel_reason())?,
    })
}

fn return_requested(requested: &v1::ReturnRequested) -> Decoded<Event> {
    Ok(Event::ReturnRequested {
        return_id: value(ReturnId::new(&requested.return_id), "return_id")?,
        items: quantities(&requested.items)?,
        reason: return_reason(requested.return_reason())?,
    })
}

fn return_received(received: &v1::ReturnReceived) -> Decoded<Event> {
    Ok(Event::ReturnReceived {
        return_id: value(ReturnId::new(&received.return_id), "return_id")?,
        items: values(&received.items)?,
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
