//! QueryRevenue: money, orders and units over time.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::v1;
use proto::v1::query_revenue_response::Point;
use read_model::View;
use read_model::counters::{self, HOUR};
use read_model::keys::{self, Parts};

use super::{check_channel, currency, entries, fitting, whole};
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Query;
use crate::failure::Failure;
use crate::filter::{Range, range};
use crate::time;

/// Points of one reply: two years of hours; beyond, it would outgrow what clients take.
const MAX_POINTS: usize = 20_000;

/// The sums of a point, in the order of their counters.
type Sums = [i128; 7];
const NAMES: [&str; 7] = [
    "orders",
    "units",
    "placed",
    "cancelled",
    "returned",
    "captured",
    "refunded",
];

/// A valid QueryRevenue; empty texts let everything pass.
#[derive(Clone)]
pub(crate) struct Asked {
    hours: Range,
    bucket: v1::Bucket,
    currency: String,
    channel: String,
}

impl Query for v1::QueryRevenueRequest {
    type Checked = Asked;
    type Reply = v1::QueryRevenueResponse;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let bucket = self.bucket();
        if bucket == v1::Bucket::Unspecified {
            let rule = "BUCKET_HOUR, BUCKET_DAY or BUCKET_MONTH";
            return Err(Failure::field("bucket", rule));
        }
        check_channel(&self.channel)?;
        if !self.currency_code.is_empty() {
            currency(&self.currency_code)?;
        }
        let range = range(self.range.as_ref(), "range")?;
        Ok(Asked {
            hours: whole(range, HOUR, "whole UTC hours")?,
            bucket,
            currency: self.currency_code,
            channel: self.channel,
        })
    }

    async fn answer(
        _sources: &Sources,
        view: &Arc<View>,
        request: &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, asked) = (Arc::clone(view), request.clone());
        Ok(v1::QueryRevenueResponse {
            points: blocking(move || revenue(&scanned, &asked)).await?,
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

fn revenue(view: &View, asked: &Asked) -> Result<Vec<Point>, Failure> {
    let (currency, channel) = (&asked.currency, &asked.channel);
    let mut points: BTreeMap<([u8; 3], i64), Sums> = BTreeMap::new();
    for entry in entries(view, keys::REVENUE, asked.hours) {
        let (key, value) = entry?;
        let mut parts = Parts::of(&key);
        let (Some(hour), Some(code), Some(of)) = (parts.number(), parts.raw::<3>(), parts.text())
        else {
            continue;
        };
        let wanted = (currency.is_empty() || currency.as_bytes() == code)
            && (channel.is_empty() || *channel == of);
        if wanted {
            let start = start_of(i64::try_from(hour).unwrap_or(0), asked.bucket);
            if points.len() > MAX_POINTS {
                break;
            }
            let point = points.entry((code, start)).or_default();
            for (sum, amount) in point.iter_mut().zip(counters::decode::<7>(&value)) {
                *sum = sum.saturating_add(amount);
            }
        }
    }
    if points.len() > MAX_POINTS {
        let rule = format!("narrower: it holds more than {MAX_POINTS} points");
        return Err(Failure::field("range", &rule));
    }
    let points = points.into_iter();
    points
        .map(|((code, start), sums)| point(code, start, &sums))
        .collect()
}

/// The start of the bucket that an hour lies in, in hours.
fn start_of(hour: i64, bucket: v1::Bucket) -> i64 {
    match bucket {
        v1::Bucket::Hour | v1::Bucket::Unspecified => hour,
        v1::Bucket::Day => hour - hour.rem_euclid(24),
        v1::Bucket::Month => time::month_of(hour.div_euclid(24)) * 24,
    }
}

fn point(code: [u8; 3], start: i64, sums: &Sums) -> Result<Point, Failure> {
    let code = String::from_utf8_lossy(&code).into_owned();
    let time = prost_types::Timestamp {
        seconds: start * 3_600,
        nanos: 0,
    };
    let mut fits = [0; 7];
    for ((fit, sum), name) in fits.iter_mut().zip(sums).zip(NAMES) {
        *fit = fitting(*sum, || format!("{name} in {code} from {time}"))?;
    }
    let [
        orders,
        units,
        placed,
        cancelled,
        returned,
        captured,
        refunded,
    ] = fits;
    let money = |minor_units| {
        let currency_code = code.clone();
        Some(v1::Money {
            currency_code,
            minor_units,
        })
    };
    Ok(Point {
        start_time: Some(time),
        orders,
        units,
        placed: money(placed),
        cancelled: money(cancelled),
        returned: money(returned),
        captured: money(captured),
        refunded: money(refunded),
    })
}
