//! report revenue, skus, states, funnel.

use proto::v1;
use proto::v1::order_report_service_client::OrderReportServiceClient;

use super::{connect, money, print, refused, span};
use crate::cli::{self, word};

/// Money over time.
pub(crate) async fn revenue(arguments: cli::Revenue) -> anyhow::Result<()> {
    let request = v1::QueryRevenueRequest {
        range: window(&arguments.window),
        bucket: arguments.bucket.into(),
        currency_code: arguments.currency,
        channel: arguments.channel,
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::QueryRevenueRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
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
        arguments.query.format.output,
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
        range: window(&arguments.window),
        currency_code: arguments.currency,
        limit: arguments.limit,
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::RankSkusRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let reply = OrderReportServiceClient::new(channel)
        .rank_skus(request)
        .await
        .map_err(|status| refused(&status))?;
    let header = ["SKU", "UNITS", "REVENUE", "ORDERS"];
    let entries = reply.into_inner().entries;
    print(
        arguments.query.format.output,
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
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::SummarizeStatesRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let reply = OrderReportServiceClient::new(channel)
        .summarize_states(request)
        .await
        .map_err(|status| refused(&status))?;
    let header = ["STATE", "PAYMENT", "FULFILLMENT", "ORDERS"];
    let counts = reply.into_inner().counts;
    print(
        arguments.query.format.output,
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

/// How far orders came.
pub(crate) async fn funnel(arguments: cli::Funnel) -> anyhow::Result<()> {
    let request = v1::QueryFunnelRequest {
        range: window(&arguments.window),
        consistency_token: arguments.query.token.unwrap_or_default(),
        ..v1::QueryFunnelRequest::default()
    };
    let channel = connect(&arguments.query.server.addr).await?;
    let reply = OrderReportServiceClient::new(channel)
        .query_funnel(request)
        .await
        .map_err(|status| refused(&status))?;
    let header = [
        "CREATED",
        "PLACED",
        "PAID",
        "SHIPPED",
        "DELIVERED",
        "CANCELLED",
        "RETURNED",
    ];
    print(
        arguments.query.format.output,
        "QueryFunnelResponse",
        &[reply.into_inner()],
        &header,
        |funnel| {
            let counts = [
                funnel.created,
                funnel.placed,
                funnel.paid,
                funnel.shipped,
                funnel.delivered,
                funnel.cancelled,
                funnel.returned,
            ];
            counts.iter().map(ToString::to_string).collect()
        },
    )
}

fn window(window: &cli::Window) -> Option<v1::TimeRange> {
    span(window.since, window.until)
}
