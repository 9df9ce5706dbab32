//! QueryFunnel: how far the orders created in a range came.

use std::sync::Arc;

use proto::v1;
use read_model::View;
use read_model::counters::{self, DAY, Stage};
use read_model::keys::{self, Parts};

use super::{entries, fitting, whole};
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Query;
use crate::failure::Failure;
use crate::filter::{Range, range};

impl Query for v1::QueryFunnelRequest {
    type Checked = Range;
    type Reply = v1::QueryFunnelResponse;

    const STEADY: bool = true;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let range = range(self.range.as_ref(), "range")?;
        whole(range, DAY, "whole UTC days")
    }

    async fn answer(
        _sources: &Sources,
        view: &Arc<View>,
        request: &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, days) = (Arc::clone(view), *request);
        blocking(move || funnel(&scanned, days)).await
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

fn funnel(view: &View, days: Range) -> Result<v1::QueryFunnelResponse, Failure> {
    const STAGES: [(Stage, &str); 7] = [
        (Stage::Created, "created"),
        (Stage::Placed, "placed"),
        (Stage::Paid, "paid"),
        (Stage::Shipped, "shipped"),
        (Stage::Delivered, "delivered"),
        (Stage::Cancelled, "cancelled"),
        (Stage::Returned, "returned"),
    ];
    let mut sums = [0_i128; 7];
    for entry in entries(view, keys::FUNNEL, days) {
        let (key, value) = entry?;
        let mut parts = Parts::of(&key);
        let (Some(_day), Some(found)) = (parts.number(), parts.byte()) else {
            continue;
        };
        let [count] = counters::decode(&value);
        for (sum, (stage, _)) in sums.iter_mut().zip(STAGES) {
            if stage as u8 == found {
                *sum += count;
            }
        }
    }
    let mut fits = [0; 7];
    for ((fit, sum), (_, name)) in fits.iter_mut().zip(sums).zip(STAGES) {
        *fit = fitting(sum, || format!("the number of orders {name}"))?;
    }
    let [
        created,
        placed,
        paid,
        shipped,
        delivered,
        cancelled,
        returned,
    ] = fits;
    Ok(v1::QueryFunnelResponse {
        created,
        placed,
        paid,
        shipped,
        delivered,
        cancelled,
        returned,
        read_token: String::new(),
    })
}
