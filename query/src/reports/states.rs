//! SummarizeStates: how many orders stand in each combination of states.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::v1;
use read_model::keys::{self, Parts};
use read_model::{View, counters};

use super::{check_channel, fitting};
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Query;
use crate::failure::Failure;

impl Query for v1::SummarizeStatesRequest {
    type Checked = String;
    type Reply = v1::SummarizeStatesResponse;

    const STEADY: bool = true;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        check_channel(&self.channel).map(|()| self.channel)
    }

    async fn answer(
        _sources: &Sources,
        view: &Arc<View>,
        request: &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, channel) = (Arc::clone(view), request.clone());
        Ok(v1::SummarizeStatesResponse {
            counts: blocking(move || states(&scanned, &channel)).await?,
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

fn states(
    view: &View,
    channel: &str,
) -> Result<Vec<v1::summarize_states_response::Count>, Failure> {
    let mut counts: BTreeMap<[u8; 3], i128> = BTreeMap::new();
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
    counts
        .map(|(states, orders)| count(states, orders))
        .collect()
}

fn count(
    [state, payment, fulfillment]: [u8; 3],
    orders: i128,
) -> Result<v1::summarize_states_response::Count, Failure> {
    Ok(v1::summarize_states_response::Count {
        state: state.into(),
        payment_state: payment.into(),
        fulfillment_state: fulfillment.into(),
        orders: fitting(orders, || "the number of orders in a state".to_owned())?,
    })
}
