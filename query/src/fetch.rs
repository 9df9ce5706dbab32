//! Rows by their ids, as callers are shown them.

use std::sync::Arc;

use order::Order;
use order::value::OrderId;
use prost::Message as _;
use proto::row::{InvalidRow, Row};
use proto::{api, v1};
use read_model::{Cover, Error, Parked, View, keys};
use tonic::Status;

use crate::filter::Filter;
use crate::mask::Mask;
use crate::orders::blocking;
use crate::{Sources, fault};

/// A reply ends early here, below the 4 MiB at which common clients refuse one.
pub(crate) const REPLY_BYTES: usize = 3 << 20;
/// Most rows read in one go, and most bytes of them: what is in memory beside the reply.
const CHUNK_ROWS: usize = 64;
const CHUNK_BYTES: usize = 1 << 20;

/// What a view holds of an order.
struct Seen {
    /// `None`: parked before its first commit could be folded.
    order: Option<Order>,
    /// Why it may be behind its log; empty when it is not.
    degraded: String,
    bytes: usize,
}

/// Why a row is not shown.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    View(#[from] Error),
    #[error(transparent)]
    Row(#[from] InvalidRow),
}

/// What was found of some ids.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// In the order of the ids.
    pub(crate) orders: Vec<v1::Order>,
    pub(crate) missing: Vec<OrderId>,
    /// How many of the ids were looked at; the rest no longer fits into a reply.
    pub(crate) served: usize,
}

impl Sources {
    /// The order as the view has it. One point read: not worth a thread of its own.
    pub(crate) async fn newest(
        &self,
        view: &View,
        order_id: &OrderId,
        mask: &Mask,
    ) -> Result<Option<v1::Order>, Status> {
        match look(view, order_id).map_err(fault::view)? {
            Some(seen) => self.show(order_id, seen, mask).await.map(Some),
            None => Ok(None),
        }
    }

    /// The orders of these ids, until the reply is full; the first always fits. With `still`, an
    /// order that stopped matching since its index was read is left out.
    pub(crate) async fn rows(
        &self,
        view: &Arc<View>,
        ids: Arc<[OrderId]>,
        still: Option<Arc<Filter>>,
        mask: &Mask,
    ) -> Result<Rows, Status> {
        let mut rows = Rows::default();
        let mut bytes = 0;
        while rows.served < ids.len() {
            let (scanned, wanted, from) = (Arc::clone(view), Arc::clone(&ids), rows.served);
            let chunk = blocking(move || look_at_some(&scanned, &wanted, from)).await?;
            for seen in chunk.map_err(fault::view)? {
                let Some(id) = ids.get(rows.served) else {
                    break;
                };
                match seen {
                    None => rows.missing.push(id.clone()),
                    Some(seen) if !still.as_deref().is_none_or(|filter| matches(filter, &seen)) => {
                    }
                    Some(seen) => {
                        let order = self.show(id, seen, mask).await?;
                        bytes += order.encoded_len();
                        if bytes > REPLY_BYTES && !rows.orders.is_empty() {
                            return Ok(rows);
                        }
                        rows.orders.push(order);
                    }
                }
                rows.served += 1;
            }
        }
        Ok(rows)
    }

    async fn show(&self, order_id: &OrderId, seen: Seen, mask: &Mask) -> Result<v1::Order, Status> {
        let degraded = seen.degraded;
        let Some(mut order) = seen.order else {
            return Ok(mask.apply(v1::Order {
                order_id: order_id.to_string(),
                degraded,
                ..v1::Order::default()
            }));
        };
        // The key may live on for a moment after the erasure was recorded.
        if !order.personal_data_erased {
            self.open_order(order_id.as_str(), &mut order, mask).await?;
        }
        Ok(mask.apply(v1::Order {
            degraded,
            ..api::order(order_id, &order)
        }))
    }
}

fn look(view: &View, order_id: &OrderId) -> Result<Option<Seen>, Unreadable> {
    let id = order_id.as_str();
    let degraded = view.get(&keys::parked(id))?.map(|bytes| {
        Parked::decode(&bytes).map_or_else(|| "parked".to_owned(), |parked| parked.explain())
    });
    let Some(bytes) = view.get(&keys::row(id))? else {
        return Ok(degraded.map(|degraded| Seen {
            order: None,
            degraded,
            bytes: 0,
        }));
    };
    Ok(Some(Seen {
        order: Some(Row::decode(&bytes)?.order),
        degraded: degraded.unwrap_or_default(),
        bytes: bytes.len(),
    }))
}

/// Rows of the ids from `from` on, at least one.
fn look_at_some(
    view: &View,
    ids: &[OrderId],
    from: usize,
) -> Result<Vec<Option<Seen>>, Unreadable> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for id in ids.iter().skip(from).take(CHUNK_ROWS) {
        let seen = look(view, id)?;
        bytes += seen.as_ref().map_or(0, |seen| seen.bytes);
        chunk.push(seen);
        if bytes >= CHUNK_BYTES {
            break;
        }
    }
    Ok(chunk)
}

fn matches(filter: &Filter, seen: &Seen) -> bool {
    let order = seen.order.as_ref();
    order.is_some_and(|order| filter.matches(&Cover::of(order)) && filter.matches_row(order))
}
