//! Arguments that begin an order.

use clap::Args;

use super::{Format, Server};

#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// A line: SKU, quantity and unit price in the currency's main unit, for example MUG:2:4.95.
    #[arg(long = "line", value_name = "SKU:QUANTITY:PRICE", required = true)]
    pub(crate) lines: Vec<String>,
    /// Id of the order; assigned if not given.
    #[arg(long)]
    pub(crate) order_id: Option<String>,
    /// ISO 4217 code.
    #[arg(long, default_value = "GBP")]
    pub(crate) currency: String,
    /// The shop's key of the customer.
    #[arg(long)]
    pub(crate) customer: Option<String>,
    /// Where the order comes from.
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Makes the command idempotent.
    #[arg(long)]
    pub(crate) request_id: Option<String>,
    /// Check everything, store nothing.
    #[arg(long)]
    pub(crate) validate_only: bool,
}
