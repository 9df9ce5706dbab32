//! The projection `orders`: an index for every way in which orders are looked for.

use order::Order;
use order::value::Timestamp;
use read_model::Cover;
use read_model::keys::{self, Key, deadline};

use super::keys::Entries;
use super::{Change, Keys, Projection};

/// Look-up indexes over the rows of all orders.
#[derive(Clone, Copy, Debug)]
pub struct Orders;

impl Projection for Orders {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn project(&self, change: &Change<'_>, keys: &mut Keys) {
        let before = change.before.map(|order| indexes(change.order_id, order));
        let after = indexes(change.order_id, change.after);
        keys.replace(before.unwrap_or_default(), after);
    }
}

/// Every index key of an order, with what it covers.
fn indexes(order_id: &str, order: &Order) -> Entries {
    let cover = Cover::of(order);
    let mut entries = Entries::new();
    let encoded = cover.encode();
    let mut add = |key: Key, value: &[u8]| {
        let key = key.raw(order_id.as_bytes()).into_bytes();
        entries.insert(key, value.to_vec());
    };
    by_time(order, &mut |key| add(key, &encoded));
    by_attribute(order, &cover, &mut |key| add(key, &encoded));
    add(
        Key::new(keys::CREATED).time(order.create_time.micros()),
        &[],
    );
    let total = Key::new(keys::TOTAL).raw(&cover.currency);
    add(total.time(cover.total), &[]);
    for (due, kind) in deadlines(order) {
        add(Key::new(keys::DEADLINE).time(due).byte(kind), &[]);
    }
    if order.personal_data_erased {
        add(Key::new(keys::ERASED), &[]);
    }
    entries
}

/// When an order was placed, or, as long as it was not, created.
fn time(order: &Order) -> i64 {
    let placed: Option<Timestamp> = order.place_time;
    placed.unwrap_or(order.create_time).micros()
}

/// The indexes in which every order stands.
fn by_time(order: &Order, add: &mut impl FnMut(Key)) {
    let primary = if order.place_time.is_some() {
        keys::PLACED
    } else {
        keys::NEVER_PLACED
    };
    add(Key::new(primary).time(time(order)));
    add(Key::new(keys::UPDATED).time(order.update_time.micros()));
}

/// The indexes by what an order is or has, each by time.
fn by_attribute(order: &Order, cover: &Cover, add: &mut impl FnMut(Key)) {
    let time = time(order);
    let [state, payment, fulfillment, _] = cover.states;
    let states = Key::new(keys::STATES).byte(state).byte(payment);
    add(states.byte(fulfillment).time(time));
    if let Some(customer) = &order.customer.id {
        add(Key::new(keys::CUSTOMER).text(customer.as_str()).time(time));
    }
    for reason in &order.holds {
        add(Key::new(keys::HOLD)
            .byte(read_model::hold(*reason))
            .time(time));
    }
    for tag in &order.tags {
        add(Key::new(keys::TAG).text(tag.as_str()).time(time));
    }
    for reference in references(order) {
        add(Key::new(keys::REFERENCE).text(reference).time(time));
    }
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
