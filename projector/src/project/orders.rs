//! The projection `orders`: an index for every way in which orders are looked for.

use std::collections::BTreeMap;

use order::Order;
use proto::commit::Commit;
use read_model::keys::{self, Key, deadline};
use read_model::{Cover, Error};

use super::{Batch, Projection};

/// Look-up indexes over the rows of all orders.
#[derive(Clone, Copy, Debug)]
pub struct Orders;

impl Projection for Orders {
    type Before = BTreeMap<Vec<u8>, Vec<u8>>;

    fn name(&self) -> &'static str {
        "orders"
    }

    fn schema(&self) -> u32 {
        2
    }

    fn before(&self, order_id: &str, order: &Order) -> Self::Before {
        indexes(order_id, order)
    }

    fn project(
        &self,
        before: Option<Self::Before>,
        order: &Order,
        commit: &Commit,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let before = before.unwrap_or_default();
        let after = indexes(commit.order_id.as_str(), order);
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            batch.delete(key.clone());
        }
        for (key, value) in after {
            if before.get(&key) != Some(&value) {
                batch.put(key, value);
            }
        }
        Ok(())
    }
}

/// Every index key of an order, with what it covers.
fn indexes(order_id: &str, order: &Order) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let id = order_id.as_bytes();
    let cover = Cover::of(order);
    let states = cover.states;
    let time = order.place_time.unwrap_or(order.create_time).micros();
    let encoded = cover.encode();
    let mut keys = BTreeMap::new();
    let primary = if order.place_time.is_some() {
        keys::PLACED
    } else {
        keys::NEVER_PLACED
    };
    keys.insert(
        Key::new(primary).time(time).raw(id).into_bytes(),
        encoded.clone(),
    );
    if let Some(customer) = &order.customer.id {
        let key = Key::new(keys::CUSTOMER)
            .text(customer.as_str())
            .time(time)
            .raw(id);
        keys.insert(key.into_bytes(), encoded.clone());
    }
    let key = states[..3]
        .iter()
        .fold(Key::new(keys::STATES), |key, &state| key.byte(state));
    keys.insert(key.time(time).raw(id).into_bytes(), encoded.clone());
    for reason in &order.holds {
        let key = Key::new(keys::HOLD)
            .byte(read_model::hold(*reason))
            .time(time)
            .raw(id);
        keys.insert(key.into_bytes(), encoded.clone());
    }
    for tag in &order.tags {
        let key = Key::new(keys::TAG).text(tag.as_str()).time(time).raw(id);
        keys.insert(key.into_bytes(), encoded.clone());
    }
    for reference in references(order) {
        keys.insert(
            Key::new(keys::REFERENCE)
                .text(reference)
                .time(time)
                .raw(id)
                .into_bytes(),
            encoded.clone(),
        );
    }
    for (due, kind) in deadlines(order) {
        keys.insert(
            Key::new(keys::DEADLINE)
                .time(due)
                .byte(kind)
                .raw(id)
                .into_bytes(),
            Vec::new(),
        );
    }
    if order.personal_data_erased {
        keys.insert(Key::new(keys::ERASED).raw(id).into_bytes(), Vec::new());
    }
    keys
}

fn references(order: &Order) -> impl Iterator<Item = &str> {
    let payments = order
        .payments
        .iter()
        .map(|payment| payment.psp_reference.as_str());
    let parcels = order
        .shipments
        .iter()
        .map(|shipment| shipment.tracking_number.as_str());
    payments
        .chain(parcels)
        .filter(|reference| !reference.is_empty())
}

/// What must be looked at when its time has come: an unpaid order, an authorisation that lapses.
fn deadlines(order: &Order) -> Vec<(i64, u8)> {
    let unpaid = order
        .unpaid_due_time()
        .map(|due| (due.micros(), deadline::PAYMENT_DUE));
    let open = order
        .payments
        .iter()
        .filter(|payment| !payment.open().is_zero());
    let lapses = open
        .filter_map(|payment| payment.expire_time)
        .map(|expires| (expires.micros(), deadline::AUTHORIZATION_EXPIRES));
    unpaid.into_iter().chain(lapses).collect()
}
