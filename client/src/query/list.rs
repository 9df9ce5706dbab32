//! list, count, lookup: several orders.

use clap::Args;
use proto::v1;
use proto::v1::lookup_order_request::Key;
use proto::v1::order_query_service_client::OrderQueryServiceClient;
use tonic::Status;

use super::filter::Filter;
use super::sheet::{HEADER, row};
use crate::ask::Asking;
use crate::connect::Connection;
use crate::error::Error;
use crate::render::{Format, print, print_one};
use crate::run::Run;
use crate::{output, pages};

#[derive(Debug, Args)]
#[command(after_help = "Example: orders list --state placed --payment-state paid --on-hold")]
pub struct List {
    /// For example "place_time desc" or "total asc".
    #[arg(long, default_value = "")]
    order_by: String,
    /// At most this many; 0 is all.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    asking: Asking,
}

impl Run for List {
    async fn run(self) -> Result<(), Error> {
        let request = v1::ListOrdersRequest {
            filter: Some(self.filter.into_request()?),
            order_by: self.order_by,
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::ListOrdersRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let orders = match self.limit {
            0 => pages::all(&service, request).await?,
            limit => pages::up_to(&service, request, limit).await?,
        };
        print_orders(&self.asking.format, &orders)
    }
}

fn print_orders(format: &Format, orders: &[v1::Order]) -> Result<(), Error> {
    print(format, "Order", orders, &HEADER, row)
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders count --customer 17850 --state placed")]
pub struct Count {
    /// Stop counting here; 0 is 10,000.
    #[arg(long, default_value_t = 0)]
    limit: i64,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    asking: Asking,
}

impl Run for Count {
    async fn run(self) -> Result<(), Error> {
        let request = v1::CountOrdersRequest {
            filter: Some(self.filter.into_request()?),
            limit: self.limit,
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::CountOrdersRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderQueryServiceClient::new(channel)
                    .count_orders(request)
                    .await
            })
            .await?;
        let format = &self.asking.format;
        print_one(format, "CountOrdersResponse", &answer, |it| {
            it.count.to_string()
        })?;
        if answer.limited {
            output::note("there are more orders; a greater --limit counts them");
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: orders lookup --tracking-number T1")]
pub struct Lookup {
    #[command(flatten)]
    key: Reference,
    #[command(flatten)]
    asking: Asking,
}

/// How payment providers and carriers call an order.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Reference {
    /// The payment provider's reference of an authorisation.
    #[arg(long, value_name = "REFERENCE")]
    psp_reference: Option<String>,
    /// The carrier's number of a shipment.
    #[arg(long, value_name = "NUMBER")]
    tracking_number: Option<String>,
}

impl Run for Lookup {
    /// Newest first.
    async fn run(self) -> Result<(), Error> {
        let reference = self.key.psp_reference.map(Key::PspReference);
        let request = v1::LookupOrderRequest {
            key: reference.or(self.key.tracking_number.map(Key::TrackingNumber)),
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::LookupOrderRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderQueryServiceClient::new(channel)
                    .lookup_order(request)
                    .await
            })
            .await?;
        let orders = if answer.order_ids.is_empty() {
            answer.order.into_iter().collect()
        } else {
            by_id(&service, answer.order_ids, &answer.read_token).await?
        };
        print_orders(&self.asking.format, &orders)
    }
}

/// Orders by id, in as many requests as their size takes.
async fn by_id(
    service: &Connection,
    mut order_ids: Vec<String>,
    token: &str,
) -> Result<Vec<v1::Order>, Status> {
    let mut orders = Vec::new();
    while !order_ids.is_empty() {
        let request = v1::BatchGetOrdersRequest {
            order_ids,
            consistency_token: token.to_owned(),
            ..v1::BatchGetOrdersRequest::default()
        };
        let answer = service
            .ask(request, async |channel, request| {
                OrderQueryServiceClient::new(channel)
                    .batch_get_orders(request)
                    .await
            })
            .await?;
        orders.extend(answer.orders);
        order_ids = answer.unserved_ids;
    }
    Ok(orders)
}
