//! RankSkus: what sold best.

use std::collections::HashMap;
use std::sync::Arc;

use order::value::Currency;
use proto::v1;
use proto::v1::rank_skus_response::Entry;
use read_model::View;
use read_model::counters::{self, DAY};
use read_model::keys::{self, Parts};

use super::{currency, entries, fitting, whole};
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Query;
use crate::failure::Failure;
use crate::filter::{Range, range};

const DEFAULT_RANKS: usize = 10;
const MAX_RANKS: usize = 10_000;

/// Units, revenue and orders of one SKU.
type Sums = [i128; 3];

/// A valid RankSkus.
#[derive(Clone)]
pub(crate) struct Asked {
    days: Range,
    currency: Currency,
    limit: usize,
}

impl Query for v1::RankSkusRequest {
    type Checked = Asked;
    type Reply = v1::RankSkusResponse;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let currency = currency(&self.currency_code)?;
        let limit = match usize::try_from(self.limit) {
            Ok(0) => DEFAULT_RANKS,
            Ok(limit) => limit.min(MAX_RANKS),
            Err(_negative) => return Err(Failure::field("limit", "0 or more")),
        };
        let range = range(self.range.as_ref(), "range")?;
        Ok(Asked {
            days: whole(range, DAY, "whole UTC days")?,
            currency,
            limit,
        })
    }

    async fn answer(
        _sources: &Sources,
        view: &Arc<View>,
        request: &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, asked) = (Arc::clone(view), request.clone());
        Ok(v1::RankSkusResponse {
            entries: blocking(move || skus(&scanned, &asked)).await?,
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

fn skus(view: &View, asked: &Asked) -> Result<Vec<Entry>, Failure> {
    let currency = asked.currency.code();
    let mut sums: HashMap<String, Sums> = HashMap::new();
    for entry in entries(view, keys::SKU, asked.days) {
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
    let mut ranked: Vec<(String, Sums)> = sums.into_iter().collect();
    ranked.sort_unstable_by(|(a, [_, x, _]), (b, [_, y, _])| y.cmp(x).then_with(|| a.cmp(b)));
    ranked.truncate(asked.limit);
    let entries = ranked.into_iter();
    entries
        .map(|(sku, sums)| entry(sku, sums, currency))
        .collect()
}

fn entry(sku: String, [units, revenue, orders]: Sums, currency: &str) -> Result<Entry, Failure> {
    let fits = |sum, name: &str| fitting(sum, || format!("{name} of {sku} in {currency}"));
    let (units, revenue, orders) = (
        fits(units, "units")?,
        fits(revenue, "revenue")?,
        fits(orders, "orders")?,
    );
    Ok(Entry {
        sku,
        units,
        revenue: Some(v1::Money {
            currency_code: currency.to_owned(),
            minor_units: revenue,
        }),
        orders,
    })
}
