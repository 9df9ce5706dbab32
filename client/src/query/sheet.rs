//! An order for people: one row of a list, or a sheet with everything that commands can name.

use proto::v1;

use crate::amount::money;
use crate::render::{table, time};
use crate::word::word;

/// The columns of [`row`].
pub(super) const HEADER: [&str; 8] = [
    "ORDER",
    "VERSION",
    "STATE",
    "PAYMENT",
    "FULFILLMENT",
    "CUSTOMER",
    "PLACED",
    "TOTAL",
];

/// An order in a list.
pub(super) fn row(order: &v1::Order) -> Vec<String> {
    let customer = order.customer.as_ref();
    let fulfillment = order.fulfillment_state();
    vec![
        order.order_id.clone(),
        order.version.to_string(),
        word(order.state().as_str_name(), "ORDER_STATE_"),
        word(order.payment_state().as_str_name(), "PAYMENT_STATE_"),
        word(fulfillment.as_str_name(), "FULFILLMENT_STATE_"),
        customer.map_or_else(|| "-".to_owned(), |c| c.customer_id.clone()),
        time(order.place_time.as_ref()),
        total(order, |totals| totals.placed_total.as_ref()),
    ]
}

fn total(order: &v1::Order, which: impl Fn(&v1::Totals) -> Option<&v1::Money>) -> String {
    money(order.totals.as_ref().and_then(which))
}

/// One order: its row, its lines, and its holds, payments, shipments and returns if it has any, each
/// with the id that commands take. First of all: a warning when the order is degraded.
pub(super) fn sheet(order: &v1::Order) -> String {
    let parts = [
        degraded(order),
        Some(table(&HEADER, &[row(order)])),
        lines(order),
        holds(order),
        payments(order),
        shipments(order),
        returns(order),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// A warning that the service cannot fold a later commit of the order, and shows the state before.
fn degraded(order: &v1::Order) -> Option<String> {
    let cause = &order.degraded;
    (!cause.is_empty())
        .then(|| format!("DEGRADED: the order may have changed since this version: {cause}"))
}

/// A table of parts; nothing when there are none.
fn part<T>(header: &[&str], parts: &[T], row: impl Fn(&T) -> Vec<String>) -> Option<String> {
    let rows: Vec<Vec<String>> = parts.iter().map(row).collect();
    (!rows.is_empty()).then(|| table(header, &rows))
}

fn lines(order: &v1::Order) -> Option<String> {
    let header = [
        "LINE",
        "SKU",
        "QUANTITY",
        "CANCELLED",
        "SHIPPED",
        "DELIVERED",
        "RETURNED",
        "UNIT PRICE",
        "TOTAL",
        "TITLE",
    ];
    part(&header, &order.lines, |line| {
        vec![
            line.line_id.clone(),
            line.sku.clone(),
            line.quantity.to_string(),
            line.cancelled_quantity.to_string(),
            line.shipped_quantity.to_string(),
            line.delivered_quantity.to_string(),
            line.returned_quantity.to_string(),
            money(line.unit_price.as_ref()),
            money(line.total.as_ref()),
            line.title.clone(),
        ]
    })
}

fn holds(order: &v1::Order) -> Option<String> {
    let holds: Vec<v1::HoldReason> = order.holds().collect();
    part(&["HOLD"], &holds, |hold| {
        vec![word(hold.as_str_name(), "HOLD_REASON_")]
    })
}

fn payments(order: &v1::Order) -> Option<String> {
    let header = [
        "PAYMENT",
        "METHOD",
        "AUTHORIZED",
        "CAPTURED",
        "VOIDED",
        "REFUNDED",
        "REFERENCE",
    ];
    part(&header, &order.payments, |payment| {
        vec![
            payment.payment_id.clone(),
            payment.method.clone(),
            money(payment.authorized.as_ref()),
            money(payment.captured.as_ref()),
            money(payment.voided.as_ref()),
            money(payment.refunded.as_ref()),
            payment.psp_reference.clone(),
        ]
    })
}

fn shipments(order: &v1::Order) -> Option<String> {
    let header = ["SHIPMENT", "ITEMS", "OUTCOME", "CARRIER", "TRACKING NUMBER"];
    part(&header, &order.shipments, |shipment| {
        let outcome = match shipment.outcome() {
            v1::ShipmentOutcome::Unspecified => "open".to_owned(),
            outcome => word(outcome.as_str_name(), "SHIPMENT_OUTCOME_"),
        };
        vec![
            shipment.shipment_id.clone(),
            items(&shipment.items),
            outcome,
            shipment.carrier.clone(),
            shipment.tracking_number.clone(),
        ]
    })
}

fn returns(order: &v1::Order) -> Option<String> {
    let header = ["RETURN", "REQUESTED", "RECEIVED", "VALUE", "REFUNDED"];
    part(&header, &order.returns, |returned| {
        let received = if returned.open {
            "open".to_owned()
        } else {
            items(&returned.received)
        };
        vec![
            returned.return_id.clone(),
            items(&returned.requested),
            received,
            money(returned.value.as_ref()),
            money(returned.refunded.as_ref()),
        ]
    })
}

/// Units of lines, as the command line takes them.
pub(super) fn items(items: &[v1::LineQuantity]) -> String {
    let items = items.iter();
    let items = items.map(|item| format!("{}:{}", item.line_id, item.quantity));
    items.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_is_degraded_is_shown_with_the_cause_first() {
        let mut order = v1::Order {
            order_id: "o-1".to_owned(),
            ..v1::Order::default()
        };
        assert!(sheet(&order).starts_with("ORDER "), "{}", sheet(&order));
        order.degraded = "parked at 0:7: a gap".to_owned();
        let sheet = sheet(&order);
        let first = sheet.lines().next().unwrap_or_default();
        assert!(first.starts_with("DEGRADED: "), "{sheet}");
        assert!(first.ends_with("parked at 0:7: a gap"), "{sheet}");
        assert!(sheet.contains("\n\nORDER "), "{sheet}");
    }
}
