//! `OrderQueryService`.

use std::sync::Arc;

use order::value::OrderId;
use order::{Order, value};
use proto::row::Row;
use proto::v1;
use proto::v1::lookup_order_request::Key;
use proto::v1::order_query_service_server::OrderQueryService;
use read_model::{View, keys};
use tonic::{Request, Response, Status};

use crate::as_of::AsOf;
use crate::filter::{Filter, OrderBy};
use crate::freshness::{self, Wanted};
use crate::mask::Mask;
use crate::page::{self, Cursor};
use crate::scan::{self, Found, Refused};
use crate::{QueryService, Sources, fault};

/// Most ids of one BatchGetOrders, and most orders of one reference.
const MAX_IDS: usize = 1_000;
/// Counted when nothing was said.
const COUNT_LIMIT: usize = 10_000;

#[tonic::async_trait]
impl OrderQueryService for QueryService {
    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Result<Response<v1::GetOrderResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let order_id = order_id(&request.order_id, "order_id")?;
        let mask = Mask::parse(request.read_mask)?;
        let as_of = request.as_of.map(AsOf::parse).transpose()?;
        let sources = &self.0;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let (view, order) = match as_of {
            None => {
                let view = freshness::view(&sources.orders, wanted).await?;
                let order = sources.newest(&view, &order_id, &mask).await?;
                (view, order)
            }
            Some(as_of) => {
                freshness::check(&sources.orders, &request.consistency_token)?;
                let view = sources.orders.view().map_err(fault::view)?;
                let order = sources.as_of(&order_id, as_of, &mask).await?;
                (view, Some(order))
            }
        };
        let order = order.ok_or_else(|| fault::not_found(order_id.as_str()))?;
        let reply = v1::GetOrderResponse {
            order: Some(order),
            read_token: freshness::read_token(&view),
        };
        Ok(sources.reply(&sources.orders, &view, reply))
    }

    async fn batch_get_orders(
        &self,
        request: Request<v1::BatchGetOrdersRequest>,
    ) -> Result<Response<v1::BatchGetOrdersResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let ids = order_ids(&request.order_ids)?;
        let mask = Mask::parse(request.read_mask)?;
        let sources = &self.0;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&sources.orders, wanted).await?);
        let rows = sources.rows(&view, ids.into(), None, &mask).await?;
        let unserved = request.order_ids.into_iter().skip(rows.served);
        let reply = v1::BatchGetOrdersResponse {
            orders: rows.orders,
            missing_ids: rows.missing.iter().map(ToString::to_string).collect(),
            unserved_ids: unserved.collect(),
            read_token: freshness::read_token(&view),
        };
        Ok(sources.reply(&sources.orders, &view, reply))
    }

    async fn lookup_order(
        &self,
        request: Request<v1::LookupOrderRequest>,
    ) -> Result<Response<v1::LookupOrderResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let key = request
            .key
            .ok_or_else(|| fault::field("key", "psp_reference or tracking_number"))?;
        reference(&key)?;
        let sources = &self.0;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&sources.orders, wanted).await?);
        let ids = sources.find_reference(&view, key).await?;
        let order = match ids.first() {
            Some(newest) => sources.newest(&view, newest, &Mask::default()).await?,
            None => None,
        };
        let several = ids.len() > 1;
        let reply = v1::LookupOrderResponse {
            order: Some(order.ok_or_else(|| fault::not_found(""))?),
            read_token: freshness::read_token(&view),
            order_ids: ids
                .iter()
                .filter(|_| several)
                .map(ToString::to_string)
                .collect(),
        };
        Ok(sources.reply(&sources.orders, &view, reply))
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let limit = page::size(request.page_size)?;
        let by = OrderBy::parse(&request.order_by)?;
        let filter_bytes = request.filter.as_ref().map(prost::Message::encode_to_vec);
        let order_by = format!("{by:?}");
        let fingerprint =
            page::fingerprint(&[&filter_bytes.unwrap_or_default(), order_by.as_bytes()]);
        let filter = Filter::parse(request.filter)?;
        let cursor = Cursor::decode(&request.page_token, fingerprint)?;
        let mask = Mask::parse(request.read_mask)?;
        let sources = &self.0;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&sources.orders, wanted).await?);
        let from = (cursor, limit);
        let (orders, next) = sources.list(&view, filter, by, from, &mask).await?;
        let reply = v1::ListOrdersResponse {
            orders,
            next_page_token: next
                .map(|next| next.encode(fingerprint))
                .unwrap_or_default(),
            read_token: freshness::read_token(&view),
        };
        Ok(sources.reply(&sources.orders, &view, reply))
    }

    async fn count_orders(
        &self,
        request: Request<v1::CountOrdersRequest>,
    ) -> Result<Response<v1::CountOrdersResponse>, Status> {
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let limit = match usize::try_from(request.limit) {
            Ok(0) => COUNT_LIMIT,
            Ok(limit) => limit,
            Err(_negative) => return Err(fault::field("limit", "0 or more")),
        };
        let filter = Filter::parse(request.filter)?;
        let sources = &self.0;
        let wanted = Wanted::new(&request.consistency_token, request.allow_stale, deadline);
        let view = Arc::new(freshness::view(&sources.orders, wanted).await?);
        let scanned = Arc::clone(&view);
        let (count, limited) = blocking(move || scan::count(&scanned, &filter, limit))
            .await?
            .map_err(fault::view)?;
        let reply = v1::CountOrdersResponse {
            count: i64::try_from(count).unwrap_or(i64::MAX),
            limited,
            read_token: freshness::read_token(&view),
        };
        Ok(sources.reply(&sources.orders, &view, reply))
    }
}

impl Sources {
    /// One page of a list: the orders, and where the next page begins.
    async fn list(
        &self,
        view: &Arc<View>,
        filter: Filter,
        by: OrderBy,
        from: (Option<Cursor>, usize),
        mask: &Mask,
    ) -> Result<(Vec<v1::Order>, Option<Cursor>), Status> {
        let filter = Arc::new(filter);
        let (scanned, wanted) = (Arc::clone(view), Arc::clone(&filter));
        let found = blocking(move || scan::find(&scanned, &wanted, by, from.0.as_ref(), from.1));
        let Found { orders, next } = found.await?.map_err(|refused| match refused {
            Refused::View(error) => fault::view(error),
            Refused::TooMany { index } => too_many(index, by),
        })?;
        let ids = orders.iter().map(|at| order_id(&at.id, "order_id"));
        let ids: Vec<OrderId> = ids.collect::<Result<_, _>>()?;
        let rows = self.rows(view, ids.into(), Some(filter), mask).await?;
        if rows.served < orders.len() {
            let last = rows.served.checked_sub(1);
            return Ok((rows.orders, last.and_then(|last| orders.get(last).cloned())));
        }
        Ok((rows.orders, next))
    }

    /// Ids of the orders that have a reference, newest first.
    async fn find_reference(&self, view: &Arc<View>, key: Key) -> Result<Vec<OrderId>, Status> {
        let view = Arc::clone(view);
        blocking(move || find_reference(&view, &key)).await?
    }
}

/// A filter and a sort order that no index serves together.
fn too_many(index: &str, by: OrderBy) -> Status {
    let rule = format!(
        "place_time for this filter, or the filter narrower: sorting by {} what the index of \
         {index} gives takes more than {} entries",
        by.sort.name(),
        scan::MAX_ENTRIES,
    );
    fault::invalid("FILTER_UNSUPPORTED", "order_by", &rule)
}

/// A valid reference, and the field it came in.
fn reference(key: &Key) -> Result<&str, Status> {
    match key {
        Key::PspReference(text) => value::PspReference::new(text)
            .map_err(|rule| fault::field("psp_reference", rule.0))
            .map(|_valid| text.as_str()),
        Key::TrackingNumber(text) => match value::Text::new(text) {
            Ok(valid) if !valid.is_empty() => Ok(text),
            Ok(_empty) => Err(fault::field("tracking_number", "given")),
            Err(rule) => Err(fault::field("tracking_number", rule.0)),
        },
    }
}

/// The newest orders with a reference. The index holds references of both kinds; the rows tell
/// which they are.
fn find_reference(view: &View, key: &Key) -> Result<Vec<OrderId>, Status> {
    let (field, text) = match key {
        Key::PspReference(text) => ("psp_reference", text),
        Key::TrackingNumber(text) => ("tracking_number", text),
    };
    let prefix = keys::Key::new(keys::REFERENCE).text(text).into_bytes();
    let mut found = Vec::new();
    for (entry, looked_at) in view.prefix(&prefix).rev().zip(1..) {
        if found.len() == MAX_IDS {
            break;
        }
        if looked_at > scan::MAX_ENTRIES {
            let rule = format!("one of at most {} orders", scan::MAX_ENTRIES);
            return Err(fault::invalid("FILTER_UNSUPPORTED", field, &rule));
        }
        let (entry, _) = entry.map_err(fault::view)?;
        let mut parts = keys::Parts::of(&entry);
        let (_reference, _time) = (parts.text(), parts.number());
        let id = parts.rest().unwrap_or_default();
        // The order may have moved between the two reads.
        let Some(row) = view.get(&keys::row(id)).map_err(fault::view)? else {
            continue;
        };
        let row = Row::decode(&row).map_err(fault::view)?;
        if has_reference(&row.order, key) {
            found.push(row.order_id);
        }
    }
    Ok(found)
}

fn has_reference(order: &Order, key: &Key) -> bool {
    match key {
        Key::PspReference(text) => {
            let mut payments = order.payments.iter();
            payments.any(|payment| payment.psp_reference.as_str() == text)
        }
        Key::TrackingNumber(text) => {
            let mut shipments = order.shipments.iter();
            shipments.any(|shipment| shipment.tracking_number.as_str() == text)
        }
    }
}

fn order_ids(texts: &[String]) -> Result<Vec<OrderId>, Status> {
    if texts.is_empty() || texts.len() > MAX_IDS {
        return Err(fault::field("order_ids", "1 to 1000 ids"));
    }
    let mut ids = Vec::with_capacity(texts.len());
    let mut violations = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match OrderId::new(text) {
            Ok(id) => ids.push(id),
            Err(rule) => violations.push(fault::violation(&format!("order_ids[{index}]"), rule.0)),
        }
    }
    fault::fields(&violations).map(|()| ids)
}

pub(crate) fn order_id(text: &str, field: &str) -> Result<OrderId, Status> {
    OrderId::new(text).map_err(|rule| fault::field(field, rule.0))
}

/// Runs a scan where blocking is fine.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.map_err(fault::view)
}
