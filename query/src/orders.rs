//! `OrderQueryService`.

use std::sync::Arc;

use event_store::{Consistency, StreamId};
use order::value::OrderId;
use order::{Order, value};
use prost::Message as _;
use proto::commit::{self, Commit};
use proto::row::Row;
use proto::v1;
use proto::v1::order_query_service_server::OrderQueryService;
use proto::{api, error};
use read_model::{Parked, View, keys};
use tonic::{Code, Request, Response, Status};

use crate::filter::{Filter, OrderBy};
use crate::freshness::{self, Wanted};
use crate::mask::Mask;
use crate::page::{self, Cursor};
use crate::scan::{self, Found, Refused};
use crate::{QueryService, Sources, fault, time};

/// Most ids of one BatchGetOrders.
const MAX_IDS: usize = 1_000;
/// A reply ends early here, below the 4 MiB at which common clients refuse one.
const REPLY_BYTES: usize = 3 << 20;
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
        let sources = &self.0;
        let wanted = Wanted {
            token: &request.consistency_token,
            allow_stale: request.allow_stale,
            deadline,
        };
        let view = freshness::view(&sources.orders, wanted).await?;
        let order = match request.as_of {
            None => sources.newest(&view, &order_id, &mask).await?,
            Some(as_of) => Some(sources.as_of(&order_id, as_of, &mask).await?),
        };
        let order = order.ok_or_else(|| fault::not_found(order_id.as_str()))?;
        let reply = v1::GetOrderResponse {
            order: Some(mask.apply(order)),
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
        if request.order_ids.is_empty() || request.order_ids.len() > MAX_IDS {
            return Err(fault::field("order_ids", "1 to 1000 ids"));
        }
        let ids = request.order_ids.iter().enumerate();
        let ids: Vec<OrderId> = ids
            .map(|(index, id)| order_id(id, &format!("order_ids[{index}]")))
            .collect::<Result<_, _>>()?;
        let mask = Mask::parse(request.read_mask)?;
        let sources = &self.0;
        let wanted = Wanted {
            token: &request.consistency_token,
            allow_stale: request.allow_stale,
            deadline,
        };
        let view = freshness::view(&sources.orders, wanted).await?;
        let mut reply = v1::BatchGetOrdersResponse {
            read_token: freshness::read_token(&view),
            ..v1::BatchGetOrdersResponse::default()
        };
        let mut bytes = 0;
        for id in ids {
            if bytes >= REPLY_BYTES {
                reply.unserved_ids.push(id.to_string());
                continue;
            }
            match sources.newest(&view, &id, &mask).await? {
                None => reply.missing_ids.push(id.to_string()),
                Some(order) => {
                    let order = mask.apply(order);
                    bytes += order.encoded_len();
                    reply.orders.push(order);
                }
            }
        }
        Ok(sources.reply(&sources.orders, &view, reply))
    }

    async fn lookup_order(
        &self,
        request: Request<v1::LookupOrderRequest>,
    ) -> Result<Response<v1::LookupOrderResponse>, Status> {
        use v1::lookup_order_request::Key;
        let deadline = freshness::deadline(request.metadata());
        let request = request.into_inner();
        let reference = match &request.key {
            Some(Key::PspReference(text) | Key::TrackingNumber(text)) => text.clone(),
            None => return Err(fault::field("key", "psp_reference or tracking_number")),
        };
        if reference.is_empty() || reference.len() > 512 {
            return Err(fault::field("key", "1 to 512 bytes"));
        }
        let sources = &self.0;
        let wanted = Wanted {
            token: &request.consistency_token,
            allow_stale: request.allow_stale,
            deadline,
        };
        let view = freshness::view(&sources.orders, wanted).await?;
        let ids = find_reference(&view, &reference)?;
        let mut orders = Vec::new();
        for id in &ids {
            orders.extend(sources.newest(&view, id, &Mask::default()).await?);
        }
        let time = |order: &v1::Order| order.create_time.as_ref().map(|t| (t.seconds, t.nanos));
        orders.sort_by(|a, b| time(b).cmp(&time(a)).then(a.order_id.cmp(&b.order_id)));
        let several = orders.len() > 1;
        let order_ids = orders
            .iter()
            .filter(|_| several)
            .map(|o| o.order_id.clone())
            .collect();
        let order = orders
            .into_iter()
            .next()
            .ok_or_else(|| fault::not_found(""))?;
        let read_token = freshness::read_token(&view);
        let reply = v1::LookupOrderResponse {
            order: Some(order),
            read_token,
            order_ids,
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
        let wanted = Wanted {
            token: &request.consistency_token,
            allow_stale: request.allow_stale,
            deadline,
        };
        let view = Arc::new(freshness::view(&sources.orders, wanted).await?);
        let (orders, next) = sources
            .list(&view, filter, by, cursor, limit, &mask)
            .await?;
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
            Ok(limit) => limit.min(scan::BUDGET * 10),
            Err(_negative) => return Err(fault::field("limit", "0 or more")),
        };
        let filter = Filter::parse(request.filter)?;
        let sources = &self.0;
        let wanted = Wanted {
            token: &request.consistency_token,
            allow_stale: request.allow_stale,
            deadline,
        };
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
    /// The order as the view has it.
    async fn newest(
        &self,
        view: &View,
        order_id: &OrderId,
        mask: &Mask,
    ) -> Result<Option<v1::Order>, Status> {
        let id = order_id.as_str();
        let degraded = view.get(&keys::parked(id)).map_err(fault::view)?;
        let degraded = degraded.map(|bytes| {
            Parked::decode(&bytes).map_or_else(|| "parked".to_owned(), |parked| parked.explain())
        });
        let Some(bytes) = view.get(&keys::row(id)).map_err(fault::view)? else {
            return Ok(degraded.map(|degraded| v1::Order {
                order_id: id.to_owned(),
                degraded,
                ..v1::Order::default()
            }));
        };
        let Row { mut order, .. } = Row::decode(&bytes).map_err(fault::view)?;
        if mask.wants_personal() {
            self.open_order(id, &mut order).await?;
        }
        let shown = api::order(order_id, &order);
        Ok(Some(v1::Order {
            degraded: degraded.unwrap_or_default(),
            ..shown
        }))
    }

    /// The order as it was, folded from the log: exact, whatever the view holds.
    async fn as_of(
        &self,
        order_id: &OrderId,
        as_of: v1::get_order_request::AsOf,
        mask: &Mask,
    ) -> Result<v1::Order, Status> {
        use v1::get_order_request::AsOf;
        let commits = self.commits(order_id).await?;
        let mut order = None;
        match as_of {
            AsOf::Version(version) => {
                let version = u64::try_from(version).ok().filter(|version| *version >= 1);
                let version = version.ok_or_else(|| fault::field("version", "1 or more"))?;
                for commit in &commits {
                    apply_up_to(&mut order, commit, version);
                }
                let reached = order.as_ref().map_or(0, |order| order.version);
                if reached < version {
                    return Err(ahead(reached));
                }
            }
            AsOf::Time(asked) => {
                let until = value::Timestamp::from_micros(time::micros(&asked, "time")?);
                for commit in commits.iter().filter(|commit| commit.record_time <= until) {
                    commit::apply(&mut order, commit);
                }
            }
        }
        let mut order: Order = order.ok_or_else(|| fault::not_found(order_id.as_str()))?;
        if mask.wants_personal() {
            self.open_order(order_id.as_str(), &mut order).await?;
        }
        Ok(api::order(order_id, &order))
    }

    /// All commits of an order, from the log.
    pub(crate) async fn commits(&self, order_id: &OrderId) -> Result<Vec<Commit>, Status> {
        Ok(self
            .records(order_id)
            .await?
            .into_iter()
            .map(|(_, commit)| commit)
            .collect())
    }

    /// All commits of an order with their positions, oldest first.
    pub(crate) async fn records(
        &self,
        order_id: &OrderId,
    ) -> Result<Vec<((u32, u64), Commit)>, Status> {
        let stream = StreamId::new(order_id.as_str()).map_err(fault::view)?;
        let records = self
            .log
            .read_stream(&stream, None, Consistency::Latest)
            .await;
        let records = records.map_err(fault::log)?;
        if records.is_empty() {
            return Err(fault::not_found(order_id.as_str()));
        }
        let decode = |record: event_store::Record| {
            let commit = commit::decode(&record.payload).map_err(fault::unreadable)?;
            Ok((
                (record.position.partition, record.position.sequence),
                commit,
            ))
        };
        records.into_iter().map(decode).collect()
    }

    async fn list(
        &self,
        view: &Arc<View>,
        filter: Filter,
        by: OrderBy,
        cursor: Option<Cursor>,
        limit: usize,
        mask: &Mask,
    ) -> Result<(Vec<v1::Order>, Option<Cursor>), Status> {
        let scanned = Arc::clone(view);
        let found = blocking(move || scan::find(&scanned, &filter, by, cursor.as_ref(), limit));
        let Found {
            orders: found,
            mut next,
        } = found.await?.map_err(|refused| match refused {
            Refused::View(error) => fault::view(error),
            Refused::TooMany => fault::invalid(
                "FILTER_UNSUPPORTED",
                "order_by",
                "place_time for a filter that matches this many orders; or narrow the filter",
            ),
        })?;
        let mut orders = Vec::with_capacity(found.len());
        let mut bytes = 0;
        for at in found {
            let id = order_id(&at.id, "order_id")?;
            // An entry whose row is gone was moved by the projector meanwhile.
            if let Some(order) = self.newest(view, &id, mask).await? {
                let order = mask.apply(order);
                bytes += order.encoded_len();
                orders.push(order);
            }
            if bytes >= REPLY_BYTES {
                next = Some(at);
                break;
            }
        }
        Ok((orders, next))
    }
}

fn apply_up_to(order: &mut Option<Order>, commit: &Commit, version: u64) {
    let left = version.saturating_sub(order.as_ref().map_or(0, |order| order.version));
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    for event in commit.events.iter().take(left) {
        order::evolve(order, event, commit.occur_time);
    }
    if left > 0
        && let Some(order) = order
    {
        order.committed(commit.record_time);
    }
}

fn ahead(current: u64) -> Status {
    error::status(
        Code::OutOfRange,
        "VERSION_AHEAD",
        &format!("the order is at version {current}"),
        [("current_version", current.to_string())],
    )
}

fn find_reference(view: &View, reference: &str) -> Result<Vec<OrderId>, Status> {
    let prefix = keys::Key::new(keys::REFERENCE).text(reference).into_bytes();
    let mut ids = Vec::new();
    for entry in view.prefix(&prefix).take(MAX_IDS) {
        let (key, _) = entry.map_err(fault::view)?;
        let id = key
            .get(prefix.len()..)
            .and_then(|id| std::str::from_utf8(id).ok());
        ids.extend(id.and_then(|id| OrderId::new(id).ok()));
    }
    Ok(ids)
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
