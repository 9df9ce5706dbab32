//! GetOrder and BatchGetOrders: orders by id.

use std::sync::Arc;

use order::value::OrderId;
use prost::Message as _;
use proto::{api, served, v1};
use read_model::View;

use super::{MAX_IDS, order_id};
use crate::Sources;
use crate::as_of::AsOf;
use crate::call::{Query, Replay};
use crate::failure::{Failure, violation};
use crate::mask::Mask;

impl Query for v1::GetOrderRequest {
    type Checked = (OrderId, Mask);
    type Reply = served::GetOrderResponse;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        Ok((
            order_id(&self.order_id, "order_id")?,
            Mask::parse(self.read_mask)?,
        ))
    }

    async fn answer(
        sources: &Sources,
        view: &Arc<View>,
        (order_id, mask): &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let order = sources.newest(view, order_id, mask).await?;
        Ok(served::GetOrderResponse {
            order: Some(order.ok_or_else(|| Failure::not_found(order_id.as_str()))?),
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

/// With `as_of`.
impl Replay for v1::GetOrderRequest {
    type Checked = (OrderId, Mask, AsOf);
    type Reply = served::GetOrderResponse;

    fn token(&self) -> &str {
        &self.consistency_token
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let as_of = self
            .as_of
            .ok_or_else(|| Failure::field("as_of", "a version or a time"))?;
        Ok((
            order_id(&self.order_id, "order_id")?,
            Mask::parse(self.read_mask)?,
            AsOf::parse(as_of)?,
        ))
    }

    async fn answer(
        sources: &Sources,
        (order_id, mask, as_of): &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let mut past = sources.past(order_id, *as_of).await?;
        let mut order = past.order.clone();
        let erased = async || past.is_erased().await;
        sources
            .open_order(order_id.as_str(), &mut order, mask, erased)
            .await?;
        let order = api::order(order_id, &order).encode_to_vec();
        Ok(served::GetOrderResponse {
            order: Some(mask.apply(order)),
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

impl Query for v1::BatchGetOrdersRequest {
    type Checked = (Arc<[OrderId]>, Mask);
    type Reply = served::BatchGetOrdersResponse;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let ids = order_ids(&self.order_ids)?;
        Ok((ids.into(), Mask::parse(self.read_mask)?))
    }

    async fn answer(
        sources: &Sources,
        view: &Arc<View>,
        (ids, mask): &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let rows = sources.rows(view, Arc::clone(ids), None, mask).await?;
        let unserved = ids.iter().skip(rows.served);
        Ok(served::BatchGetOrdersResponse {
            orders: rows.orders,
            missing_ids: rows.missing.iter().map(ToString::to_string).collect(),
            unserved_ids: unserved.map(ToString::to_string).collect(),
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

fn order_ids(texts: &[String]) -> Result<Vec<OrderId>, Failure> {
    if texts.is_empty() || texts.len() > MAX_IDS {
        return Err(Failure::field("order_ids", "1 to 1000 ids"));
    }
    let mut ids = Vec::with_capacity(texts.len());
    let mut violations = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match OrderId::new(text) {
            Ok(id) => ids.push(id),
            Err(rule) => violations.push(violation(&format!("order_ids[{index}]"), rule.0)),
        }
    }
    Failure::fields(violations).map(|()| ids)
}
