//! The snapshot of a watch: all orders that match, each as it was at the position of one checkpoint.
//!
//! The rows are read in the order of their ids, which never moves, so that none is missed and none
//! comes twice. A row that moved past the checkpoint meanwhile is folded from the log up to it.

use std::ops::Bound;
use std::sync::Arc;

use event_store::Position;
use order::Order;
use order::value::OrderId;
use proto::row::Row;
use proto::v1;
use proto::v1::watch_orders_response::What;
use read_model::{View, keys};

use super::folded;
use super::follow::Follower;
use super::queue::NotTaken;
use crate::blocking::blocking;
use crate::failure::Failure;
use crate::served::{DEGRADED, damaged, degraded};

/// Rows read in one go, and most bytes of them.
const CHUNK_ROWS: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;

impl Follower {
    pub(super) async fn send_snapshot(&mut self, view: Arc<View>) -> Result<(), NotTaken> {
        let mut last = None;
        loop {
            let (scanned, from) = (Arc::clone(&view), last.clone());
            let rows = blocking(move || some_rows(&scanned, from)).await?;
            let Some(row) = rows.last() else {
                return Ok(());
            };
            last = Some(row.row.order_id.clone());
            for row in rows {
                if let Some(order) = self.as_of_snapshot(row).await? {
                    self.send(What::Snapshot(order)).await?;
                }
            }
        }
    }

    /// The order of a row as of the snapshot, if it matches.
    async fn as_of_snapshot(&self, held: HeldRow) -> Result<Option<v1::Order>, Failure> {
        let HeldRow { row, degraded } = held;
        let bookmark = &self.token().bookmark;
        let (partition, sequence) = row.position;
        let is_later = sequence > bookmark.sequence(partition);
        let order = if is_later {
            let until = |at: Position| at.sequence <= bookmark.sequence(at.partition);
            folded::as_of(&self.sources, &row.order_id, until).await?
        } else {
            Some(row.order)
        };
        let matches = |order: &Order| self.asked.filter.matches_order(&row.order_id, order);
        let Some(order) = order.filter(matches) else {
            return Ok(None);
        };
        let erased = order.personal_data_erased;
        let mut shown = self.show(&row.order_id, order, async || Ok(erased)).await?;
        if self.asked.mask.wants(DEGRADED) {
            shown.degraded = degraded;
        }
        Ok(Some(shown))
    }
}

/// A row, and why it may be behind its log.
struct HeldRow {
    row: Row,
    degraded: String,
}

/// The rows after an order, at least one unless there is none.
fn some_rows(view: &View, after: Option<OrderId>) -> Result<Vec<HeldRow>, Failure> {
    let low = match after {
        Some(id) => Bound::Excluded(keys::row(id.as_str())),
        None => Bound::Included(vec![keys::ROW]),
    };
    let high = keys::after(&[keys::ROW]).map_or(Bound::Unbounded, Bound::Excluded);
    let mut rows = Vec::new();
    let mut bytes = 0;
    for entry in view.range((low, high)) {
        let (_, value) = entry?;
        bytes += value.len();
        let row = Row::decode(&value).map_err(|error| damaged(view, &error))?;
        let degraded = degraded(view, &row.order_id)?.unwrap_or_default();
        rows.push(HeldRow { row, degraded });
        if rows.len() == CHUNK_ROWS || bytes >= CHUNK_BYTES {
            break;
        }
    }
    Ok(rows)
}
