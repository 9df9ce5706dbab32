//! The projection `reports`: counters by time, SKU and state.
//!
//! Each amount counts in the UTC hour of its own event's `occur_time`. Only orders that were placed
//! count; a draft that is cancelled was never worth anything.

use std::time::Duration;

use order::event::LineValue;
use order::value::{Currency, OrderState};
use order::{Event, Order};
use proto::commit::Commit;
use read_model::counters::{DAY, HOUR, Revenue, Sales, Stage};
use read_model::keys::{self, Key};
use read_model::{Error, fulfillment, payment, state};

use super::{Batch, Projection};

/// Roll-ups over all orders.
#[derive(Clone, Copy, Debug)]
pub struct Reports;

/// What the reports remember of an order while a commit is folded.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    states: [u8; 3],
    reached: [bool; 8],
}

impl Projection for Reports {
    type Before = Before;

    fn name(&self) -> &'static str {
        "reports"
    }

    fn schema(&self) -> u32 {
        1
    }

    /// Orders of one hour move the same counters, and nobody misses a tenth of a second in a report.
    fn gather(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn before(&self, _order_id: &str, order: &Order) -> Before {
        Before {
            states: states(order),
            reached: reached(order),
        }
    }

    fn project(
        &self,
        before: Option<Before>,
        order: &Order,
        commit: &Commit,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        count_states(before, order, batch)?;
        count_funnel(before, order, batch)?;
        let counted = Counted {
            order,
            time: commit.occur_time.micros(),
        };
        commit
            .events
            .iter()
            .try_for_each(|event| counted.count(event, batch))
    }
}

fn states(order: &Order) -> [u8; 3] {
    [
        state(order.state),
        payment(order.payment_state()),
        fulfillment(order.fulfillment_state()),
    ]
}

fn count_states(before: Option<Before>, order: &Order, batch: &mut Batch<'_>) -> Result<(), Error> {
    let after = states(order);
    if before.is_some_and(|before| before.states == after) {
        return Ok(());
    }
    let key = |states: [u8; 3]| {
        let key = states
            .iter()
            .fold(Key::new(keys::STATE_COUNT), |key, &state| key.byte(state));
        key.text(channel(order)).into_bytes()
    };
    if let Some(before) = before {
        batch.add(key(before.states), [-1])?;
    }
    batch.add(key(after), [1])
}

fn count_funnel(before: Option<Before>, order: &Order, batch: &mut Batch<'_>) -> Result<(), Error> {
    let before = before.map(|before| before.reached).unwrap_or_default();
    let day = order.create_time.micros() / DAY;
    for (stage, (was, is)) in (0_u8..).zip(before.into_iter().zip(reached(order))) {
        if is && !was {
            batch.add(
                Key::new(keys::FUNNEL).time(day).byte(stage).into_bytes(),
                [1],
            )?;
        }
    }
    Ok(())
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
    fn count(&self, event: &Event, batch: &mut Batch<'_>) -> Result<(), Error> {
        match event {
            Event::OrderPlaced(placed) => {
                let units = self
                    .order
                    .lines
                    .iter()
                    .map(|line| i64::from(line.quantity.units()));
                let total = placed.placed_total.minor_units();
                self.revenue([1, units.sum(), total, 0, 0, 0, 0], batch)?;
                self.placed_skus(batch)
            }
            Event::ItemsCancelled { items, .. } => {
                self.revenue([0, 0, 0, value(items), 0, 0, 0], batch)?;
                self.removed_skus(items, batch)
            }
            Event::OrderCancelled {
                items,
                shipping_value,
                ..
            } if self.order.placed.is_some() => {
                let cancelled = value(items).saturating_add(shipping_value.minor_units());
                self.revenue([0, 0, 0, cancelled, 0, 0, 0], batch)?;
                self.removed_skus(items, batch)
            }
            Event::ReturnReceived { items, .. } => {
                self.revenue([0, 0, 0, 0, value(items), 0, 0], batch)?;
                self.removed_skus(items, batch)
            }
            Event::PaymentCaptured { amount, .. } => {
                self.revenue([0, 0, 0, 0, 0, amount.minor_units(), 0], batch)
            }
            Event::PaymentRefunded(refunded) => {
                self.revenue([0, 0, 0, 0, 0, 0, refunded.amount.minor_units()], batch)
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
            | Event::OrderCompleted => Ok(()),
        }
    }

    fn revenue(&self, amounts: Revenue, batch: &mut Batch<'_>) -> Result<(), Error> {
        let key = Key::new(keys::REVENUE)
            .time(self.time / HOUR)
            .raw(&currency(self.order.currency));
        batch.add(key.text(channel(self.order)).into_bytes(), amounts)
    }

    /// Several lines of one SKU are one order of it.
    fn placed_skus(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut seen = std::collections::BTreeSet::new();
        for line in &self.order.lines {
            let first = seen.insert(line.sku.as_str());
            let units = i64::from(line.quantity.units());
            let sales = [units, line.total.minor_units(), i64::from(first)];
            self.sales(line.sku.as_str(), sales, batch)?;
        }
        Ok(())
    }

    fn removed_skus(&self, items: &[LineValue], batch: &mut Batch<'_>) -> Result<(), Error> {
        for item in items {
            if let Some(line) = self.order.line(&item.line_id) {
                let units = i64::from(item.quantity.units());
                let sales = [-units, -item.value.minor_units(), 0];
                self.sales(line.sku.as_str(), sales, batch)?;
            }
        }
        Ok(())
    }

    fn sales(&self, sku: &str, sales: Sales, batch: &mut Batch<'_>) -> Result<(), Error> {
        let key = Key::new(keys::SKU)
            .time(self.time / DAY)
            .raw(&currency(self.order.currency));
        batch.add(key.text(sku).into_bytes(), sales)
    }
}

fn value(items: &[LineValue]) -> i64 {
    items.iter().map(|item| item.value.minor_units()).sum()
}

fn currency(currency: Currency) -> [u8; 3] {
    let mut code = *b"XXX";
    for (to, from) in code.iter_mut().zip(currency.code().bytes()) {
        *to = from;
    }
    code
}
