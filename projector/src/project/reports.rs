//! The projection `reports`: counters by time, SKU and state.
//!
//! Each amount counts in the UTC hour of its own event's `occur_time`. Only orders that were placed
//! count; a draft that is cancelled was never worth anything.

use order::event::LineValue;
use order::value::{Currency, OrderState};
use order::{Event, Order};
use read_model::counters::{DAY, HOUR, Revenue, Sales, Stage};
use read_model::keys::{self, Key};
use read_model::{fulfillment, payment, state};

use super::{Change, Keys, Projection};

/// Roll-ups over all orders.
#[derive(Clone, Copy, Debug)]
pub struct Reports;

impl Projection for Reports {
    fn name(&self) -> &'static str {
        "reports"
    }

    fn project(&self, change: &Change<'_>, keys: &mut Keys) {
        count_states(change, keys);
        count_funnel(change, keys);
        let counted = Counted {
            order: change.after,
            time: change.commit.occur_time.micros(),
        };
        for event in &change.commit.events {
            counted.count(event, keys);
        }
    }
}

fn states(order: &Order) -> [u8; 3] {
    [
        state(order.state),
        payment(order.payment_state()),
        fulfillment(order.fulfillment_state()),
    ]
}

fn count_states(change: &Change<'_>, keys: &mut Keys) {
    let (before, after) = (change.before.map(states), states(change.after));
    if before == Some(after) {
        return;
    }
    let key = |states: [u8; 3]| {
        let key = states
            .iter()
            .fold(Key::new(keys::STATE_COUNT), |key, &state| key.byte(state));
        key.text(channel(change.after)).into_bytes()
    };
    if let Some(before) = before {
        keys.add(key(before), [-1]);
    }
    keys.add(key(after), [1]);
}

fn count_funnel(change: &Change<'_>, keys: &mut Keys) {
    let before = change.before.map(reached).unwrap_or_default();
    let day = change.after.create_time.micros() / DAY;
    for (stage, (was, is)) in (0_u8..).zip(before.into_iter().zip(reached(change.after))) {
        if is && !was {
            keys.add(
                Key::new(keys::FUNNEL).time(day).byte(stage).into_bytes(),
                [1],
            );
        }
    }
}

/// Which stages an order has reached, by number. None is ever reached twice, so that the counters,
/// which only grow, count an order once: what is captured never shrinks, what is owed never grows,
/// and a cancelled order, which is no longer paid, stays cancelled.
fn reached(order: &Order) -> [bool; 8] {
    let totals = order.totals();
    let paid = order.state != OrderState::Cancelled
        && !totals.captured.is_zero()
        && totals.captured >= totals.net_total;
    let mut reached = [false; 8];
    let mut set = |stage: Stage, is: bool| {
        if let Some(slot) = reached.get_mut(stage as usize) {
            *slot = is;
        }
    };
    set(Stage::Created, true);
    set(Stage::Placed, order.placed.is_some());
    set(Stage::Paid, paid && order.placed.is_some());
    set(Stage::Shipped, !order.shipments.is_empty());
    set(
        Stage::Delivered,
        order.lines.iter().any(|line| !line.delivered.is_zero()),
    );
    set(Stage::Cancelled, order.state == OrderState::Cancelled);
    set(
        Stage::Returned,
        order.lines.iter().any(|line| !line.returned.is_zero()),
    );
    reached
}

fn channel(order: &Order) -> &str {
    order
        .channel
        .as_ref()
        .map_or("", |channel| channel.as_str())
}

/// An order after a commit, and the time at which the commit's amounts count.
struct Counted<'a> {
    order: &'a Order,
    time: i64,
}

impl Counted<'_> {
    fn count(&self, event: &Event, keys: &mut Keys) {
        match event {
            Event::OrderPlaced(placed) => {
                let units = self
                    .order
                    .lines
                    .iter()
                    .map(|line| i128::from(line.quantity.units()));
                let total = placed.placed_total.minor_units().into();
                self.revenue([1, units.sum(), total, 0, 0, 0, 0], keys);
                self.placed_skus(keys);
            }
            Event::ItemsCancelled { items, .. } => {
                self.revenue([0, 0, 0, value(items), 0, 0, 0], keys);
                self.removed_skus(items, keys);
            }
            Event::OrderCancelled {
                items,
                shipping_value,
                ..
            } if self.order.placed.is_some() => {
                let cancelled = value(items) + i128::from(shipping_value.minor_units());
                self.revenue([0, 0, 0, cancelled, 0, 0, 0], keys);
                self.removed_skus(items, keys);
            }
            Event::ReturnReceived { items, .. } => {
                self.revenue([0, 0, 0, 0, value(items), 0, 0], keys);
                self.removed_skus(items, keys);
            }
            Event::PaymentCaptured { amount, .. } => {
                self.revenue([0, 0, 0, 0, 0, amount.minor_units().into(), 0], keys);
            }
            Event::PaymentRefunded(refunded) => {
                self.revenue([0, 0, 0, 0, 0, 0, refunded.amount.minor_units().into()], keys);
            }
            Event::OrderCreated(_)
            | Event::LineAdded(_)
            | Event::LineQuantitySet { .. }
            | Event::LineRemoved { .. }
            | Event::ShippingSet(_)
            | Event::DiscountsSet { .. }
            | Event::CustomerSet { .. }
            | Event::PaymentAuthorized(_)
            | Event::PaymentVoided { .. }
            | Event::PaymentFailed { .. }
            | Event::ItemsShipped(_)
            | Event::ShipmentDelivered { .. }
            | Event::ShipmentFailed { .. }
            // A draft that is cancelled was never worth anything.
            | Event::OrderCancelled { .. }
            | Event::ReturnRequested { .. }
            | Event::OrderHeld { .. }
            | Event::OrderReleased { .. }
            | Event::OrderAnnotated(_)
            | Event::PersonalDataErased { .. }
            | Event::OrderCompleted => {}
        }
    }

    fn revenue(&self, amounts: Revenue, keys: &mut Keys) {
        let key = Key::new(keys::REVENUE)
            .time(self.time / HOUR)
            .raw(&currency(self.order.currency));
        keys.add(key.text(channel(self.order)).into_bytes(), amounts);
    }

    /// Several lines of one SKU are one order of it.
    fn placed_skus(&self, keys: &mut Keys) {
        let mut seen = std::collections::BTreeSet::new();
        for line in &self.order.lines {
            let first = seen.insert(line.sku.as_str());
            let units = i128::from(line.quantity.units());
            let sales = [units, line.total.minor_units().into(), i128::from(first)];
            self.sales(line.sku.as_str(), sales, keys);
        }
    }

    fn removed_skus(&self, items: &[LineValue], keys: &mut Keys) {
        for item in items {
            if let Some(line) = self.order.line(&item.line_id) {
                let units = i128::from(item.quantity.units());
                let value = i128::from(item.value.minor_units());
                let sales = [-units, -value, 0];
                self.sales(line.sku.as_str(), sales, keys);
            }
        }
    }

    fn sales(&self, sku: &str, sales: Sales, keys: &mut Keys) {
        let key = Key::new(keys::SKU)
            .time(self.time / DAY)
            .raw(&currency(self.order.currency));
        keys.add(key.text(sku).into_bytes(), sales);
    }
}

fn value(items: &[LineValue]) -> i128 {
    let values = items.iter().map(|item| item.value.minor_units());
    values.map(i128::from).sum()
}

fn currency(currency: Currency) -> [u8; 3] {
    let mut code = *b"XXX";
    for (to, from) in code.iter_mut().zip(currency.code().bytes()) {
        *to = from;
    }
    code
}
