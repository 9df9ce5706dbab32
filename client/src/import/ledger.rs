//! The importer's own sums, kept beside those of the service so that the two can be compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::ops::AddAssign;
use std::path::Path;

use proto::v1::{FulfillmentState, OrderState, PaymentState};
use serde::Serialize;

use super::moment::rfc3339;
use crate::error::Error;
use crate::word::word;

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

/// The states of an order, as SummarizeStates counts them.
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
        let state = word(self.state, "ORDER_STATE_");
        let payment = word(self.payment_state, "PAYMENT_STATE_");
        let fulfillment = word(self.fulfillment_state, "FULFILLMENT_STATE_");
        write!(f, "{:>8}  {state}, {payment}, {fulfillment}", self.orders)
    }
}

impl Books {
    /// Writes them as one JSON document.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let write = || -> std::io::Result<()> {
            serde_json::to_writer_pretty(File::create(path)?, self)?;
            Ok(())
        };
        write().map_err(Error::storage(format!("write {}", path.display())))
    }
}
