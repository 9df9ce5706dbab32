//! Orders by their ids, as callers are shown them.

use std::sync::Arc;

use bytes::Bytes;
use order::value::OrderId;
use read_model::View;

use crate::Sources;
use crate::blocking::blocking;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::mask::Mask;
use crate::served::Held;

/// A reply ends early here, below the 4 MiB at which common clients refuse one.
pub(crate) const REPLY_BYTES: usize = 3 << 20;
/// Most rows read in one go, and most bytes of them: what is in memory beside the reply.
const CHUNK_ROWS: usize = 64;
const CHUNK_BYTES: usize = 1 << 20;

/// What was found of some ids.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// In the order of the ids.
    pub(crate) orders: Vec<Bytes>,
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
    ) -> Result<Option<Bytes>, Failure> {
        match Held::find(view, order_id)? {
            Some(held) => self.show(view, order_id, held, mask).await.map(Some),
            None => Ok(None),
        }
    }

    /// The orders of these ids, until the reply is full; the first always fits. With `filter`, an
    /// order that stopped matching since its index was read is left out.
    pub(crate) async fn rows(
        &self,
        view: &Arc<View>,
        ids: Arc<[OrderId]>,
        filter: Option<Arc<Filter>>,
        mask: &Mask,
    ) -> Result<Rows, Failure> {
        let mut rows = Rows::default();
        let mut bytes = 0;
        while rows.served < ids.len() {
            let (scanned, wanted, from) = (Arc::clone(view), Arc::clone(&ids), rows.served);
            let chunk = blocking(move || find_some(&scanned, &wanted, from)).await?;
            for held in chunk {
                let Some(id) = ids.get(rows.served) else {
                    break;
                };
                if let Some(held) = held {
                    let filter = filter.as_deref();
                    let matches = match filter {
                        Some(filter) => held.still_matches(view, filter)?,
                        None => true,
                    };
                    if matches {
                        let order = self.show(view, id, held, mask).await?;
                        bytes += order.len();
                        if bytes > REPLY_BYTES && !rows.orders.is_empty() {
                            return Ok(rows);
                        }
                        rows.orders.push(order);
                    }
                } else {
                    rows.missing.push(id.clone());
                }
                rows.served += 1;
            }
        }
        Ok(rows)
    }
}

/// Rows of the ids from `from` on, at least one.
fn find_some(view: &View, ids: &[OrderId], from: usize) -> Result<Vec<Option<Held>>, Failure> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for id in ids.iter().skip(from).take(CHUNK_ROWS) {
        let held = Held::find(view, id)?;
        bytes += held.as_ref().map_or(0, Held::bytes);
        chunk.push(held);
        if bytes >= CHUNK_BYTES {
            break;
        }
    }
    Ok(chunk)
}
