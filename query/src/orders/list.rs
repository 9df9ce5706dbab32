//! ListOrders and CountOrders: orders by filter.

use std::sync::Arc;

use order::value::OrderId;
use prost::Message as _;
use proto::{served, v1};
use read_model::View;

use super::order_id;
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Query;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::mask::Mask;
use crate::page::{self, Cursor};
use crate::scan::{self, Found};
use crate::sort::OrderBy;

/// Counted when nothing was said.
const COUNT_LIMIT: usize = 10_000;

/// A valid ListOrders.
pub(crate) struct List {
    filter: Arc<Filter>,
    by: OrderBy,
    cursor: Option<Cursor>,
    limit: usize,
    mask: Mask,
    fingerprint: [u8; 8],
}

impl Query for v1::ListOrdersRequest {
    type Checked = List;
    type Reply = served::ListOrdersResponse;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<List, Failure> {
        let limit = page::size(self.page_size)?;
        let by = OrderBy::parse(&self.order_by)?;
        let filter = self.filter.as_ref().map(v1::OrderFilter::encode_to_vec);
        let order_by = format!("{by:?}");
        let fingerprint = page::fingerprint(&[&filter.unwrap_or_default(), order_by.as_bytes()]);
        Ok(List {
            filter: Arc::new(Filter::parse(self.filter)?),
            by,
            cursor: Cursor::decode(&self.page_token, fingerprint)?,
            limit,
            mask: Mask::parse(self.read_mask)?,
            fingerprint,
        })
    }

    async fn answer(
        sources: &Sources,
        view: &Arc<View>,
        list: &List,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, filter) = (Arc::clone(view), Arc::clone(&list.filter));
        let (by, cursor, limit) = (list.by, list.cursor.clone(), list.limit);
        let found = blocking(move || scan::find(&scanned, &filter, by, cursor.as_ref(), limit));
        let Found { orders, mut next } = found.await?;
        let ids = orders.iter().map(|at| order_id(&at.id, "order_id"));
        let ids: Vec<OrderId> = ids.collect::<Result<_, _>>()?;
        let filter = Some(Arc::clone(&list.filter));
        let rows = sources.rows(view, ids.into(), filter, &list.mask).await?;
        if rows.served < orders.len() {
            let last = rows.served.checked_sub(1);
            next = last.and_then(|last| orders.get(last).cloned());
        }
        let next = next.map(|next| next.encode(list.fingerprint));
        Ok(served::ListOrdersResponse {
            orders: rows.orders,
            next_page_token: next.unwrap_or_default(),
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

impl Query for v1::CountOrdersRequest {
    type Checked = (Arc<Filter>, usize);
    type Reply = v1::CountOrdersResponse;

    const STEADY: bool = true;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Self::Checked, Failure> {
        let limit = match usize::try_from(self.limit) {
            Ok(0) => COUNT_LIMIT,
            Ok(limit) => limit,
            Err(_negative) => return Err(Failure::field("limit", "0 or more")),
        };
        Ok((Arc::new(Filter::parse(self.filter)?), limit))
    }

    async fn answer(
        _sources: &Sources,
        view: &Arc<View>,
        (filter, limit): &Self::Checked,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, filter, limit) = (Arc::clone(view), Arc::clone(filter), *limit);
        let (count, limited) = blocking(move || scan::count(&scanned, &filter, limit)).await?;
        Ok(v1::CountOrdersResponse {
            count: i64::try_from(count).unwrap_or(i64::MAX),
            limited,
            read_token: String::new(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}
