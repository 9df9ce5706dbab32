//! report revenue, skus, states.

use anyhow::Context as _;
use proto::v1;
use proto::v1::order_report_service_client::OrderReportServiceClient;

use super::{connect, money, print, refused};
use crate::cli::{self, word};

/// Money over time.
pub(crate) async fn revenue(arguments: cli::Revenue) -> anyhow::Result<()> {
    let name = format!("BUCKET_{}", arguments.bucket.to_ascii_uppercase());
    let bucket = v1::Bucket::from_str_name(&name).with_context(|| {
        format!(
            "{:?} is no bucket; try hour, day or month",
            arguments.bucket
        )
    })?;
    let request = v1::QueryRevenueRequest {
        bucket: bucket.into(),
        currency_code: arguments.currency,
        channel: arguments.channel,
        ..v1::QueryRevenueRequest::default()
    };
    let channel = connect(&arguments.server.addr).await?;
    let reply = OrderReportServiceClient::new(channel)
        .query_revenue(request)
        .await
        .map_err(|status| refused(&status))?;
    let header = [
        "FROM",
        "ORDERS",
        "UNITS",
        "PLACED",
        "CANCELLED",
        "RETURNED",
        "CAPTURED",
        "REFUNDED",
    ];
    let points = reply.into_inner().points;
    print(
        arguments.format.output,
        "QueryRevenueResponse.Point",
        &points,
        &header,
        |point| {
            vec![
                point
                    .start_time
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string),
                point.orders.to_string(),
                point.units.to_string(),
                money(point.placed.as_ref()),
                money(point.cancelled.as_ref()),
                money(point.returned.as_ref()),
                money(point.captured.as_ref()),
                money(point.refunded.as_ref()),
            ]
        },
    )
}

/// Best-selling SKUs.
pub(crate) async fn skus(arguments: cli::Skus) -> anyhow::Result<()> {
    let request = v1::RankSkusRequest {
        currency_code: arguments.currency,
        limit: arguments.limit,
        ..v1::RankSkusRequest::default()
    };
    let channel = connect(&arguments.server.addr).await?;
    let reply = OrderReportServiceClient::new(channel)
        .rank_skus(request)
        .await
        .map_err(|status| refused(&status))?;
    let header = ["SKU", "UNITS", "REVENUE", "ORDERS"];
    let entries = reply.into_inner().entries;
    print(
        arguments.format.output,
        "RankSkusResponse.Entry",
        &entries,
        &header,
        |entry| {
            vec![
                entry.sku.clone(),
                entry.units.to_string(),
                money(entry.revenue.as_ref()),
                entry.orders.to_string(),
            ]
        },
    )
}

/// Orders by state.
pub(crate) async fn states(arguments: cli::States) -> anyhow::Result<()> {
    let request = v1::SummarizeStatesRequest {
        channel: arguments.channel,
        ..v1::SummarizeStatesRequest::default()
    };
    let channel = connect(&arguments.server.addr).await?;
    let reply = OrderReportServiceClient::new(channel)
        .summarize_states(request)
        .await
        .map_err(|status| refused(&status))?;
    let header = ["STATE", "PAYMENT", "FULFILLMENT", "ORDERS"];
    let counts = reply.into_inner().counts;
    print(
        arguments.format.output,
        "SummarizeStatesResponse.Count",
        &counts,
        &header,
        |count| {
            vec![
                word(count.state().as_str_name(), "ORDER_STATE_"),
                word(count.payment_state().as_str_name(), "PAYMENT_STATE_"),
                word(
                    count.fulfillment_state().as_str_name(),
                    "FULFILLMENT_STATE_",
                ),
                count.orders.to_string(),
            ]
        },
    )
}
