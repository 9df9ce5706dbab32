//! Arguments of queries.

use clap::Args;
use order::value::Currency;
use prost_types::Timestamp;
use proto::v1::{FulfillmentState, OrderState, PaymentState, ReturnState};

use super::value::{Amount, choice, currency, time};
use super::{Format, Server};

/// A query: where it goes, how fresh the answer must be, how it is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every query")]
pub(crate) struct Query {
    /// Show at least the write that this consistency token came with.
    #[arg(long)]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// A span of time.
#[derive(Debug, Args)]
pub(crate) struct Window {
    /// At or after this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Before this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
}

/// Which orders: every option must hold, and of a repeated one any value.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which orders")]
pub(crate) struct Filter {
    /// Of this customer; may be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) customer: Vec<String>,
    /// In this state of its life; may be repeated.
    #[arg(long, value_parser = choice(OrderState::as_str_name))]
    pub(crate) state: Vec<OrderState>,
    /// Whose money stands like this; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = choice(PaymentState::as_str_name))]
    pub(crate) payment_state: Vec<PaymentState>,
    /// Whose goods stand like this; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = choice(FulfillmentState::as_str_name))]
    pub(crate) fulfillment_state: Vec<FulfillmentState>,
    /// Whose returns stand like this; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = choice(ReturnState::as_str_name))]
    pub(crate) return_state: Vec<ReturnState>,
    /// On hold, or with --on-hold=false not.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) on_hold: Option<bool>,
    /// With this tag; may be repeated.
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// With this payment reference or tracking number; may be repeated.
    #[arg(long)]
    pub(crate) reference: Vec<String>,
    /// From this channel; may be repeated.
    #[arg(long)]
    pub(crate) channel: Vec<String>,
    /// With a line of this SKU; may be repeated.
    #[arg(long)]
    pub(crate) sku: Vec<String>,
    /// Placed at or after, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Placed before, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
    /// Last changed at or after, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) updated_since: Option<Timestamp>,
    /// Last changed before, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) updated_until: Option<Timestamp>,
    /// In this currency, ISO 4217.
    #[arg(long, value_name = "CODE", value_parser = currency)]
    pub(crate) currency: Option<Currency>,
    /// Placed total at least this, in the currency's main unit.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    pub(crate) min_total: Option<Amount>,
    /// Placed total at most this, in the currency's main unit.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    pub(crate) max_total: Option<Amount>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders get demo-1 -o json | jq .totals")]
pub(crate) struct Get {
    /// Id of the order.
    pub(crate) order_id: String,
    /// As it was at this version.
    #[arg(long)]
    pub(crate) version: Option<i64>,
    /// As it was recorded by this time, RFC 3339.
    #[arg(long, conflicts_with = "version", value_parser = time)]
    pub(crate) time: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders list --state placed --payment-state paid --on-hold")]
pub(crate) struct List {
    /// For example "place_time desc" or "total asc".
    #[arg(long, default_value = "")]
    pub(crate) order_by: String,
    /// At most this many; 0 is all.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders count --customer 17850 --state placed")]
pub(crate) struct Count {
    /// Stop counting here; 0 is 10,000.
    #[arg(long, default_value_t = 0)]
    pub(crate) limit: i64,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders lookup --tracking-number T1")]
pub(crate) struct Lookup {
    #[command(flatten)]
    pub(crate) key: Reference,
    #[command(flatten)]
    pub(crate) query: Query,
}

/// What others call an order by.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Reference {
    /// The payment provider's reference of an authorisation.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) psp_reference: Option<String>,
    /// The carrier's number of a shipment.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) tracking_number: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders history demo-1")]
pub(crate) struct History {
    /// Id of the order.
    pub(crate) order_id: String,
    /// Only what came after this version.
    #[arg(long, default_value_t = 0, value_name = "VERSION")]
    pub(crate) after: i64,
    #[command(flatten)]
    pub(crate) query: Query,
}
