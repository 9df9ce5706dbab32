//! From the domain to the log's messages.

mod kind;

use order::Event;
use order::command::{DiscountValue, LineQuantity};
use order::event::{
    Discount, ItemsShipped, LineAdded, LineValue, OrderAnnotated, OrderCreated, OrderPlaced,
    PaymentAuthorized, PaymentRefunded, Shipping,
};
use order::value::{
    Amount, CancelReason, Customer, Destination, HoldReason, LineId, PaymentId, Private,
    PspReference, Quantity, RefundKind, ReturnId, ReturnReason, SealedBytes, ShipmentId, Text,
    Timestamp,
};

use self::kind::{actor_kind, cancel_reason, hold_reason, payment_terms, return_reason};
use super::{Commit, SCHEMA, Unsealed};
use crate::log::v1;
use crate::log::v1::event::Event as Wire;
use crate::personal::{ADDRESS, CUSTOMER, NOTE, REASON};

pub(super) fn commit(commit: &Commit) -> Result<v1::Commit, Unsealed> {
    let events = commit.events.iter().map(event).collect::<Result<_, _>>()?;
    Ok(v1::Commit {
        commit_id: commit.commit_id.to_vec(),
        order_id: commit.order_id.to_string(),
        first_version: commit.first_version,
        schema: SCHEMA,
        occur_time: Some(timestamp(commit.occur_time)),
        record_time: Some(timestamp(commit.record_time)),
        principal: commit.principal.clone(),
        actor: commit.actor.as_ref().map(|actor| v1::Actor {
            kind: actor_kind(actor.kind).into(),
            actor_id: actor.id.to_string(),
        }),
        reason: sealed(commit.reason.as_ref(), REASON)?,
        request_id: text(commit.request_id.as_ref()),
        fingerprint: commit.fingerprint.map(Vec::from).unwrap_or_default(),
        correlation_id: commit.correlation_id.clone(),
        traceparent: commit.traceparent.clone(),
        previous_hash: commit.previous_hash.map(Vec::from).unwrap_or_default(),
        events,
    })
}

/// One arm for each kind: what is not listed here does not compile, so nothing is stored as
/// something else.
fn event(event: &Event) -> Result<v1::Event, Unsealed> {
    let event = match event {
        Event::OrderCreated(created) => Wire::OrderCreated(order_created(created)?),
        Event::LineAdded(added) => Wire::LineAdded(line_added(added)),
        Event::LineQuantitySet { line_id, quantity } => line_quantity_set(line_id, *quantity),
        Event::LineRemoved { line_id } => Wire::LineRemoved(v1::LineRemoved {
            line_id: line_id.to_string(),
        }),
        Event::ShippingSet(shipping) => Wire::ShippingSet(shipping_set(shipping)?),
        Event::DiscountsSet { discounts } => Wire::DiscountsSet(v1::DiscountsSet {
            discounts: discounts.iter().map(discount).collect(),
        }),
        Event::CustomerSet { customer: c } => Wire::CustomerSet(v1::CustomerSet {
            customer: Some(customer(c)?),
        }),
        Event::OrderPlaced(placed) => Wire::OrderPlaced(order_placed(placed)),
        Event::PaymentAuthorized(authorized) => payment_authorized(authorized),
        Event::PaymentCaptured {
            payment_id,
            amount,
            psp_reference,
        } => payment_captured(payment_id, *amount, psp_reference),
        Event::PaymentVoided {
            payment_id,
            amount,
            psp_reference,
        } => payment_voided(payment_id, *amount, psp_reference.as_ref()),
        Event::PaymentRefunded(refunded) => payment_refunded(refunded),
        Event::PaymentFailed {
            method,
            amount,
            psp_reference,
            decline_code,
        } => payment_failed(method, *amount, psp_reference, decline_code),
        Event::ItemsShipped(shipped) => items_shipped(shipped),
        Event::ShipmentDelivered { shipment_id } => shipment_delivered(shipment_id),
        Event::ShipmentFailed { shipment_id } => shipment_failed(shipment_id),
        Event::ItemsCancelled { items, reason } => items_cancelled(items, *reason),
        Event::OrderCancelled {
            items,
            shipping_value,
            shipping_tax,
            reason,
        } => order_cancelled(items, *shipping_value, *shipping_tax, *reason),
        Event::ReturnRequested {
            return_id,
            items,
            reason,
        } => return_requested(return_id, items, *reason),
        Event::ReturnReceived { return_id, items } => return_received(return_id, items),
        Event::OrderHeld { reason } => order_held(*reason),
        Event::OrderReleased { reason } => order_released(*reason),
        Event::OrderAnnotated(annotated) => Wire::OrderAnnotated(order_annotated(annotated)?),
        Event::PersonalDataErased { key_id } => personal_data_erased(key_id.as_ref()),
        Event::OrderCompleted => Wire::OrderCompleted(v1::OrderCompleted {}),
    };
    Ok(v1::Event { event: Some(event) })
}

fn line_quantity_set(line_id: &LineId, quantity: Quantity) -> Wire {
    Wire::LineQuantitySet(v1::LineQuantitySet {
        line_id: line_id.to_string(),
        quantity: quantity.units(),
    })
}

fn payment_captured(payment_id: &PaymentId, amount: Amount, reference: &PspReference) -> Wire {
    Wire::PaymentCaptured(v1::PaymentCaptured {
        payment_id: payment_id.to_string(),
        amount: amount.minor_units(),
        psp_reference: reference.to_string(),
    })
}

fn payment_voided(id: &PaymentId, amount: Amount, reference: Option<&PspReference>) -> Wire {
    Wire::PaymentVoided(v1::PaymentVoided {
        payment_id: id.to_string(),
        amount: amount.minor_units(),
        psp_reference: text(reference),
    })
}

fn payment_failed(method: &Text, amount: Amount, reference: &PspReference, code: &Text) -> Wire {
    Wire::PaymentFailed(v1::PaymentFailed {
        method: method.to_string(),
        amount: amount.minor_units(),
        psp_reference: reference.to_string(),
        decline_code: code.to_string(),
    })
}

fn shipment_delivered(shipment_id: &ShipmentId) -> Wire {
    let shipment_id = shipment_id.to_string();
    Wire::ShipmentDelivered(v1::ShipmentDelivered { shipment_id })
}

fn shipment_failed(shipment_id: &ShipmentId) -> Wire {
    let shipment_id = shipment_id.to_string();
    Wire::ShipmentFailed(v1::ShipmentFailed { shipment_id })
}

fn items_cancelled(items: &[LineValue], reason: CancelReason) -> Wire {
    Wire::ItemsCancelled(v1::ItemsCancelled {
        items: values(items),
        cancel_reason: cancel_reason(reason).into(),
    })
}

fn order_cancelled(items: &[LineValue], value: Amount, tax: Amount, reason: CancelReason) -> Wire {
    Wire::OrderCancelled(v1::OrderCancelled {
        items: values(items),
        shipping_value: value.minor_units(),
        shipping_tax: tax.minor_units(),
        cancel_reason: cancel_reason(reason).into(),
    })
}

fn return_requested(return_id: &ReturnId, items: &[LineQuantity], reason: ReturnReason) -> Wire {
    Wire::ReturnRequested(v1::ReturnRequested {
        return_id: return_id.to_string(),
        items: quantities(items),
        return_reason: return_reason(reason).into(),
    })
}

fn return_received(return_id: &ReturnId, items: &[LineValue]) -> Wire {
    Wire::ReturnReceived(v1::ReturnReceived {
        return_id: return_id.to_string(),
        items: values(items),
    })
}

fn order_held(reason: HoldReason) -> Wire {
    let hold_reason = hold_reason(reason).into();
    Wire::OrderHeld(v1::OrderHeld { hold_reason })
}

fn order_released(reason: HoldReason) -> Wire {
    let hold_reason = hold_reason(reason).into();
    Wire::OrderReleased(v1::OrderReleased { hold_reason })
}

fn personal_data_erased(key_id: Option<&[u8; 16]>) -> Wire {
    let key_id = key_id.map(|id| id.to_vec()).unwrap_or_default();
    Wire::PersonalDataErased(v1::PersonalDataErased { key_id })
}

fn order_created(created: &OrderCreated) -> Result<v1::OrderCreated, Unsealed> {
    Ok(v1::OrderCreated {
        channel: text(created.channel.as_ref()),
        currency_code: created.currency.to_string(),
        prices_include_tax: created.prices_include_tax,
        payment_terms: payment_terms(created.terms).into(),
        customer: Some(customer(&created.customer)?),
        related_order_id: text(created.related_order_id.as_ref()),
        tags: texts(&created.tags),
        metadata: pairs(&created.metadata),
    })
}

fn line_added(added: &LineAdded) -> v1::LineAdded {
    v1::LineAdded {
        line_id: added.line_id.to_string(),
        sku: added.sku.to_string(),
        title: added.title.to_string(),
        quantity: added.quantity.units(),
        unit_price: added.unit_price.minor_units(),
        tax_rate_ppm: added.tax_rate.ppm(),
    }
}

fn shipping_set(shipping: &Shipping) -> Result<v1::ShippingSet, Unsealed> {
    Ok(v1::ShippingSet {
        method: shipping.method.to_string(),
        price: shipping.price.minor_units(),
        tax_rate_ppm: shipping.tax_rate.ppm(),
        destination: Some(destination(&shipping.destination)?),
    })
}

fn discount(discount: &Discount) -> v1::Discount {
    v1::Discount {
        discount_id: discount.discount_id.to_string(),
        label: discount.label.to_string(),
        line_ids: texts(&discount.line_ids),
        value: Some(match discount.value {
            DiscountValue::Fixed(amount) => v1::discount::Value::Fixed(amount.minor_units()),
            DiscountValue::Rate(rate) => v1::discount::Value::RatePpm(rate.ppm()),
        }),
    }
}

pub(crate) fn customer(customer: &Customer) -> Result<v1::Customer, Unsealed> {
    Ok(v1::Customer {
        customer_id: text(customer.id.as_ref()),
        contact: sealed(customer.contact.as_ref(), CUSTOMER)?,
    })
}

pub(crate) fn destination(destination: &Destination) -> Result<v1::Destination, Unsealed> {
    Ok(v1::Destination {
        country_code: destination
            .country
            .map_or_else(String::new, |c| c.code().to_owned()),
        address: sealed(destination.address.as_ref(), ADDRESS)?,
    })
}

fn order_placed(placed: &OrderPlaced) -> v1::OrderPlaced {
    let lines = placed.lines.iter().map(|line| v1::PlacedLine {
        line_id: line.line_id.to_string(),
        discount: line.discount.minor_units(),
        tax: line.tax.minor_units(),
        total: line.total.minor_units(),
    });
    v1::OrderPlaced {
        lines: lines.collect(),
        shipping_total: placed.shipping_total.minor_units(),
        shipping_tax: placed.shipping_tax.minor_units(),
        placed_total: placed.placed_total.minor_units(),
        payment_due_time: placed.payment_due_time.map(timestamp),
    }
}

fn payment_authorized(authorized: &PaymentAuthorized) -> Wire {
    Wire::PaymentAuthorized(v1::PaymentAuthorized {
        payment_id: authorized.payment_id.to_string(),
        amount: authorized.amount.minor_units(),
        method: authorized.method.to_string(),
        psp_reference: authorized.psp_reference.to_string(),
        expire_time: authorized.expire_time.map(timestamp),
    })
}

fn payment_refunded(refunded: &PaymentRefunded) -> Wire {
    Wire::PaymentRefunded(v1::PaymentRefunded {
        payment_id: refunded.payment_id.to_string(),
        amount: refunded.amount.minor_units(),
        kind: match refunded.kind {
            RefundKind::Credit => v1::RefundKind::Credit,
            RefundKind::Goodwill => v1::RefundKind::Goodwill,
        }
        .into(),
        return_id: text(refunded.return_id.as_ref()),
        psp_reference: refunded.psp_reference.to_string(),
    })
}

fn items_shipped(shipped: &ItemsShipped) -> Wire {
    Wire::ItemsShipped(v1::ItemsShipped {
        shipment_id: shipped.shipment_id.to_string(),
        items: quantities(&shipped.items),
        carrier: shipped.carrier.to_string(),
        tracking_number: shipped.tracking_number.to_string(),
    })
}

fn order_annotated(annotated: &OrderAnnotated) -> Result<v1::OrderAnnotated, Unsealed> {
    Ok(v1::OrderAnnotated {
        note: sealed(annotated.note.as_ref(), NOTE)?,
        added_tags: texts(&annotated.added_tags),
        removed_tags: texts(&annotated.removed_tags),
        set_metadata: pairs(&annotated.set_metadata),
        removed_metadata: texts(&annotated.removed_metadata),
    })
}

fn quantities(items: &[LineQuantity]) -> Vec<v1::LineQuantity> {
    let item = |item: &LineQuantity| v1::LineQuantity {
        line_id: item.line_id.to_string(),
        quantity: item.quantity.units(),
    };
    items.iter().map(item).collect()
}

fn values(items: &[LineValue]) -> Vec<v1::LineValue> {
    let item = |item: &LineValue| v1::LineValue {
        line_id: item.line_id.to_string(),
        quantity: item.quantity.units(),
        value: item.value.minor_units(),
        tax: item.tax.minor_units(),
    };
    items.iter().map(item).collect()
}

fn sealed<T>(
    private: Option<&Private<T>>,
    group: &'static str,
) -> Result<Option<v1::Sealed>, Unsealed> {
    match private {
        None => Ok(None),
        Some(Private::Clear(_)) => Err(Unsealed { group }),
        Some(Private::Sealed(SealedBytes {
            key_id,
            nonce,
            ciphertext,
        })) => Ok(Some(v1::Sealed {
            key_id: key_id.to_vec(),
            nonce: nonce.to_vec(),
            ciphertext: ciphertext.clone(),
        })),
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    values.into_iter().map(ToString::to_string).collect()
}

fn pairs<'a, K: ToString + 'a, V: ToString + 'a>(
    pairs: impl IntoIterator<Item = (&'a K, &'a V)>,
) -> std::collections::BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    crate::api::timestamp(time)
}
