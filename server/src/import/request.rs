//! Steps of the plan as requests of the API.

use proto::v1;

use super::plan::{Cancellation, Invoice};
use super::row::{Price, Row};

const CURRENCY: &str = "GBP";

/// One CreateOrder that also places.
pub(super) fn create(invoice: &Invoice) -> v1::CreateOrderRequest {
    let shipping: Option<i64> = (!invoice.shipping.is_empty())
        .then(|| invoice.shipping.iter().filter_map(Row::value).sum());
    v1::CreateOrderRequest {
        context: Some(context(format!("import-{}", invoice.number), invoice.time)),
        order_id: invoice.number.to_string(),
        channel: invoice.country.to_string(),
        currency_code: CURRENCY.to_owned(),
        payment_terms: v1::PaymentTerms::OnAccount.into(),
        customer: (!invoice.customer.is_empty()).then(|| v1::Customer {
            customer_id: invoice.customer.to_string(),
            ..v1::Customer::default()
        }),
        lines: invoice
            .lines
            .iter()
            .enumerate()
            .map(|(index, row)| line(index, row))
            .collect(),
        shipping: shipping.map(|pence| v1::Shipping {
            method: "carriage".to_owned(),
            price: Some(money(pence)),
            ..v1::Shipping::default()
        }),
        place: Some(v1::Placing {
            expected_total: Some(money(invoice.total)),
            payment_due_time: None,
        }),
        ..v1::CreateOrderRequest::default()
    }
}

fn line(index: usize, row: &Row) -> v1::NewLine {
    let pence = match row.price {
        Price::Pence(pence) => pence,
        Price::SubPenny => 0,
    };
    v1::NewLine {
        line_id: format!("L{}", index + 1),
        sku: row.sku.to_string(),
        title: row.title.to_string(),
        quantity: row.quantity,
        unit_price: Some(money(pence)),
        tax_rate_ppm: 0,
    }
}

/// One CancelItems, for a cancellation that names items.
pub(super) fn cancel_items(cancellation: &Cancellation) -> v1::CancelItemsRequest {
    let items = cancellation
        .items
        .iter()
        .map(|(line, quantity)| v1::LineQuantity {
            line_id: format!("L{line}"),
            quantity: *quantity,
        })
        .collect();
    v1::CancelItemsRequest {
        order_id: cancellation.order.to_string(),
        context: Some(credit_context(cancellation)),
        items,
        cancel_reason: v1::CancelReason::Customer.into(),
    }
}

/// One CancelOrder, for a cancellation that names none.
pub(super) fn cancel_order(cancellation: &Cancellation) -> v1::CancelOrderRequest {
    v1::CancelOrderRequest {
        order_id: cancellation.order.to_string(),
        context: Some(credit_context(cancellation)),
        cancel_reason: v1::CancelReason::Customer.into(),
    }
}

fn credit_context(cancellation: &Cancellation) -> v1::CommandContext {
    let row = &cancellation.row;
    context(
        format!("import-{}-row-{}", row.invoice, row.number),
        row.time,
    )
}

fn context(request_id: String, time: i64) -> v1::CommandContext {
    v1::CommandContext {
        request_id,
        occur_time: Some(timestamp(time)),
        actor: Some(v1::Actor {
            kind: v1::ActorKind::Service.into(),
            actor_id: "orders-import".to_owned(),
        }),
        ..v1::CommandContext::default()
    }
}

fn money(pence: i64) -> v1::Money {
    v1::Money {
        currency_code: CURRENCY.to_owned(),
        minor_units: pence,
    }
}

fn timestamp(micros: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: 0,
    }
}

/// Prints a moment for the rejects file.
pub(super) fn rfc3339(micros: i64) -> String {
    timestamp(micros).to_string()
}
