//! An order as the read model holds it, and as a caller is shown it: the stored bytes as they are,
//! with the fields that may hold personal data put in at the edge.

use std::fmt::Display;

use bytes::Bytes;
use order::value::OrderId;
use prost::Message as _;
use proto::row::{InvalidRow, Row, Stored};
use proto::{api, v1};
use read_model::{Parked, View, keys};

use crate::Sources;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::mask::Mask;
use crate::personal::{CUSTOMER, SHIPPING_ADDRESS};
use crate::wire;

/// Number of the field of `Order` that says why it may be behind its log.
pub(crate) const DEGRADED: u32 = 2;
/// Number of the field of `Order` that says whether its personal data is gone.
const ERASED: u32 = 29;

/// What the read model holds of an order.
pub(crate) struct Held {
    /// The row; `None`: parked before its first commit could be folded.
    row: Option<Vec<u8>>,
    /// Why it may be behind its log; empty when it is not.
    degraded: String,
}

impl Held {
    /// `None`: there is no such order.
    pub(crate) fn find(view: &View, order_id: &OrderId) -> Result<Option<Self>, Failure> {
        let degraded = degraded(view, order_id)?;
        let row = view.get(&keys::row(order_id.as_str()))?;
        if row.is_none() && degraded.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            row,
            degraded: degraded.unwrap_or_default(),
        }))
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.row.as_ref().map_or(0, Vec::len)
    }

    /// Whether the order, found by an index, matches still. A row that did not change since the
    /// view's checkpoint was read is the one that the index entry is of.
    pub(crate) fn still_matches(&self, view: &View, filter: &Filter) -> Result<bool, Failure> {
        let Some(bytes) = &self.row else {
            return Ok(false);
        };
        let row = Stored::of(bytes).map_err(|error| damaged(view, &error))?;
        let (partition, sequence) = row.position;
        let reached = view.checkpoint().partitions.get(&partition);
        if reached.is_some_and(|mark| mark.sequence >= sequence) {
            return Ok(true);
        }
        let row = Row::decode(bytes).map_err(|error| damaged(view, &error))?;
        Ok(filter.matches_order(&row.order_id, &row.order))
    }
}

/// Why an order may be behind its log; `None` when it is not.
pub(crate) fn degraded(view: &View, order_id: &OrderId) -> Result<Option<String>, Failure> {
    let parked = view.get(&keys::parked(order_id.as_str()))?;
    let explain = |bytes: Vec<u8>| {
        Parked::decode(&bytes).map_or_else(|| "parked".to_owned(), |parked| parked.explain())
    };
    Ok(parked.map(explain))
}

/// A value of the read model that makes no sense: told to the writer, which heals it.
pub(crate) fn damaged(view: &View, found: &dyn Display) -> Failure {
    view.report_damage(found);
    Failure::Damaged {
        cause: found.to_string(),
    }
}

impl Sources {
    /// The order as a caller is shown it.
    pub(crate) async fn show(
        &self,
        view: &View,
        order_id: &OrderId,
        held: Held,
        mask: &Mask,
    ) -> Result<Bytes, Failure> {
        let mut edge = v1::Order {
            degraded: held.degraded,
            ..v1::Order::default()
        };
        let Some(row) = held.row else {
            edge.order_id = order_id.to_string();
            return Ok(mask.apply(edge.encode_to_vec()));
        };
        let damaged = |error: InvalidRow| damaged(view, &error);
        let row = Stored::of(&row).map_err(damaged)?;
        if mask.wants(CUSTOMER) || mask.wants(SHIPPING_ADDRESS) {
            let mut customer = row.customer().map_err(damaged)?;
            let mut destination = row.destination().map_err(damaged)?;
            // The key may live on for a moment after the erasure was recorded.
            if !wire::has(row.order, ERASED) {
                self.open_parts(order_id.as_str(), &mut customer, &mut destination, mask)
                    .await?;
            }
            edge.customer = api::customer(&customer);
            edge.shipping_address = api::address(&destination);
        }
        // Fields of a message may stand in any order; each of these is complete.
        let mut order = Vec::with_capacity(row.order.len() + edge.encoded_len());
        order.extend_from_slice(row.order);
        edge.encode_raw(&mut order);
        Ok(mask.apply(order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_descriptor() {
        assert_eq!(crate::schema::numbers("degraded"), [DEGRADED]);
        assert_eq!(crate::schema::numbers("personal_data_erased"), [ERASED]);
    }
}
