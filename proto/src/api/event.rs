//! Events as the history shows them.

use order::Event;
use order::command::LineQuantity;
use order::event::{
    ItemsShipped, LineAdded, LineValue, OrderAnnotated, OrderCreated, OrderPlaced,
    PaymentAuthorized, PaymentRefunded, Shipping,
};
use order::value::{
    Amount, CancelReason, Currency, HoldReason, LineId, Note, PaymentId, Private, PspReference,
    Quantity, ReturnId, ReturnReason, ShipmentId, Text,
};

use super::{address, customer, discount, kind, money, ppm, quantities, text, timestamp};
use crate::commit::Commit;
use crate::v1;
use crate::v1::order_event::Payload;

/// The event at `index` of a commit, which lies at `position`; amounts are in `currency`. Personal
/// data that is sealed is left out.
#[must_use]
pub fn event(
    commit: &Commit,
    index: usize,
    position: (u32, u64),
    currency: Currency,
) -> Option<v1::OrderEvent> {
    let event = commit.events.get(index)?;
    let version = commit
        .first_version
        .saturating_add(u64::try_from(index).ok()?);
    Some(v1::OrderEvent {
        event_id: format!("{}:{version}", commit.order_id),
        order_id: commit.order_id.to_string(),
        version: version.try_into().ok()?,
        position: format!("{}:{}", position.0, position.1),
        r#type: event.name().to_owned(),
        occur_time: Some(timestamp(commit.occur_time)),
        record_time: Some(timestamp(commit.record_time)),
        actor: commit.actor.as_ref().map(|actor| v1::Actor {
            kind: kind::actor_kind(actor.kind).into(),
            actor_id: actor.id.to_string(),
        }),
        reason: note(commit.reason.as_ref()),
        request_id: text(commit.request_id.as_ref()),
        correlation_id: commit.correlation_id.clone(),
        principal: commit.principal.clone(),
        traceparent: commit.traceparent.clone(),
        payload: Some(payload(event, currency)),
    })
}

/// One arm for each kind: what is not listed here does not compile.
fn payload(event: &Event, currency: Currency) -> Payload {
    let money = |amount: &Amount| Some(money(currency, *amount));
    match event {
        Event::OrderCreated(created) => Payload::OrderCreated(order_created(created)),
        Event::LineAdded(added) => Payload::LineAdded(line_added(added, currency)),
        Event::LineQuantitySet { line_id, quantity } => line_quantity_set(line_id, *quantity),
        Event::LineRemoved { line_id } => Payload::LineRemoved(v1::LineRemoved {
            line_id: line_id.to_string(),
        }),
        Event::ShippingSet(shipping) => Payload::ShippingSet(shipping_set(shipping, currency)),
        Event::DiscountsSet { discounts } => Payload::DiscountsSet(v1::DiscountsSet {
            discounts: discounts.iter().map(discount).collect(),
        }),
        Event::CustomerSet { customer: set } => Payload::CustomerSet(v1::CustomerSet {
            customer: customer(set),
        }),
        Event::OrderPlaced(placed) => Payload::OrderPlaced(order_placed(placed, currency)),
        Event::PaymentAuthorized(authorized) => payment_authorized(authorized, currency),
        Event::PaymentCaptured {
            payment_id,
            amount,
            psp_reference,
        } => payment_captured(payment_id, money(amount), psp_reference),
        Event::PaymentVoided {
            payment_id,
            amount,
            psp_reference,
        } => payment_voided(payment_id, money(amount), psp_reference.as_ref()),
        Event::PaymentRefunded(refunded) => payment_refunded(refunded, currency),
        Event::PaymentFailed {
            method,
            amount,
            psp_reference,
            decline_code,
        } => payment_failed(method, money(amount), psp_reference, decline_code),
        Event::ItemsShipped(shipped) => items_shipped(shipped),
        Event::ShipmentDelivered { shipment_id } => shipment_delivered(shipment_id),
        Event::ShipmentFailed { shipment_id } => shipment_failed(shipment_id),
        Event::ItemsCancelled { items, reason } => {
            items_cancelled(values(items, currency), *reason)
        }
        Event::OrderCancelled {
            items,
            shipping_value,
            shipping_tax,
            reason,
        } => Payload::OrderCancelled(v1::OrderCancelled {
            items: values(items, currency),
            shipping_value: money(shipping_value),
            shipping_tax: money(shipping_tax),
            cancel_reason: kind::cancel_reason(*reason).into(),
        }),
        Event::ReturnRequested {
            return_id,
            items,
            reason,
        } => return_requested(return_id, items, *reason),
        Event::ReturnReceived { return_id, items } => {
            return_received(return_id, values(items, currency))
        }
        Event::OrderHeld { reason } => order_held(*reason),
        Event::OrderReleased { reason } => order_released(*reason),
        Event::OrderAnnotated(annotated) => Payload::OrderAnnotated(order_annotated(annotated)),
        Event::PersonalDataErased { .. } => Payload::PersonalDataErased(v1::PersonalDataErased {}),
        Event::OrderCompleted => Payload::OrderCompleted(v1::OrderCompleted {}),
    }
}

fn line_quantity_set(line_id: &LineId, quantity: Quantity) -> Payload {
    Payload::LineQuantitySet(v1::LineQuantitySet {
        line_id: line_id.to_string(),
        quantity: quantity.units().into(),
    })
}

fn shipping_set(shipping: &Shipping, currency: Currency) -> v1::ShippingSet {
    v1::ShippingSet {
        shipping: Some(v1::Shipping {
            address: address(&shipping.destination),
            ..super::shipping(shipping, currency)
        }),
    }
}

fn payment_captured(
    payment_id: &PaymentId,
    amount: Option<v1::Money>,
    reference: &PspReference,
) -> Payload {
    Payload::PaymentCaptured(v1::PaymentCaptured {
        payment_id: payment_id.to_string(),
        amount,
        psp_reference: reference.to_string(),
    })
}

fn payment_voided(
    payment_id: &PaymentId,
    amount: Option<v1::Money>,
    reference: Option<&PspReference>,
) -> Payload {
    Payload::PaymentVoided(v1::PaymentVoided {
        payment_id: payment_id.to_string(),
        amount,
        psp_reference: text(reference),
    })
}

fn payment_failed(
    method: &Text,
    amount: Option<v1::Money>,
    reference: &PspReference,
    decline_code: &Text,
) -> Payload {
    Payload::PaymentFailed(v1::PaymentFailed {
        method: method.to_string(),
        amount,
        psp_reference: reference.to_string(),
        decline_code: decline_code.to_string(),
    })
}

fn items_shipped(shipped: &ItemsShipped) -> Payload {
    Payload::ItemsShipped(v1::ItemsShipped {
        shipment_id: shipped.shipment_id.to_string(),
        items: quantities(&shipped.items),
        carrier: shipped.carrier.to_string(),
        tracking_number: shipped.tracking_number.to_string(),
    })
}

fn shipment_delivered(shipment_id: &ShipmentId) -> Payload {
    let shipment_id = shipment_id.to_string();
    Payload::ShipmentDelivered(v1::ShipmentDelivered { shipment_id })
}

fn shipment_failed(shipment_id: &ShipmentId) -> Payload {
    let shipment_id = shipment_id.to_string();
    Payload::ShipmentFailed(v1::ShipmentFailed { shipment_id })
}

fn items_cancelled(items: Vec<v1::LineValue>, reason: CancelReason) -> Payload {
    let cancel_reason = kind::cancel_reason(reason).into();
    Payload::ItemsCancelled(v1::ItemsCancelled {
        items,
        cancel_reason,
    })
}

fn return_requested(return_id: &ReturnId, items: &[LineQuantity], reason: ReturnReason) -> Payload {
    Payload::ReturnRequested(v1::ReturnRequested {
        return_id: return_id.to_string(),
        items: quantities(items),
        return_reason: kind::return_reason(reason).into(),
    })
}

fn return_received(return_id: &ReturnId, items: Vec<v1::LineValue>) -> Payload {
    let return_id = return_id.to_string();
    Payload::ReturnReceived(v1::ReturnReceived { return_id, items })
}

fn order_held(reason: HoldReason) -> Payload {
    let hold_reason = kind::hold_reason(reason).into();
    Payload::OrderHeld(v1::OrderHeld { hold_reason })
}

fn order_released(reason: HoldReason) -> Payload {
    let hold_reason = kind::hold_reason(reason).into();
    Payload::OrderReleased(v1::OrderReleased { hold_reason })
}

fn order_created(created: &OrderCreated) -> v1::OrderCreated {
    v1::OrderCreated {
        channel: text(created.channel.as_ref()),
        currency_code: created.currency.to_string(),
        prices_include_tax: created.prices_include_tax,
        payment_terms: kind::payment_terms(created.terms).into(),
        customer: customer(&created.customer),
        related_order_id: text(created.related_order_id.as_ref()),
        tags: created.tags.iter().map(ToString::to_string).collect(),
        metadata: created
            .metadata
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect(),
    }
}

fn line_added(added: &LineAdded, currency: Currency) -> v1::LineAdded {
    v1::LineAdded {
        line_id: added.line_id.to_string(),
        sku: added.sku.to_string(),
        title: added.title.to_string(),
        quantity: added.quantity.units().into(),
        unit_price: Some(money(currency, added.unit_price)),
        tax_rate_ppm: ppm(added.tax_rate.ppm()),
    }
}

fn order_placed(placed: &OrderPlaced, currency: Currency) -> v1::OrderPlaced {
    let money = |amount| Some(money(currency, amount));
    let lines = placed.lines.iter().map(|line| v1::order_placed::Line {
        line_id: line.line_id.to_string(),
        discount: money(line.discount),
        tax: money(line.tax),
        total: money(line.total),
    });
    v1::OrderPlaced {
        lines: lines.collect(),
        shipping_total: money(placed.shipping_total),
        shipping_tax: money(placed.shipping_tax),
        placed_total: money(placed.placed_total),
        payment_due_time: placed.payment_due_time.map(timestamp),
    }
}

fn payment_authorized(authorized: &PaymentAuthorized, currency: Currency) -> Payload {
    Payload::PaymentAuthorized(v1::PaymentAuthorized {
        payment_id: authorized.payment_id.to_string(),
        amount: Some(money(currency, authorized.amount)),
        method: authorized.method.to_string(),
        psp_reference: authorized.psp_reference.to_string(),
        expire_time: authorized.expire_time.map(timestamp),
    })
}

fn payment_refunded(refunded: &PaymentRefunded, currency: Currency) -> Payload {
    Payload::PaymentRefunded(v1::PaymentRefunded {
        payment_id: refunded.payment_id.to_string(),
        amount: Some(money(currency, refunded.amount)),
        kind: kind::refund_kind(refunded.kind).into(),
        return_id: text(refunded.return_id.as_ref()),
        psp_reference: refunded.psp_reference.to_string(),
    })
}

fn order_annotated(annotated: &OrderAnnotated) -> v1::OrderAnnotated {
    let texts = |texts: &mut dyn Iterator<Item = String>| texts.collect();
    v1::OrderAnnotated {
        note: note(annotated.note.as_ref()),
        added_tags: texts(&mut annotated.added_tags.iter().map(ToString::to_string)),
        removed_tags: texts(&mut annotated.removed_tags.iter().map(ToString::to_string)),
        set_metadata: annotated
            .set_metadata
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        removed_metadata: texts(&mut annotated.removed_metadata.iter().map(ToString::to_string)),
    }
}

fn values(items: &[LineValue], currency: Currency) -> Vec<v1::LineValue> {
    let item = |item: &LineValue| v1::LineValue {
        line_id: item.line_id.to_string(),
        quantity: item.quantity.units().into(),
        value: Some(money(currency, item.value)),
        tax: Some(money(currency, item.tax)),
    };
    items.iter().map(item).collect()
}

fn note(note: Option<&Private<Note>>) -> String {
    match note {
        Some(Private::Clear(note)) => note.to_string(),
        Some(Private::Sealed(_)) | None => String::new(),
    }
}
