//! `OrderReportService`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use order::value::{Channel, Currency};
use proto::v1;
use proto::v1::order_report_service_server::OrderReportService;
use read_model::counters::{self, DAY, HOUR, Revenue, Sales, Stage};
use read_model::keys::{self, Key, Parts};
use read_model::{Error, View};
use tonic::{Request, Response, Status};

use crate::filter::{Range, range};
use crate::freshness::{self, Wanted};
use crate::orders::blocking;
use crate::{QueryService, fault, time};

const DEFAULT_RANKS: usize = 10;
const MAX_RANKS: usize = 10_000;
/// Points of one reply: two years of hours; beyond, it would outgrow what clients take.
const MAX_POINTS: usize = 20_000;

#[tonic::async_trait]
impl OrderReportService for QueryService {
    async fn summarize_states(
        &self,
        request: Request<v1::SummarizeStatesRequest>,
    ) -> Result<Response<v1::SummarizeStatesResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        check_channel(&request.channel)?;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&self.0.reports, wanted).await?);
        let (scanned, channel) = (Arc::clone(&view), request.channel);
        let counts = blocking(move || states(&scanned, &channel))
            .await?
            .map_err(fault::view)?;
        let reply = v1::SummarizeStatesResponse {
            counts,
            read_token: freshness::read_token(&view),
        };
        Ok(self.0.reply(&self.0.reports, &view, reply))
    }

    async fn query_revenue(
        &self,
        request: Request<v1::QueryRevenueRequest>,
    ) -> Result<Response<v1::QueryRevenueResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let bucket = request.bucket();
        if bucket == v1::Bucket::Unspecified {
            return Err(fault::field(
                "bucket",
                "BUCKET_HOUR, BUCKET_DAY or BUCKET_MONTH",
            ));
        }
        check_channel(&request.channel)?;
        if !request.currency_code.is_empty() {
            currency(&request.currency_code)?;
        }
        let hours = whole(
            range(request.range.as_ref(), "range")?,
            HOUR,
            "whole UTC hours",
        )?;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&self.0.reports, wanted).await?);
        let scanned = Arc::clone(&view);
        let (currency, channel) = (request.currency_code, request.channel);
        let points = blocking(move || revenue(&scanned, hours, bucket, &currency, &channel));
        let points = points.await?.map_err(fault::view)?;
        if points.len() > MAX_POINTS {
            let rule = format!("narrower: it holds more than {MAX_POINTS} points");
            return Err(fault::field("range", &rule));
        }
        let reply = v1::QueryRevenueResponse {
            points,
            read_token: freshness::read_token(&view),
        };
        Ok(self.0.reply(&self.0.reports, &view, reply))
    }

    async fn rank_skus(
        &self,
        request: Request<v1::RankSkusRequest>,
    ) -> Result<Response<v1::RankSkusResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let currency = currency(&request.currency_code)?;
        let limit = match usize::try_from(request.limit) {
            Ok(0) => DEFAULT_RANKS,
            Ok(limit) => limit.min(MAX_RANKS),
            Err(_negative) => return Err(fault::field("limit", "0 or more")),
        };
        let days = whole(
            range(request.range.as_ref(), "range")?,
            DAY,
            "whole UTC days",
        )?;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&self.0.reports, wanted).await?);
        let scanned = Arc::clone(&view);
        let entries = blocking(move || skus(&scanned, days, currency.code(), limit));
        let entries = entries.await?.map_err(fault::view)?;
        let reply = v1::RankSkusResponse {
            entries,
            read_token: freshness::read_token(&view),
        };
        Ok(self.0.reply(&self.0.reports, &view, reply))
    }

    async fn query_funnel(
        &self,
        request: Request<v1::QueryFunnelRequest>,
    ) -> Result<Response<v1::QueryFunnelResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let days = whole(
            range(request.range.as_ref(), "range")?,
            DAY,
            "whole UTC days",
        )?;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&self.0.reports, wanted).await?);
        let scanned = Arc::clone(&view);
        let reply = blocking(move || funnel(&scanned, days))
            .await?
            .map_err(fault::view)?;
        let reply = v1::QueryFunnelResponse {
            read_token: freshness::read_token(&view),
            ..reply
        };
        Ok(self.0.reply(&self.0.reports, &view, reply))
    }
}

fn currency(code: &str) -> Result<Currency, Status> {
    Currency::new(code).map_err(|rule| fault::field("currency_code", rule.0))
}

fn check_channel(channel: &str) -> Result<(), Status> {
    if channel.is_empty() {
        return Ok(());
    }
    let valid = Channel::new(channel).map(|_valid| ());
    valid.map_err(|rule| fault::field("channel", rule.0))
}

/// A range in units of `unit`; its bounds must lie on them.
fn whole(range: Range, unit: i64, rule: &str) -> Result<Range, Status> {
    let bound = |bound: Option<i64>, field: &str| match bound {
        Some(time) if time % unit != 0 => Err(fault::field(field, rule)),
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

fn states(view: &View, channel: &str) -> Result<Vec<v1::summarize_states_response::Count>, Error> {
    let mut counts: BTreeMap<[u8; 3], i64> = BTreeMap::new();
    for entry in view.prefix(&[keys::STATE_COUNT]) {
        let (key, value) = entry?;
        let mut parts = Parts::of(&key);
        let (Some(states), Some(of)) = (parts.raw::<3>(), parts.text()) else {
            continue;
        };
        if channel.is_empty() || channel == of {
            let [count] = counters::decode(&value);
            *counts.entry(states).or_default() += count;
        }
    }
    let counts = counts.into_iter().filter(|(_, orders)| *orders != 0);
    Ok(counts
        .map(
            |([state, payment, fulfillment], orders)| v1::summarize_states_response::Count {
                state: state.into(),
                payment_state: payment.into(),
                fulfillment_state: fulfillment.into(),
                orders,
            },
        )
        .collect())
}

fn revenue(
    view: &View,
    hours: Range,
    bucket: v1::Bucket,
    currency: &str,
    channel: &str,
) -> Result<Vec<v1::query_revenue_response::Point>, Error> {
    let mut points: BTreeMap<([u8; 3], i64), Revenue> = BTreeMap::new();
    for entry in entries(view, keys::REVENUE, hours) {
        let (key, value) = entry?;
        let mut parts = Parts::of(&key);
        let (Some(hour), Some(code), Some(of)) = (parts.number(), parts.raw::<3>(), parts.text())
        else {
            continue;
        };
        let wanted = (currency.is_empty() || currency.as_bytes() == code)
            && (channel.is_empty() || channel == of);
        if wanted {
            let start = start_of(i64::try_from(hour).unwrap_or(0), bucket);
            if points.len() > MAX_POINTS {
                break;
            }
            let point = points.entry((code, start)).or_default();
            for (sum, amount) in point.iter_mut().zip(counters::decode::<7>(&value)) {
                *sum = sum.saturating_add(amount);
            }
        }
    }
    Ok(points
        .into_iter()
        .map(|((code, start), counters)| point(code, start, counters))
        .collect())
}

/// The start of the bucket that an hour lies in, in hours.
fn start_of(hour: i64, bucket: v1::Bucket) -> i64 {
    match bucket {
        v1::Bucket::Hour | v1::Bucket::Unspecified => hour,
        v1::Bucket::Day => hour - hour.rem_euclid(24),
        v1::Bucket::Month => time::month_of(hour.div_euclid(24)) * 24,
    }
}

fn point(code: [u8; 3], start: i64, counters: Revenue) -> v1::query_revenue_response::Point {
    let [
        orders,
        units,
        placed,
        cancelled,
        returned,
        captured,
        refunded,
    ] = counters;
    let money = |minor_units| {
        let currency_code = String::from_utf8_lossy(&code).into_owned();
        Some(v1::Money {
            currency_code,
            minor_units,
        })
    };
    v1::query_revenue_response::Point {
        start_time: Some(prost_types::Timestamp {
            seconds: start * 3_600,
            nanos: 0,
        }),
        orders,
        units,
        placed: money(placed),
        cancelled: money(cancelled),
        returned: money(returned),
        captured: money(captured),
        refunded: money(refunded),
    }
}

fn skus(
    view: &View,
    days: Range,
    currency: &str,
    limit: usize,
) -> Result<Vec<v1::rank_skus_response::Entry>, Error> {
    let mut sums: HashMap<String, Sales> = HashMap::new();
    for entry in entries(view, keys::SKU, days) {
        let (key, value) = entry?;
        let mut parts = Parts::of(&key);
        let (Some(_day), Some(code), Some(sku)) = (parts.number(), parts.raw::<3>(), parts.text())
        else {
            continue;
        };
        if code == currency.as_bytes() {
            let sum = sums.entry(sku).or_default();
            for (sum, amount) in sum.iter_mut().zip(counters::decode::<3>(&value)) {
                *sum = sum.saturating_add(amount);
            }
        }
    }
    let mut ranked: Vec<(String, Sales)> = sums.into_iter().collect();
    ranked.sort_unstable_by(|(a, [_, x, _]), (b, [_, y, _])| y.cmp(x).then_with(|| a.cmp(b)));
    ranked.truncate(limit);
    let entry = |(sku, [units, revenue, orders]): (String, Sales)| {
        let revenue = v1::Money {
            currency_code: currency.to_owned(),
            minor_units: revenue,
        };
        v1::rank_skus_response::Entry {
            sku,
            units,
            revenue: Some(revenue),
            orders,
        }
    };
    Ok(ranked.into_iter().map(entry).collect())
}

fn funnel(view: &View, days: Range) -> Result<v1::QueryFunnelResponse, Error> {
    let mut reply = v1::QueryFunnelResponse::default();
    for entry in entries(view, keys::FUNNEL, days) {
        let (key, value) = entry?;
        let mut parts = Parts::of(&key);
        let (Some(_day), Some(stage)) = (parts.number(), parts.byte()) else {
            continue;
        };
        let [count] = counters::decode(&value);
        let slots = [
            (Stage::Created, &mut reply.created),
            (Stage::Placed, &mut reply.placed),
            (Stage::Paid, &mut reply.paid),
            (Stage::Shipped, &mut reply.shipped),
            (Stage::Delivered, &mut reply.delivered),
            (Stage::Cancelled, &mut reply.cancelled),
            (Stage::Returned, &mut reply.returned),
        ];
        for (of, slot) in slots {
            if of as u8 == stage {
                *slot += count;
            }
        }
    }
    Ok(reply)
}
