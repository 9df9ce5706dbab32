//! LookupOrder: the orders of a payment reference or a tracking number.

use std::sync::Arc;

use order::value::{self, OrderId};
use proto::row::Stored;
use proto::v1::lookup_order_request::Key;
use proto::{served, v1};
use read_model::{View, keys};

use super::{MAX_IDS, order_id};
use crate::Sources;
use crate::blocking::blocking;
use crate::call::Query;
use crate::failure::Failure;
use crate::mask::Mask;
use crate::served::damaged;
use crate::{scan, schema, wire};

impl Query for v1::LookupOrderRequest {
    type Checked = Key;
    type Reply = served::LookupOrderResponse;

    fn freshness(&self) -> (String, bool) {
        (self.consistency_token.clone(), self.allow_stale)
    }

    fn check(self) -> Result<Key, Failure> {
        let key = self
            .key
            .ok_or_else(|| Failure::field("key", "psp_reference or tracking_number"))?;
        check_reference(&key).map(|()| key)
    }

    async fn answer(
        sources: &Sources,
        view: &Arc<View>,
        key: &Key,
    ) -> Result<Self::Reply, Failure> {
        let (scanned, key) = (Arc::clone(view), key.clone());
        let ids = blocking(move || find_reference(&scanned, &key)).await?;
        let order = match ids.first() {
            Some(newest) => sources.newest(view, newest, &Mask::default()).await?,
            None => None,
        };
        let several = ids.len() > 1;
        let order_ids = ids.iter().filter(|_| several).map(ToString::to_string);
        Ok(served::LookupOrderResponse {
            order: Some(order.ok_or_else(|| Failure::not_found(""))?),
            read_token: String::new(),
            order_ids: order_ids.collect(),
        })
    }

    fn read_token(reply: &mut Self::Reply) -> &mut String {
        &mut reply.read_token
    }
}

fn check_reference(key: &Key) -> Result<(), Failure> {
    match key {
        Key::PspReference(text) => value::PspReference::new(text)
            .map(drop)
            .map_err(|rule| Failure::field("psp_reference", rule.0)),
        Key::TrackingNumber(text) => match value::Text::new(text) {
            Ok(valid) if !valid.is_empty() => Ok(()),
            Ok(_empty) => Err(Failure::field("tracking_number", "given")),
            Err(rule) => Err(Failure::field("tracking_number", rule.0)),
        },
    }
}

/// The newest orders with a reference. The index holds references of both kinds; the rows tell
/// which they are.
fn find_reference(view: &View, key: &Key) -> Result<Vec<OrderId>, Failure> {
    let (field, path, text) = match key {
        Key::PspReference(text) => ("psp_reference", "payments.psp_reference", text),
        Key::TrackingNumber(text) => ("tracking_number", "shipments.tracking_number", text),
    };
    let path = schema::numbers(path);
    let prefix = keys::Key::new(keys::REFERENCE).text(text).into_bytes();
    let mut found = Vec::new();
    for (entry, looked_at) in view.prefix(&prefix).rev().zip(1..) {
        if found.len() == MAX_IDS {
            break;
        }
        if looked_at > scan::MAX_ENTRIES {
            let rule = format!("one of at most {} orders", scan::MAX_ENTRIES);
            return Err(Failure::invalid("FILTER_UNSUPPORTED", field, &rule));
        }
        let (entry, _) = entry?;
        let mut parts = keys::Parts::of(&entry);
        let (_reference, _time) = (parts.text(), parts.number());
        let id = parts.rest().unwrap_or_default();
        // The order may have moved between the two reads.
        let Some(row) = view.get(&keys::row(id))? else {
            continue;
        };
        let row = Stored::of(&row).map_err(|error| damaged(view, &error))?;
        if wire::has_text(row.order, &path, std::slice::from_ref(text)) {
            found.push(order_id(id, "order_id")?);
        }
    }
    Ok(found)
}
