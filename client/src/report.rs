//! report revenue, skus, states, funnel.

use clap::{Args, Subcommand};
use proto::v1;
use proto::v1::Bucket;
use proto::v1::order_report_service_client::OrderReportServiceClient;

use crate::amount::money;
use crate::ask::{Asking, Window};
use crate::error::Error;
use crate::render::{print, time};
use crate::run::{Run, run};
use crate::word::{choice, word};

#[derive(Debug, Subcommand)]
pub enum Report {
    /// Placed, cancelled and returned value over time; bounds are whole UTC hours.
    #[command(
        after_help = "Example: orders report revenue --bucket day --since 2010-12-01T00:00:00Z"
    )]
    Revenue(Revenue),
    /// Best-selling SKUs; bounds are whole UTC days.
    #[command(after_help = "Example: orders report skus --currency GBP --limit 20")]
    Skus(Skus),
    /// How many orders stand in which states.
    #[command(after_help = "Example: orders report states --channel web")]
    States(States),
    /// How far the orders created in a time came; bounds are whole UTC days.
    #[command(after_help = "Example: orders report funnel --since 2010-12-01T00:00:00Z")]
    Funnel(Funnel),
}

impl Report {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::Revenue(revenue) => run(revenue).await,
            Self::Skus(skus) => run(skus).await,
            Self::States(states) => run(states).await,
            Self::Funnel(funnel) => run(funnel).await,
        }
    }
}

#[derive(Debug, Args)]
pub struct Revenue {
    #[command(flatten)]
    window: Window,
    /// What one row sums up.
    #[arg(long, default_value = "month", value_parser = choice(Bucket::as_str_name))]
    bucket: Bucket,
    /// ISO 4217 code; empty: all, in rows of their own.
    #[arg(long, default_value = "")]
    currency: String,
    /// Only this channel.
    #[arg(long, default_value = "")]
    channel: String,
    #[command(flatten)]
    asking: Asking,
}

impl Run for Revenue {
    async fn run(self) -> Result<(), Error> {
        let request = v1::QueryRevenueRequest {
            range: self.window.range(),
            bucket: self.bucket.into(),
            currency_code: self.currency,
            channel: self.channel,
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::QueryRevenueRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderReportServiceClient::new(channel)
                    .query_revenue(request)
                    .await
            })
            .await?;
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
        let points = answer.points;
        print(
            &self.asking.format,
            "QueryRevenueResponse.Point",
            &points,
            &header,
            |point| {
                vec![
                    time(point.start_time.as_ref()),
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
}

#[derive(Debug, Args)]
pub struct Skus {
    #[command(flatten)]
    window: Window,
    /// ISO 4217 code.
    #[arg(long, default_value = "GBP")]
    currency: String,
    /// How many.
    #[arg(long, default_value_t = 10)]
    limit: i32,
    #[command(flatten)]
    asking: Asking,
}

impl Run for Skus {
    async fn run(self) -> Result<(), Error> {
        let request = v1::RankSkusRequest {
            range: self.window.range(),
            currency_code: self.currency,
            limit: self.limit,
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::RankSkusRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderReportServiceClient::new(channel)
                    .rank_skus(request)
                    .await
            })
            .await?;
        let header = ["SKU", "UNITS", "REVENUE", "ORDERS"];
        let entries = answer.entries;
        print(
            &self.asking.format,
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
}

#[derive(Debug, Args)]
pub struct States {
    /// Only this channel.
    #[arg(long, default_value = "")]
    channel: String,
    #[command(flatten)]
    asking: Asking,
}

impl Run for States {
    async fn run(self) -> Result<(), Error> {
        let request = v1::SummarizeStatesRequest {
            channel: self.channel,
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::SummarizeStatesRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderReportServiceClient::new(channel)
                    .summarize_states(request)
                    .await
            })
            .await?;
        let header = ["STATE", "PAYMENT", "FULFILLMENT", "ORDERS"];
        let counts = answer.counts;
        print(
            &self.asking.format,
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
}

#[derive(Debug, Args)]
pub struct Funnel {
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    asking: Asking,
}

impl Run for Funnel {
    async fn run(self) -> Result<(), Error> {
        let request = v1::QueryFunnelRequest {
            range: self.window.range(),
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::QueryFunnelRequest::default()
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderReportServiceClient::new(channel)
                    .query_funnel(request)
                    .await
            })
            .await?;
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
            &self.asking.format,
            "QueryFunnelResponse",
            &[answer],
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
}
