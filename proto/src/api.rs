//! The order as callers see it: from the domain to `orders.v1`, and back where a view needs it.

mod event;
mod kind;
mod parse;

use order::command::{DiscountValue, LineQuantity};
use order::event::{Discount, Shipping};
use order::pricing::LinePrice;
use order::state::{Line, Payment, Return, Shipment};
use order::value::{
    Amount, Currency, Customer, Destination, OrderId, Private, ShipmentOutcome, Timestamp,
};
use order::{Order, Totals};

use crate::v1;

/// A state as the API's short word: `PLACED`.
#[must_use]
pub fn order_state_name(state: order::value::OrderState) -> &'static str {
    kind::order_state(state)
        .as_str_name()
        .trim_start_matches("ORDER_STATE_")
}

/// A hold reason as the API's short word: `FRAUD_REVIEW`.
#[must_use]
pub fn hold_reason_name(reason: order::value::HoldReason) -> &'static str {
    kind::hold_reason(reason)
        .as_str_name()
        .trim_start_matches("HOLD_REASON_")
}

pub use event::event;
pub(crate) use parse::order_of;

/// An amount in a currency.
#[must_use]
pub fn money(currency: Currency, amount: Amount) -> v1::Money {
    v1::Money {
        currency_code: currency.code().to_owned(),
        minor_units: amount.minor_units(),
    }
}

/// A moment.
#[must_use]
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

/// The money of an order.
#[must_use]
pub fn totals(order: &Order) -> v1::Totals {
    let totals: Totals = order.totals();
    let money = |amount| Some(money(order.currency, amount));
    v1::Totals {
        goods: money(totals.goods),
        discount: money(totals.discount),
        shipping: money(totals.shipping),
        tax: money(totals.tax),
        placed_total: money(totals.placed_total),
        net_total: money(totals.net_total),
        captured: money(totals.captured),
        refunded: money(totals.refunded),
        balance: money(totals.balance),
        goodwill: money(totals.goodwill),
    }
}

/// An order. Personal data that is sealed is left out.
#[must_use]
pub fn order(order_id: &OrderId, order: &Order) -> v1::Order {
    v1::Order {
        customer: customer(&order.customer),
        shipping_address: order
            .shipping
            .as_ref()
            .and_then(|s| address(&s.destination)),
        ..bare(order_id, order)
    }
}

/// An order without the two fields that may hold personal data.
#[must_use]
pub(crate) fn bare(order_id: &OrderId, order: &Order) -> v1::Order {
    let currency = order.currency;
    v1::Order {
        order_id: order_id.to_string(),
        degraded: String::new(),
        version: i64::try_from(order.version).unwrap_or(i64::MAX),
        channel: text(order.channel.as_ref()),
        customer: None,
        currency_code: currency.to_string(),
        prices_include_tax: order.prices_include_tax,
        payment_terms: kind::payment_terms(order.terms).into(),
        state: kind::order_state(order.state).into(),
        payment_state: kind::payment_state(order.payment_state()).into(),
        fulfillment_state: kind::fulfillment_state(order.fulfillment_state()).into(),
        return_state: kind::return_state(order.return_state()).into(),
        holds: order
            .holds
            .iter()
            .map(|reason| kind::hold_reason(*reason).into())
            .collect(),
        cancel_reason: order
            .cancel_reason
            .map_or(v1::CancelReason::Unspecified, kind::cancel_reason)
            .into(),
        lines: lines(order),
        shipping: order
            .shipping
            .as_ref()
            .map(|shipping| self::shipping(shipping, currency)),
        discounts: order.discounts.iter().map(discount).collect(),
        totals: Some(totals(order)),
        payments: order
            .payments
            .iter()
            .map(|payment| self::payment(payment, currency))
            .collect(),
        shipments: order.shipments.iter().map(shipment).collect(),
        returns: order
            .returns
            .iter()
            .map(|found| returned(found, currency))
            .collect(),
        tags: order.tags.iter().map(ToString::to_string).collect(),
        metadata: order
            .metadata
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect(),
        create_time: Some(timestamp(order.create_time)),
        place_time: order.place_time.map(timestamp),
        payment_due_time: order.payment_due_time.map(timestamp),
        update_time: Some(timestamp(order.update_time)),
        personal_data_erased: order.personal_data_erased,
        related_order_id: text(order.related_order_id.as_ref()),
        shipping_address: None,
        failed_payments: i32::try_from(order.failed_payments).unwrap_or(i32::MAX),
    }
}

/// A customer; nothing when there is nothing to say.
#[must_use]
pub fn customer(customer: &Customer) -> Option<v1::Customer> {
    let contact = match &customer.contact {
        Some(Private::Clear(contact)) => Some(contact),
        Some(Private::Sealed(_)) | None => None,
    };
    if customer.id.is_none() && contact.is_none() {
        return None;
    }
    Some(v1::Customer {
        customer_id: text(customer.id.as_ref()),
        email: text(contact.map(|contact| &contact.email)),
        name: text(contact.map(|contact| &contact.name)),
    })
}

/// An address; nothing when there is nothing to say.
#[must_use]
pub fn address(destination: &Destination) -> Option<v1::Address> {
    let address = match &destination.address {
        Some(Private::Clear(address)) => Some(address),
        Some(Private::Sealed(_)) | None => None,
    };
    if destination.country.is_none() && address.is_none() {
        return None;
    }
    Some(v1::Address {
        recipient: text(address.map(|address| &address.recipient)),
        lines: address
            .map(|a| a.lines.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        city: text(address.map(|address| &address.city)),
        region: text(address.map(|address| &address.region)),
        postal_code: text(address.map(|address| &address.postal_code)),
        country_code: destination
            .country
            .map_or_else(String::new, |c| c.code().to_owned()),
    })
}

/// Lines with frozen money; a draft's with a preview of it.
fn lines(order: &Order) -> Vec<v1::Line> {
    let preview = match order.placed {
        Some(_) => Vec::new(),
        None => order
            .pricing()
            .map(|pricing| pricing.lines)
            .unwrap_or_default(),
    };
    let line = |(index, line): (usize, &Line)| {
        let price = preview.get(index).copied().unwrap_or(LinePrice {
            base: Amount::ZERO,
            discount: line.discount,
            tax: line.tax,
            total: line.total,
        });
        self::line(line, price, order.currency)
    };
    order.lines.iter().enumerate().map(line).collect()
}

fn line(line: &Line, price: LinePrice, currency: Currency) -> v1::Line {
    let money = |amount| Some(money(currency, amount));
    v1::Line {
        line_id: line.line_id.to_string(),
        sku: line.sku.to_string(),
        title: line.title.to_string(),
        quantity: line.quantity.units().into(),
        unit_price: money(line.unit_price),
        tax_rate_ppm: ppm(line.tax_rate.ppm()),
        discount: money(price.discount),
        tax: money(price.tax),
        total: money(price.total),
        cancelled_quantity: line.cancelled.units().into(),
        shipped_quantity: line.shipped.units().into(),
        delivered_quantity: line.delivered.units().into(),
        return_open_quantity: line.return_open.units().into(),
        returned_quantity: line.returned.units().into(),
        cancelled: money(line.cancelled_value),
        returned: money(line.returned_value),
    }
}

fn shipping(shipping: &Shipping, currency: Currency) -> v1::Shipping {
    v1::Shipping {
        method: shipping.method.to_string(),
        price: Some(money(currency, shipping.price)),
        tax_rate_ppm: ppm(shipping.tax_rate.ppm()),
        address: None,
    }
}

fn discount(discount: &Discount) -> v1::Discount {
    v1::Discount {
        discount_id: discount.discount_id.to_string(),
        label: discount.label.to_string(),
        line_ids: discount.line_ids.iter().map(ToString::to_string).collect(),
        value: Some(match discount.value {
            DiscountValue::Fixed(amount) => {
                v1::discount::Value::FixedMinorUnits(amount.minor_units())
            }
            DiscountValue::Rate(rate) => v1::discount::Value::RatePpm(ppm(rate.ppm())),
        }),
    }
}

fn payment(payment: &Payment, currency: Currency) -> v1::Payment {
    let money = |amount| Some(money(currency, amount));
    v1::Payment {
        payment_id: payment.payment_id.to_string(),
        method: payment.method.to_string(),
        psp_reference: payment.psp_reference.to_string(),
        authorized: money(payment.authorized),
        captured: money(payment.captured),
        voided: money(payment.voided),
        refunded: money(payment.refunded),
        expire_time: payment.expire_time.map(timestamp),
    }
}

fn shipment(shipment: &Shipment) -> v1::Shipment {
    let outcome = match shipment.closed {
        None => v1::ShipmentOutcome::Unspecified,
        Some((ShipmentOutcome::Delivered, _)) => v1::ShipmentOutcome::Delivered,
        Some((ShipmentOutcome::Failed, _)) => v1::ShipmentOutcome::Failed,
    };
    v1::Shipment {
        shipment_id: shipment.shipment_id.to_string(),
        items: quantities(&shipment.items),
        carrier: shipment.carrier.to_string(),
        tracking_number: shipment.tracking_number.to_string(),
        ship_time: Some(timestamp(shipment.ship_time)),
        close_time: shipment.closed.map(|(_, time)| timestamp(time)),
        outcome: outcome.into(),
    }
}

fn returned(found: &Return, currency: Currency) -> v1::Return {
    v1::Return {
        return_id: found.return_id.to_string(),
        requested: quantities(&found.requested),
        received: quantities(&found.received),
        reason: kind::return_reason(found.reason).into(),
        open: found.open,
        value: Some(money(currency, found.value)),
        refunded: Some(money(currency, found.refunded)),
    }
}

fn quantities(items: &[LineQuantity]) -> Vec<v1::LineQuantity> {
    let item = |item: &LineQuantity| v1::LineQuantity {
        line_id: item.line_id.to_string(),
        quantity: item.quantity.units().into(),
    };
    items.iter().map(item).collect()
}

fn ppm(ppm: u32) -> i32 {
    i32::try_from(ppm).unwrap_or(i32::MAX)
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
