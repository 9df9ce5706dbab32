//! `OrderReportService`.

mod funnel;
mod revenue;
mod skus;
mod states;

use order::value::{Channel, Currency};
use proto::v1;
use proto::v1::order_report_service_server::OrderReportService;
use read_model::keys::Key;
use read_model::{Error, View};
use tonic::{Request, Response, Status};

use crate::QueryService;
use crate::failure::Failure;
use crate::filter::Range;

#[tonic::async_trait]
impl OrderReportService for QueryService {
    async fn summarize_states(
        &self,
        request: Request<v1::SummarizeStatesRequest>,
    ) -> Result<Response<v1::SummarizeStatesResponse>, Status> {
        self.query(request).await
    }

    async fn query_revenue(
        &self,
        request: Request<v1::QueryRevenueRequest>,
    ) -> Result<Response<v1::QueryRevenueResponse>, Status> {
        self.query(request).await
    }

    async fn rank_skus(
        &self,
        request: Request<v1::RankSkusRequest>,
    ) -> Result<Response<v1::RankSkusResponse>, Status> {
        self.query(request).await
    }

    async fn query_funnel(
        &self,
        request: Request<v1::QueryFunnelRequest>,
    ) -> Result<Response<v1::QueryFunnelResponse>, Status> {
        self.query(request).await
    }
}

fn currency(code: &str) -> Result<Currency, Failure> {
    Currency::new(code).map_err(|rule| Failure::field("currency_code", rule.0))
}

fn check_channel(channel: &str) -> Result<(), Failure> {
    if channel.is_empty() {
        return Ok(());
    }
    let valid = Channel::new(channel).map(|_valid| ());
    valid.map_err(|rule| Failure::field("channel", rule.0))
}

/// A range in units of `unit`; its bounds must lie on them.
fn whole(range: Range, unit: i64, rule: &str) -> Result<Range, Failure> {
    let bound = |bound: Option<i64>, field: &str| match bound {
        Some(time) if time % unit != 0 => Err(Failure::field(field, rule)),
        bound => Ok(bound.map(|time| time / unit)),
    };
    Ok(Range {
        start: bound(range.start, "range.start_time")?,
        end: bound(range.end, "range.end_time")?,
    })
}

/// All entries of a kind whose first part, a number, lies in a range.
fn entries(
    view: &View,
    prefix: u8,
    range: Range,
) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Error>> + '_ {
    let at = |time: i64| Key::new(prefix).time(time).into_bytes();
    let start = at(range.start.unwrap_or(0));
    let end = range.end.map_or_else(|| vec![prefix + 1], at);
    // sled panics on a range that ends before it begins.
    let end = end.max(start.clone());
    view.range(start..end)
        .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
}

/// A sum as the API's field holds it; `what` names it for people.
fn fitting(sum: i128, what: impl FnOnce() -> String) -> Result<i64, Failure> {
    i64::try_from(sum).map_err(|_too_large| Failure::TooLarge { what: what() })
}
