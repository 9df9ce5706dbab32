//! What an order consists of: create, edit, place.

use clap::Args;
use prost_types::Timestamp;
use proto::v1::edit_action::{Action, RemoveLine, SetDiscounts, SetQuantity};
use proto::v1::{LineQuantity, PaymentTerms};
use proto::{Currency, v1};

use super::call::Call;
use super::denomination::Denomination;
use super::send::send;
use crate::amount::Amount;
use crate::error::Error;
use crate::run::Run;
use crate::value::{Discount, Line, Off, Shipping, item, pair, percent, time};
use crate::word::choice;

/// What an order consists of: the same words begin a draft and change it.
#[derive(Debug, Args)]
struct Content {
    /// A line: SKU, quantity, and the price of one in the currency's main unit, for example
    /// MUG:2:4.95; may be repeated.
    #[arg(long = "line", value_name = "SKU:QUANTITY:PRICE[:TITLE]")]
    lines: Vec<Line>,
    /// Tax on the lines and the shipping given here, in percent, for example 20.
    #[arg(long, default_value = "0", value_name = "PERCENT", value_parser = percent)]
    tax_rate: i32,
    /// A discount on the whole order: 10% or 5.00, with a label as in 10%:spring; may be repeated.
    #[arg(long = "discount", value_name = "DISCOUNT[:LABEL]")]
    discounts: Vec<Discount>,
    /// The shop's key of the customer.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Name of the customer; personal data.
    #[arg(long, value_name = "NAME")]
    customer_name: Option<String>,
    /// E-mail address of the customer; personal data.
    #[arg(long, value_name = "ADDRESS")]
    customer_email: Option<String>,
    /// Shipping method, and its price in the main unit, for example post:3.95.
    #[arg(long, value_name = "METHOD:PRICE")]
    shipping: Option<Shipping>,
    /// Address: who receives the goods.
    #[arg(long, value_name = "NAME", requires = "shipping")]
    recipient: Option<String>,
    /// Address: street and number; may be repeated.
    #[arg(long, requires = "shipping")]
    street: Vec<String>,
    /// Address: city.
    #[arg(long, requires = "shipping")]
    city: Option<String>,
    /// Address: region, county or state.
    #[arg(long, requires = "shipping")]
    region: Option<String>,
    /// Address: postal code.
    #[arg(long, value_name = "CODE", requires = "shipping")]
    postal_code: Option<String>,
    /// Address: country, ISO 3166-1 alpha-2, for example GB.
    #[arg(long, value_name = "CODE", requires = "shipping")]
    country: Option<String>,
}

/// What is set once, when an order begins.
#[derive(Debug, Args)]
struct NewOrder {
    /// Id of the new order; assigned if not given.
    #[arg(long, value_name = "ID")]
    order_id: Option<String>,
    /// Where the order comes from.
    #[arg(long)]
    channel: Option<String>,
    /// Whether goods ship before they are paid; on-account if not given.
    #[arg(long, value_parser = choice(PaymentTerms::as_str_name))]
    terms: Option<PaymentTerms>,
    /// The prices are without tax; the tax is added to them.
    #[arg(long)]
    prices_exclude_tax: bool,
    /// A tag; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Metadata; may be repeated.
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// The order that this one replaces or follows.
    #[arg(long, value_name = "ID")]
    related_order_id: Option<String>,
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    new: NewOrder,
    #[command(flatten)]
    denomination: Denomination,
    #[command(flatten)]
    call: Call,
}

impl Run for Create {
    async fn run(self) -> Result<(), Error> {
        let parts = parts(self.content, self.denomination.currency)?;
        let request = new_order(self.new, parts, self.denomination.currency, None);
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Edit {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    content: Content,
    /// A line's new quantity, for example L1:3; may be repeated.
    #[arg(long = "quantity", value_name = "LINE_ID:QUANTITY", value_parser = item)]
    quantities: Vec<LineQuantity>,
    /// A line to remove; may be repeated.
    #[arg(long = "remove", value_name = "LINE_ID")]
    removals: Vec<String>,
    /// Remove all discounts.
    #[arg(long, conflicts_with = "discounts")]
    no_discounts: bool,
    #[command(flatten)]
    denomination: Denomination,
    #[command(flatten)]
    call: Call,
}

impl Run for Edit {
    async fn run(self) -> Result<(), Error> {
        let removed = self.removals.into_iter();
        let removed = removed.map(|line_id| Action::RemoveLine(RemoveLine { line_id }));
        let counted = self.quantities.into_iter().map(|item| {
            Action::SetQuantity(SetQuantity {
                line_id: item.line_id,
                quantity: item.quantity,
            })
        });
        let parts = parts(self.content, self.denomination.currency)?;
        let discounts = self.no_discounts || !parts.discounts.is_empty();
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
            order_id: self.order_id,
            actions: actions.collect(),
            ..v1::EditOrderRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Place {
    /// The draft to place; without it, an order of the given lines is created and placed.
    #[arg(
        value_name = "ORDER_ID",
        required_unless_present = "lines",
        conflicts_with_all = ["Content", "NewOrder"],
    )]
    draft: Option<String>,
    /// The total that the customer agreed to, in the main unit; another one is refused.
    #[arg(long, value_name = "AMOUNT")]
    expected_total: Option<Amount>,
    /// When a prepaid order must be paid, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    payment_due_time: Option<Timestamp>,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    new: NewOrder,
    #[command(flatten)]
    denomination: Denomination,
    #[command(flatten)]
    call: Call,
}

impl Run for Place {
    async fn run(self) -> Result<(), Error> {
        let currency = self.denomination.currency;
        let expected_total = self.expected_total.map(|total| total.of(currency));
        let expected_total = expected_total.transpose()?;
        let payment_due_time = self.payment_due_time;
        if let Some(order_id) = self.draft {
            let request = v1::PlaceOrderRequest {
                order_id,
                expected_total,
                payment_due_time,
                ..v1::PlaceOrderRequest::default()
            };
            return send(&self.call, request).await;
        }
        let placing = v1::Placing {
            expected_total,
            payment_due_time,
        };
        let parts = parts(self.content, currency)?;
        let request = new_order(self.new, parts, currency, Some(placing));
        send(&self.call, request).await
    }
}

fn new_order(
    new: NewOrder,
    parts: Parts,
    currency: Currency,
    place: Option<v1::Placing>,
) -> v1::CreateOrderRequest {
    let terms = new.terms.unwrap_or(PaymentTerms::OnAccount);
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

fn parts(content: Content, currency: Currency) -> Result<Parts, Error> {
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
    let lines = lines.collect::<Result<_, Error>>()?;
    let discounts = content.discounts.into_iter();
    let discounts = discounts.map(|discount| off(discount, currency));
    let discounts = discounts.collect::<Result<_, Error>>()?;
    let address = v1::Address {
        recipient: content.recipient.unwrap_or_default(),
        lines: content.street,
        city: content.city.unwrap_or_default(),
        region: content.region.unwrap_or_default(),
        postal_code: content.postal_code.unwrap_or_default(),
        country_code: content.country.unwrap_or_default(),
    };
    let shipping = content.shipping.map(|shipping| {
        Ok::<_, Error>(v1::Shipping {
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

fn off(discount: Discount, currency: Currency) -> Result<v1::Discount, Error> {
    let value = match discount.off {
        Off::Rate(ppm) => v1::discount::Value::RatePpm(ppm),
        Off::Fixed(amount) => {
            v1::discount::Value::FixedMinorUnits(amount.of(currency)?.minor_units)
        }
    };
    Ok(v1::Discount {
        label: discount.label,
        value: Some(value),
        ..v1::Discount::default()
    })
}
