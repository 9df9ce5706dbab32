//! Arguments that compose an order.

use clap::Args;
use order::value::Currency;
use prost_types::Timestamp;
use proto::v1::{LineQuantity, PaymentTerms};

use super::Call;
use super::value::{Amount, Discount, Line, Shipping, choice, currency, item, pair, percent, time};

/// The currency of the amounts beside it.
#[derive(Debug, Args)]
pub(crate) struct Denomination {
    /// Currency of the amounts and prices, ISO 4217.
    #[arg(long, default_value = "GBP", value_name = "CODE", value_parser = currency)]
    pub(crate) currency: Currency,
}

/// What an order consists of: the same words begin a draft and change it.
#[derive(Debug, Args)]
pub(crate) struct Content {
    /// A line: SKU, quantity, and the price of one in the currency's main unit, for example
    /// MUG:2:4.95; may be repeated.
    #[arg(long = "line", value_name = "SKU:QUANTITY:PRICE[:TITLE]")]
    pub(crate) lines: Vec<Line>,
    /// Tax on the lines and the shipping given here, in percent, for example 20.
    #[arg(long, default_value = "0", value_name = "PERCENT", value_parser = percent)]
    pub(crate) tax_rate: i32,
    /// Taken off the whole order: 10% or 5.00, and a label as in 10%:spring; may be repeated.
    #[arg(long = "discount", value_name = "DISCOUNT[:LABEL]")]
    pub(crate) discounts: Vec<Discount>,
    /// The shop's key of the customer.
    #[arg(long, value_name = "ID")]
    pub(crate) customer: Option<String>,
    /// Name of the customer; personal data.
    #[arg(long, value_name = "NAME")]
    pub(crate) customer_name: Option<String>,
    /// E-mail address of the customer; personal data.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) customer_email: Option<String>,
    /// How the goods travel and what that costs in the main unit, for example post:3.95.
    #[arg(long, value_name = "METHOD:PRICE")]
    pub(crate) shipping: Option<Shipping>,
    /// Address: who gets the goods.
    #[arg(long, value_name = "NAME", requires = "shipping")]
    pub(crate) recipient: Option<String>,
    /// Address: street and number; may be repeated.
    #[arg(long, requires = "shipping")]
    pub(crate) street: Vec<String>,
    /// Address: city.
    #[arg(long, requires = "shipping")]
    pub(crate) city: Option<String>,
    /// Address: region, county or state.
    #[arg(long, requires = "shipping")]
    pub(crate) region: Option<String>,
    /// Address: postal code.
    #[arg(long, value_name = "CODE", requires = "shipping")]
    pub(crate) postal_code: Option<String>,
    /// Address: country, ISO 3166-1 alpha-2, for example GB.
    #[arg(long, value_name = "CODE", requires = "shipping")]
    pub(crate) country: Option<String>,
}

/// What an order is told once, when it begins.
#[derive(Debug, Args)]
pub(crate) struct NewOrder {
    /// Id of the new order; assigned if not given.
    #[arg(long, value_name = "ID")]
    pub(crate) order_id: Option<String>,
    /// Where the order comes from.
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Whether goods ship before they are paid; on-account if not given.
    #[arg(long, value_parser = choice(PaymentTerms::as_str_name))]
    pub(crate) terms: Option<PaymentTerms>,
    /// Prices are without tax; it is added.
    #[arg(long)]
    pub(crate) prices_exclude_tax: bool,
    /// A tag; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Metadata; may be repeated.
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// The order that this one replaces or follows.
    #[arg(long, value_name = "ID")]
    pub(crate) related_order_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) content: Content,
    #[command(flatten)]
    pub(crate) new: NewOrder,
    #[command(flatten)]
    pub(crate) denomination: Denomination,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// Id of the order.
    pub(crate) order_id: String,
    #[command(flatten)]
    pub(crate) content: Content,
    /// A line's new quantity, for example L1:3; may be repeated.
    #[arg(long = "quantity", value_name = "LINE_ID:QUANTITY", value_parser = item)]
    pub(crate) quantities: Vec<LineQuantity>,
    /// A line to remove; may be repeated.
    #[arg(long = "remove", value_name = "LINE_ID")]
    pub(crate) removals: Vec<String>,
    /// Take off nothing.
    #[arg(long, conflicts_with = "discounts")]
    pub(crate) no_discounts: bool,
    #[command(flatten)]
    pub(crate) denomination: Denomination,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The draft to place; without it, an order of the given lines is created and placed.
    #[arg(
        value_name = "ORDER_ID",
        required_unless_present = "lines",
        conflicts_with_all = ["Content", "NewOrder"],
    )]
    pub(crate) draft: Option<String>,
    /// The total that the customer agreed to, in the main unit; another one is refused.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) expected_total: Option<Amount>,
    /// When a prepaid order must be paid, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) payment_due_time: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) content: Content,
    #[command(flatten)]
    pub(crate) new: NewOrder,
    #[command(flatten)]
    pub(crate) denomination: Denomination,
    #[command(flatten)]
    pub(crate) call: Call,
}
