//! The importer's own books, kept beside the service so that the two can be compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::ops::AddAssign;
use std::path::Path;

use anyhow::Context as _;
use proto::v1::{FulfillmentState, OrderState, PaymentState, ShipmentOutcome};
use serde::Serialize;

use super::life::{Act, units};
use super::plan::Placed;
use super::request::rfc3339;

const DAY: i64 = 86_400 * 1_000_000;

/// Value that moved, in pence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sums {
    pub(crate) orders: u64,
    pub(crate) placed: i64,
    pub(crate) cancelled: i64,
    pub(crate) returned: i64,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, more: Self) {
        self.orders += more.orders;
        self.placed += more.placed;
        self.cancelled += more.cancelled;
        self.returned += more.returned;
        self.captured += more.captured;
        self.refunded += more.refunded;
    }
}

/// Where an order stands, as SummarizeStates tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: OrderState,
    pub(crate) payment: PaymentState,
    pub(crate) fulfillment: FulfillmentState,
}

/// All accepted steps: value by UTC day, and where the orders ended.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    days: BTreeMap<i64, Sums>,
    states: BTreeMap<[&'static str; 3], u64>,
}

impl Ledger {
    pub(crate) fn add(&mut self, time: i64, sums: Sums) {
        if sums != Sums::default() {
            *self.days.entry(time.div_euclid(DAY)).or_default() += sums;
        }
    }

    pub(crate) fn end(&mut self, standing: Standing) {
        let names = [
            standing.state.as_str_name(),
            standing.payment.as_str_name(),
            standing.fulfillment.as_str_name(),
        ];
        *self.states.entry(names).or_default() += 1;
    }

    pub(crate) fn finish(self) -> Books {
        let mut totals = Sums::default();
        for day in self.days.values() {
            totals += *day;
        }
        let days = self.days.into_iter().map(|(day, sums)| {
            let mut day = rfc3339(day * DAY);
            day.truncate("2010-12-01".len());
            Day { day, sums }
        });
        let states = self.states.into_iter().map(|(names, orders)| {
            let [state, payment_state, fulfillment_state] = names;
            State {
                state,
                payment_state,
                fulfillment_state,
                orders,
            }
        });
        Books {
            totals,
            states: states.collect(),
            days: days.collect(),
        }
    }
}

/// The ledger as it is printed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Books {
    pub(crate) totals: Sums,
    pub(crate) states: Vec<State>,
    pub(crate) days: Vec<Day>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Day {
    day: String,
    #[serde(flatten)]
    sums: Sums,
}

/// Named as in the reply of SummarizeStates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    state: &'static str,
    payment_state: &'static str,
    fulfillment_state: &'static str,
    orders: u64,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = crate::cli::word;
        let state = word(self.state, "ORDER_STATE_");
        let payment = word(self.payment_state, "PAYMENT_STATE_");
        let fulfillment = word(self.fulfillment_state, "FULFILLMENT_STATE_");
        write!(f, "{:>8}  {state}, {payment}, {fulfillment}", self.orders)
    }
}

impl Books {
    /// Writes them as one JSON document.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let write = || anyhow::Ok(serde_json::to_writer_pretty(File::create(path)?, self)?);
        write().with_context(|| format!("failed to write {}", path.display()))
    }
}

/// One order's own book: enough to say where it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    completed: bool,
    cancelled: bool,
    held: bool,
    return_open: bool,
    /// What the order is worth now.
    net: i64,
    /// Authorised and neither captured nor released.
    open: i64,
    captured: i64,
    refunded: i64,
    /// Units.
    live: i64,
    shipped: i64,
    delivered: i64,
}

impl Book {
    /// An order as the file leaves it: placed, and perhaps cancelled.
    pub(crate) fn of(order: &Placed) -> Self {
        let cancelled = order.is_cancelled();
        Self {
            cancelled,
            net: if cancelled { 0 } else { order.value() },
            live: order.lines.iter().map(|line| line.live).sum(),
            ..Self::default()
        }
    }

    /// Takes note of a step that was accepted; answers the value that it moved.
    pub(crate) fn note(&mut self, act: &Act) -> Sums {
        let mut moved = Sums::default();
        match act {
            Act::FailPayment { .. } => {}
            Act::Authorize { amount, capture } => {
                self.open += amount;
                if *capture {
                    moved.captured = *amount;
                }
            }
            Act::Capture { amount } => moved.captured = *amount,
            Act::Void => self.open = 0,
            Act::Hold(_) => self.held = true,
            Act::Release(_) => self.held = false,
            Act::Ship { items, .. } => self.shipped += units(items),
            Act::Close { units, outcome, .. } => match outcome {
                ShipmentOutcome::Delivered => self.delivered += units,
                ShipmentOutcome::Failed => self.shipped -= units,
                ShipmentOutcome::Unspecified => {}
            },
            Act::Cancel { value, .. } => {
                moved.cancelled = *value;
                (self.cancelled, self.live, self.net) = (true, 0, 0);
            }
            Act::RequestReturn { .. } => self.return_open = true,
            Act::ReceiveReturn { value, .. } => {
                moved.returned = *value;
                self.return_open = false;
                self.net -= value;
            }
            Act::RefundReturn { amount } => moved.refunded = *amount,
            Act::Goodwill { amount } => {
                moved.refunded = *amount;
                self.net -= amount;
            }
        }
        self.open -= moved.captured;
        self.captured += moved.captured;
        self.refunded += moved.refunded;
        self.completed |= !self.cancelled
            && !self.held
            && !self.return_open
            && self.live > 0
            && self.delivered == self.live
            && self.balance() == 0;
        moved
    }

    /// What no order may ever show.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(0 <= self.net && 0 <= self.open && self.refunded <= self.captured);
        assert!(self.delivered <= self.shipped && self.shipped <= self.live);
    }

    fn balance(&self) -> i64 {
        self.net - self.captured + self.refunded
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = if self.cancelled {
            OrderState::Cancelled
        } else if self.completed {
            OrderState::Completed
        } else {
            OrderState::Placed
        };
        Standing {
            state,
            payment: self.payment_state(),
            fulfillment: self.fulfillment_state(),
        }
    }

    fn payment_state(&self) -> PaymentState {
        let balance = self.balance();
        if balance < 0 {
            PaymentState::CreditOwed
        } else if self.refunded > 0 && balance == 0 && self.captured == self.refunded {
            PaymentState::Refunded
        } else if self.refunded > 0 && balance == 0 {
            PaymentState::PartiallyRefunded
        } else if self.net == 0 && self.captured == 0 {
            PaymentState::NotDue
        } else if balance == 0 {
            PaymentState::Paid
        } else if self.captured > self.refunded {
            PaymentState::PartiallyPaid
        } else if self.open >= balance {
            PaymentState::Authorized
        } else {
            PaymentState::Unpaid
        }
    }

    fn fulfillment_state(&self) -> FulfillmentState {
        if self.live == 0 {
            FulfillmentState::NotRequired
        } else if self.delivered == self.live {
            FulfillmentState::Delivered
        } else if self.shipped == self.live {
            FulfillmentState::Shipped
        } else if self.shipped > 0 {
            FulfillmentState::PartiallyShipped
        } else {
            FulfillmentState::Unfulfilled
        }
    }
}
