//! What an event says, in one line for people: ids, amounts, items.

use proto::v1;
use proto::v1::order_event::Payload;

use super::sheet::items;
use crate::amount::money;
use crate::render::time;
use crate::word::word;

/// The details of an event; `-` where its name says it all.
pub(super) fn details(event: &v1::OrderEvent) -> String {
    let words = event.payload.as_ref().map(words).unwrap_or_default();
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(" ")
    }
}

fn words(payload: &Payload) -> Vec<String> {
    match payload {
        Payload::OrderCreated(it) => it.details(),
        Payload::OrderPlaced(it) => it.details(),
        Payload::LineAdded(it) => it.details(),
        Payload::LineQuantitySet(it) => it.details(),
        Payload::LineRemoved(it) => it.details(),
        Payload::ShippingSet(it) => it.details(),
        Payload::DiscountsSet(it) => it.details(),
        Payload::CustomerSet(it) => it.details(),
        Payload::PaymentAuthorized(it) => it.details(),
        Payload::PaymentCaptured(it) => it.details(),
        Payload::PaymentVoided(it) => it.details(),
        Payload::PaymentRefunded(it) => it.details(),
        Payload::PaymentFailed(it) => it.details(),
        Payload::ItemsShipped(it) => it.details(),
        Payload::ShipmentDelivered(it) => it.details(),
        Payload::ShipmentFailed(it) => it.details(),
        Payload::ItemsCancelled(it) => it.details(),
        Payload::OrderCancelled(it) => it.details(),
        Payload::ReturnRequested(it) => it.details(),
        Payload::ReturnReceived(it) => it.details(),
        Payload::OrderHeld(it) => it.details(),
        Payload::OrderReleased(it) => it.details(),
        Payload::OrderAnnotated(it) => it.details(),
        Payload::PersonalDataErased(_) | Payload::OrderCompleted(_) => Vec::new(),
    }
}

/// What is worth showing of one kind of event; empty words are left out.
trait Details {
    fn details(&self) -> Vec<String>;
}

impl Details for v1::OrderCreated {
    fn details(&self) -> Vec<String> {
        vec![
            self.currency_code.clone(),
            word(self.payment_terms().as_str_name(), "PAYMENT_TERMS_"),
            named("channel", &self.channel),
            customer(self.customer.as_ref()),
        ]
    }
}

impl Details for v1::OrderPlaced {
    fn details(&self) -> Vec<String> {
        vec![
            money(self.placed_total.as_ref()),
            due(self.payment_due_time.as_ref()),
        ]
    }
}

impl Details for v1::LineAdded {
    fn details(&self) -> Vec<String> {
        vec![
            self.line_id.clone(),
            self.sku.clone(),
            format!("{} x {}", self.quantity, money(self.unit_price.as_ref())),
        ]
    }
}

impl Details for v1::LineQuantitySet {
    fn details(&self) -> Vec<String> {
        vec![format!("{}:{}", self.line_id, self.quantity)]
    }
}

impl Details for v1::LineRemoved {
    fn details(&self) -> Vec<String> {
        vec![self.line_id.clone()]
    }
}

impl Details for v1::ShippingSet {
    fn details(&self) -> Vec<String> {
        let words =
            |shipping: &v1::Shipping| vec![shipping.method.clone(), money(shipping.price.as_ref())];
        self.shipping.as_ref().map_or_else(Vec::new, words)
    }
}

impl Details for v1::DiscountsSet {
    fn details(&self) -> Vec<String> {
        self.discounts.iter().map(discount).collect()
    }
}

impl Details for v1::CustomerSet {
    fn details(&self) -> Vec<String> {
        vec![customer(self.customer.as_ref())]
    }
}

impl Details for v1::PaymentAuthorized {
    fn details(&self) -> Vec<String> {
        vec![
            self.payment_id.clone(),
            money(self.amount.as_ref()),
            self.method.clone(),
            self.psp_reference.clone(),
        ]
    }
}

impl Details for v1::PaymentCaptured {
    fn details(&self) -> Vec<String> {
        vec![
            self.payment_id.clone(),
            money(self.amount.as_ref()),
            self.psp_reference.clone(),
        ]
    }
}

impl Details for v1::PaymentVoided {
    fn details(&self) -> Vec<String> {
        vec![
            self.payment_id.clone(),
            money(self.amount.as_ref()),
            self.psp_reference.clone(),
        ]
    }
}

impl Details for v1::PaymentRefunded {
    fn details(&self) -> Vec<String> {
        vec![
            self.payment_id.clone(),
            money(self.amount.as_ref()),
            word(self.kind().as_str_name(), "REFUND_KIND_"),
            self.return_id.clone(),
            self.psp_reference.clone(),
        ]
    }
}

impl Details for v1::PaymentFailed {
    fn details(&self) -> Vec<String> {
        vec![
            money(self.amount.as_ref()),
            self.method.clone(),
            named("code", &self.decline_code),
            self.psp_reference.clone(),
        ]
    }
}

impl Details for v1::ItemsShipped {
    fn details(&self) -> Vec<String> {
        vec![
            self.shipment_id.clone(),
            items(&self.items),
            self.carrier.clone(),
            self.tracking_number.clone(),
        ]
    }
}

impl Details for v1::ShipmentDelivered {
    fn details(&self) -> Vec<String> {
        vec![self.shipment_id.clone()]
    }
}

impl Details for v1::ShipmentFailed {
    fn details(&self) -> Vec<String> {
        vec![self.shipment_id.clone()]
    }
}

impl Details for v1::ItemsCancelled {
    fn details(&self) -> Vec<String> {
        vec![
            values(&self.items),
            word(self.cancel_reason().as_str_name(), "CANCEL_REASON_"),
        ]
    }
}

impl Details for v1::OrderCancelled {
    fn details(&self) -> Vec<String> {
        vec![
            values(&self.items),
            shipping_value(self.shipping_value.as_ref()),
            word(self.cancel_reason().as_str_name(), "CANCEL_REASON_"),
        ]
    }
}

impl Details for v1::ReturnRequested {
    fn details(&self) -> Vec<String> {
        vec![
            self.return_id.clone(),
            items(&self.items),
            word(self.return_reason().as_str_name(), "RETURN_REASON_"),
        ]
    }
}

impl Details for v1::ReturnReceived {
    fn details(&self) -> Vec<String> {
        vec![self.return_id.clone(), values(&self.items)]
    }
}

impl Details for v1::OrderHeld {
    fn details(&self) -> Vec<String> {
        vec![word(self.hold_reason().as_str_name(), "HOLD_REASON_")]
    }
}

impl Details for v1::OrderReleased {
    fn details(&self) -> Vec<String> {
        vec![word(self.hold_reason().as_str_name(), "HOLD_REASON_")]
    }
}

impl Details for v1::OrderAnnotated {
    fn details(&self) -> Vec<String> {
        let mut set: Vec<_> = self.set_metadata.iter().collect();
        set.sort_unstable();
        let tags = self.added_tags.iter().map(|tag| format!("+{tag}"));
        let removed_tags = self.removed_tags.iter().map(|tag| format!("-{tag}"));
        let set = set.into_iter().map(|(key, value)| format!("{key}={value}"));
        let removed = self.removed_metadata.iter().map(|key| format!("-{key}="));
        let note = (!self.note.is_empty()).then(|| format!("{:?}", self.note));
        note.into_iter()
            .chain(tags)
            .chain(removed_tags)
            .chain(set)
            .chain(removed)
            .collect()
    }
}

/// Units of lines with what they were worth: `L1:2 (9.90 GBP)`.
fn values(items: &[v1::LineValue]) -> String {
    let items = items.iter().map(|item| {
        let value = money(item.value.as_ref());
        format!("{}:{} ({value})", item.line_id, item.quantity)
    });
    items.collect::<Vec<_>>().join(" ")
}

fn shipping_value(value: Option<&v1::Money>) -> String {
    let charged = value.filter(|value| value.minor_units != 0);
    charged.map_or_else(String::new, |value| {
        format!("shipping ({})", money(Some(value)))
    })
}

fn discount(discount: &v1::Discount) -> String {
    match &discount.value {
        Some(v1::discount::Value::RatePpm(ppm)) => {
            let percent = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
            let percent = percent.trim_end_matches('0').trim_end_matches('.');
            format!("{percent}% {}", discount.label)
                .trim_end()
                .to_owned()
        }
        Some(v1::discount::Value::FixedMinorUnits(units)) => {
            format!("{units} minor units {}", discount.label)
                .trim_end()
                .to_owned()
        }
        None => discount.label.clone(),
    }
}

fn customer(customer: Option<&v1::Customer>) -> String {
    customer.map_or_else(String::new, |it| named("customer", &it.customer_id))
}

fn due(due: Option<&prost_types::Timestamp>) -> String {
    due.map_or_else(String::new, |due| named("due", &time(Some(due))))
}

fn named(name: &str, value: &str) -> String {
    if value.is_empty() {
        String::new()
    } else {
        format!("{name} {value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gbp(minor_units: i64) -> Option<v1::Money> {
        Some(v1::Money {
            currency_code: "GBP".to_owned(),
            minor_units,
        })
    }

    #[track_caller]
    fn assert_details(payload: Payload, expected: &str) {
        let event = v1::OrderEvent {
            payload: Some(payload),
            ..v1::OrderEvent::default()
        };
        assert_eq!(details(&event), expected);
    }

    #[test]
    fn an_event_shows_its_amounts_and_items() {
        assert_details(
            Payload::LineAdded(v1::LineAdded {
                line_id: "L1".to_owned(),
                sku: "MUG".to_owned(),
                quantity: 2,
                unit_price: gbp(495),
                ..v1::LineAdded::default()
            }),
            "L1 MUG 2 x 4.95 GBP",
        );
        assert_details(
            Payload::PaymentCaptured(v1::PaymentCaptured {
                payment_id: "P1".to_owned(),
                amount: gbp(250),
                psp_reference: "psp-1".to_owned(),
            }),
            "P1 2.50 GBP psp-1",
        );
        let line = v1::LineValue {
            line_id: "L1".to_owned(),
            quantity: 1,
            value: gbp(495),
            tax: None,
        };
        assert_details(
            Payload::OrderCancelled(v1::OrderCancelled {
                items: vec![line],
                shipping_value: gbp(395),
                cancel_reason: v1::CancelReason::Customer.into(),
                ..v1::OrderCancelled::default()
            }),
            "L1:1 (4.95 GBP) shipping (3.95 GBP) customer",
        );
    }

    #[test]
    fn an_event_whose_name_says_it_all_has_no_details() {
        assert_details(Payload::OrderCompleted(v1::OrderCompleted {}), "-");
    }
}
