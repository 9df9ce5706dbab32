//! create, edit, place.

use order::value::Currency;
use proto::v1;
use proto::v1::edit_action::{Action, RemoveLine, SetDiscounts, SetQuantity};

use super::send::send;
use crate::cli;
use crate::exit::Misuse;

/// Begins a draft.
pub(crate) async fn create(arguments: cli::Create) -> anyhow::Result<()> {
    let parts = parts(arguments.content, arguments.denomination.currency)?;
    let request = new_order(arguments.new, parts, arguments.denomination.currency, None);
    send(&arguments.call, request).await
}

/// Places a draft, or creates an order and places it.
pub(crate) async fn place(arguments: cli::Place) -> anyhow::Result<()> {
    let currency = arguments.denomination.currency;
    let expected_total = arguments.expected_total.map(|total| total.of(currency));
    let expected_total = expected_total.transpose()?;
    let payment_due_time = arguments.payment_due_time;
    if let Some(order_id) = arguments.draft {
        let request = v1::PlaceOrderRequest {
            order_id,
            expected_total,
            payment_due_time,
            ..v1::PlaceOrderRequest::default()
        };
        return send(&arguments.call, request).await;
    }
    let placing = v1::Placing {
        expected_total,
        payment_due_time,
    };
    let parts = parts(arguments.content, currency)?;
    let request = new_order(arguments.new, parts, currency, Some(placing));
    send(&arguments.call, request).await
}

/// Changes a draft.
pub(crate) async fn edit(arguments: cli::Edit) -> anyhow::Result<()> {
    let removed = arguments.removals.into_iter();
    let removed = removed.map(|line_id| Action::RemoveLine(RemoveLine { line_id }));
    let counted = arguments.quantities.into_iter().map(|item| {
        Action::SetQuantity(SetQuantity {
            line_id: item.line_id,
            quantity: item.quantity,
        })
    });
    let parts = parts(arguments.content, arguments.denomination.currency)?;
    let discounts = arguments.no_discounts || !parts.discounts.is_empty();
    let discounts = discounts.then_some(SetDiscounts {
        discounts: parts.discounts,
    });
    let actions = removed
        .chain(counted)
        .chain(parts.lines.into_iter().map(Action::AddLine))
        .chain(parts.shipping.map(Action::SetShipping))
        .chain(discounts.map(Action::SetDiscounts))
        .chain(parts.customer.map(Action::SetCustomer))
        .map(|action| v1::EditAction {
            action: Some(action),
        });
    let request = v1::EditOrderRequest {
        order_id: arguments.order_id,
        actions: actions.collect(),
        ..v1::EditOrderRequest::default()
    };
    send(&arguments.call, request).await
}

fn new_order(
    new: cli::NewOrder,
    parts: Parts,
    currency: Currency,
    place: Option<v1::Placing>,
) -> v1::CreateOrderRequest {
    let terms = new.terms.unwrap_or(v1::PaymentTerms::OnAccount);
    v1::CreateOrderRequest {
        order_id: new.order_id.unwrap_or_default(),
        channel: new.channel.unwrap_or_default(),
        currency_code: currency.code().to_owned(),
        prices_include_tax: !new.prices_exclude_tax,
        payment_terms: terms.into(),
        customer: parts.customer,
        lines: parts.lines,
        shipping: parts.shipping,
        discounts: parts.discounts,
        tags: new.tags,
        metadata: new.metadata.into_iter().collect(),
        related_order_id: new.related_order_id.unwrap_or_default(),
        place,
        ..v1::CreateOrderRequest::default()
    }
}

/// What an order consists of, as requests carry it.
struct Parts {
    lines: Vec<v1::NewLine>,
    discounts: Vec<v1::Discount>,
    shipping: Option<v1::Shipping>,
    customer: Option<v1::Customer>,
}

fn parts(content: cli::Content, currency: Currency) -> Result<Parts, Misuse> {
    let tax_rate_ppm = content.tax_rate;
    let lines = content.lines.into_iter().map(|line| {
        Ok(v1::NewLine {
            sku: line.sku,
            title: line.title,
            quantity: line.quantity,
            unit_price: Some(line.price.of(currency)?),
            tax_rate_ppm,
            ..v1::NewLine::default()
        })
    });
    let lines = lines.collect::<Result<_, _>>()?;
    let discounts = content.discounts.into_iter();
    let discounts = discounts.map(|discount| off(discount, currency));
    let discounts = discounts.collect::<Result<_, _>>()?;
    let address = v1::Address {
        recipient: content.recipient.unwrap_or_default(),
        lines: content.street,
        city: content.city.unwrap_or_default(),
        region: content.region.unwrap_or_default(),
        postal_code: content.postal_code.unwrap_or_default(),
        country_code: content.country.unwrap_or_default(),
    };
    let shipping = content.shipping.map(|shipping| {
        Ok(v1::Shipping {
            method: shipping.method,
            price: Some(shipping.price.of(currency)?),
            tax_rate_ppm,
            address: (address != v1::Address::default()).then_some(address),
        })
    });
    let customer = v1::Customer {
        customer_id: content.customer.unwrap_or_default(),
        email: content.customer_email.unwrap_or_default(),
        name: content.customer_name.unwrap_or_default(),
    };
    Ok(Parts {
        lines,
        discounts,
        shipping: shipping.transpose()?,
        customer: (customer != v1::Customer::default()).then_some(customer),
    })
}

fn off(discount: cli::Discount, currency: Currency) -> Result<v1::Discount, Misuse> {
    let value = match discount.off {
        cli::Off::Rate(ppm) => v1::discount::Value::RatePpm(ppm),
        cli::Off::Fixed(amount) => {
            v1::discount::Value::FixedMinorUnits(amount.of(currency)?.minor_units)
        }
    };
    Ok(v1::Discount {
        label: discount.label,
        value: Some(value),
        ..v1::Discount::default()
    })
}
