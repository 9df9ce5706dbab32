//! Which orders a list or a count is about.

use clap::Args;
use prost_types::Timestamp;
use proto::v1::{FulfillmentState, OrderState, PaymentState, ReturnState};
use proto::{Currency, v1};

use crate::amount::{Amount, currency};
use crate::ask::span;
use crate::error::Error;
use crate::value::time;
use crate::word::choice;

/// Which orders: an order must match every option, and any value of an option that is repeated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which orders")]
pub(crate) struct Filter {
    /// Of this customer; may be repeated.
    #[arg(long, value_name = "ID")]
    customer: Vec<String>,
    /// In this state; may be repeated.
    #[arg(long, value_parser = choice(OrderState::as_str_name))]
    state: Vec<OrderState>,
    /// In this state of payment; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = choice(PaymentState::as_str_name))]
    payment_state: Vec<PaymentState>,
    /// In this state of fulfillment; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = choice(FulfillmentState::as_str_name))]
    fulfillment_state: Vec<FulfillmentState>,
    /// In this state of returns; may be repeated.
    #[arg(long, value_name = "STATE", value_parser = choice(ReturnState::as_str_name))]
    return_state: Vec<ReturnState>,
    /// On hold; with --on-hold=false: not on hold.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    on_hold: Option<bool>,
    /// With this tag; may be repeated.
    #[arg(long)]
    tag: Vec<String>,
    /// With this payment reference or tracking number; may be repeated.
    #[arg(long)]
    reference: Vec<String>,
    /// From this channel; may be repeated.
    #[arg(long)]
    channel: Vec<String>,
    /// With a line of this SKU; may be repeated.
    #[arg(long)]
    sku: Vec<String>,
    /// Placed at or after, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Placed before, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Last changed at or after, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    updated_since: Option<Timestamp>,
    /// Last changed before, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    updated_until: Option<Timestamp>,
    /// In this currency, ISO 4217.
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Placed total at least this, in the currency's main unit.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    min_total: Option<Amount>,
    /// Placed total at most this, in the currency's main unit.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    max_total: Option<Amount>,
}

impl Filter {
    /// The filter as requests carry it.
    ///
    /// # Errors
    /// When an amount has more digits than its currency.
    pub(super) fn into_request(self) -> Result<v1::OrderFilter, Error> {
        let total = |amount: Option<Amount>| {
            let amount = amount.zip(self.currency);
            let money = amount.map(|(amount, currency)| amount.of(currency));
            Ok::<_, Error>(money.transpose()?.map(|money| money.minor_units))
        };
        Ok(v1::OrderFilter {
            min_total_minor_units: total(self.min_total)?,
            max_total_minor_units: total(self.max_total)?,
            customer_ids: self.customer,
            states: numbers(self.state),
            payment_states: numbers(self.payment_state),
            fulfillment_states: numbers(self.fulfillment_state),
            return_states: numbers(self.return_state),
            place_time: span(self.since, self.until),
            update_time: span(self.updated_since, self.updated_until),
            skus: self.sku,
            currency_code: self
                .currency
                .map_or_else(String::new, |it| it.code().to_owned()),
            tags: self.tag,
            references: self.reference,
            channels: self.channel,
            on_hold: self.on_hold,
        })
    }
}

fn numbers<E: Into<i32>>(states: Vec<E>) -> Vec<i32> {
    states.into_iter().map(Into::into).collect()
}
