//! From an order as a view stores it back to the domain, so that the next event can be folded.
//!
//! Everything but what only `decide` looks at (references seen, ordinals) survives the way there
//! and back.

use std::collections::BTreeSet;

use order::Order;
use order::command::{DiscountValue, LineQuantity};
use order::event::{Discount, Shipping};
use order::state::{Line, Ordinals, Payment, Placed, Return, Shipment};
use order::value::{
    Amount, Channel, Currency, Customer, Destination, DiscountId, InvalidValue, LineId,
    MetadataKey, OrderId, PaymentId, PspReference, Quantity, RatePpm, ReturnId, ShipmentId,
    ShipmentOutcome, Sku, Tag, Text, Timestamp,
};

use super::kind;
use crate::v1;

/// The domain's order, from the API's and the two parts that may be sealed. `None` when a field
/// holds what no view wrote.
pub(crate) fn order_of(
    stored: &v1::Order,
    customer: Customer,
    destination: Destination,
    placed: Option<Placed>,
) -> Option<Order> {
    let is_placed = placed.is_some();
    Some(Order {
        version: stored.version.try_into().ok()?,
        state: kind::order_state_of(stored.state())?,
        channel: optional(&stored.channel, Channel::new)?,
        currency: Currency::new(&stored.currency_code).ok()?,
        prices_include_tax: stored.prices_include_tax,
        terms: kind::payment_terms_of(stored.payment_terms())?,
        customer,
        related_order_id: optional(&stored.related_order_id, OrderId::new)?,
        lines: stored
            .lines
            .iter()
            .map(|line| self::line(line, is_placed))
            .collect::<Option<_>>()?,
        shipping: match &stored.shipping {
            Some(shipping) => Some(self::shipping(shipping, destination)?),
            None => None,
        },
        discounts: stored
            .discounts
            .iter()
            .map(discount)
            .collect::<Option<_>>()?,
        tags: stored
            .tags
            .iter()
            .map(|tag| Tag::new(tag).ok())
            .collect::<Option<_>>()?,
        metadata: stored
            .metadata
            .iter()
            .map(|(k, v)| Some((MetadataKey::new(k).ok()?, Text::new(v).ok()?)))
            .collect::<Option<_>>()?,
        cancel_reason: kind::cancel_reason_of(stored.cancel_reason()),
        shipping_cancelled: stored.state() == v1::OrderState::Cancelled,
        payments: stored.payments.iter().map(payment).collect::<Option<_>>()?,
        failed_payments: stored.failed_payments.try_into().ok()?,
        shipments: stored
            .shipments
            .iter()
            .map(shipment)
            .collect::<Option<_>>()?,
        returns: stored.returns.iter().map(returned).collect::<Option<_>>()?,
        holds: stored
            .holds()
            .map(kind::hold_reason_of)
            .collect::<Option<_>>()?,
        goodwill: amount(stored.totals.as_ref()?.goodwill.as_ref())?,
        psp_references: BTreeSet::new(),
        ordinals: Ordinals::default(),
        personal_data_erased: stored.personal_data_erased,
        create_time: time(stored.create_time.as_ref()?),
        place_time: stored.place_time.as_ref().map(time),
        payment_due_time: stored.payment_due_time.as_ref().map(time),
        update_time: time(stored.update_time.as_ref()?),
        placed,
    })
}

fn line(line: &v1::Line, placed: bool) -> Option<Line> {
    // Before placing, the stored money is a preview; the domain's is zero.
    let frozen = |money: Option<&v1::Money>| {
        if placed {
            amount(money)
        } else {
            Some(Amount::ZERO)
        }
    };
    Some(Line {
        line_id: LineId::new(&line.line_id).ok()?,
        sku: Sku::new(&line.sku).ok()?,
        title: Text::new(&line.title).ok()?,
        quantity: quantity(line.quantity)?,
        unit_price: amount(line.unit_price.as_ref())?,
        tax_rate: rate(line.tax_rate_ppm)?,
        discount: frozen(line.discount.as_ref())?,
        tax: frozen(line.tax.as_ref())?,
        total: frozen(line.total.as_ref())?,
        cancelled: quantity(line.cancelled_quantity)?,
        cancelled_value: amount(line.cancelled.as_ref())?,
        shipped: quantity(line.shipped_quantity)?,
        delivered: quantity(line.delivered_quantity)?,
        return_open: quantity(line.return_open_quantity)?,
        returned: quantity(line.returned_quantity)?,
        returned_value: amount(line.returned.as_ref())?,
    })
}

fn shipping(shipping: &v1::Shipping, destination: Destination) -> Option<Shipping> {
    Some(Shipping {
        method: Text::new(&shipping.method).ok()?,
        price: amount(shipping.price.as_ref())?,
        tax_rate: rate(shipping.tax_rate_ppm)?,
        destination,
    })
}

fn discount(discount: &v1::Discount) -> Option<Discount> {
    Some(Discount {
        discount_id: DiscountId::new(&discount.discount_id).ok()?,
        label: Text::new(&discount.label).ok()?,
        line_ids: discount
            .line_ids
            .iter()
            .map(|id| LineId::new(id).ok())
            .collect::<Option<_>>()?,
        value: match discount.value.as_ref()? {
            v1::discount::Value::FixedMinorUnits(fixed) => {
                DiscountValue::Fixed(Amount::new(*fixed).ok()?)
            }
            v1::discount::Value::RatePpm(ppm) => DiscountValue::Rate(rate(*ppm)?),
        },
    })
}

fn payment(payment: &v1::Payment) -> Option<Payment> {
    Some(Payment {
        payment_id: PaymentId::new(&payment.payment_id).ok()?,
        method: Text::new(&payment.method).ok()?,
        psp_reference: PspReference::new(&payment.psp_reference).ok()?,
        authorized: amount(payment.authorized.as_ref())?,
        captured: amount(payment.captured.as_ref())?,
        voided: amount(payment.voided.as_ref())?,
        refunded: amount(payment.refunded.as_ref())?,
        expire_time: payment.expire_time.as_ref().map(time),
    })
}

fn shipment(shipment: &v1::Shipment) -> Option<Shipment> {
    let outcome = match shipment.outcome() {
        v1::ShipmentOutcome::Unspecified => None,
        v1::ShipmentOutcome::Delivered => Some(ShipmentOutcome::Delivered),
        v1::ShipmentOutcome::Failed => Some(ShipmentOutcome::Failed),
    };
    Some(Shipment {
        shipment_id: ShipmentId::new(&shipment.shipment_id).ok()?,
        items: quantities(&shipment.items)?,
        carrier: Text::new(&shipment.carrier).ok()?,
        tracking_number: Text::new(&shipment.tracking_number).ok()?,
        ship_time: time(shipment.ship_time.as_ref()?),
        closed: outcome.zip(shipment.close_time.as_ref().map(time)),
    })
}

fn returned(found: &v1::Return) -> Option<Return> {
    Some(Return {
        return_id: ReturnId::new(&found.return_id).ok()?,
        requested: quantities(&found.requested)?,
        received: quantities(&found.received)?,
        reason: kind::return_reason_of(found.reason())?,
        open: found.open,
        value: amount(found.value.as_ref())?,
        refunded: amount(found.refunded.as_ref())?,
    })
}

fn quantities(items: &[v1::LineQuantity]) -> Option<Vec<LineQuantity>> {
    let item = |item: &v1::LineQuantity| {
        let line_id = LineId::new(&item.line_id).ok()?;
        Some(LineQuantity {
            line_id,
            quantity: quantity(item.quantity)?,
        })
    };
    items.iter().map(item).collect()
}

/// `Some(None)` for an empty text, `None` for a wrong one.
fn optional<T>(text: &str, parse: impl Fn(&str) -> Result<T, InvalidValue>) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        parse(text).ok().map(Some)
    }
}

fn amount(money: Option<&v1::Money>) -> Option<Amount> {
    Amount::new(money?.minor_units).ok()
}

fn quantity(units: i64) -> Option<Quantity> {
    Quantity::new(units.try_into().ok()?).ok()
}

fn rate(ppm: i32) -> Option<RatePpm> {
    RatePpm::new(ppm.try_into().ok()?).ok()
}

fn time(time: &prost_types::Timestamp) -> Timestamp {
    let micros = i64::from(time.nanos / 1_000);
    Timestamp::from_micros(
        time.seconds
            .saturating_mul(1_000_000)
            .saturating_add(micros),
    )
}
