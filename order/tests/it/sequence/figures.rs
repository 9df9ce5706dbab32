//! What the books add up to.

use order::event::LineValue;
use order::state::Transaction;
use order::value::{
    FulfillmentState, LineId, OrderState, PaymentId, PaymentState, ReturnId, ReturnState,
    ShipmentOutcome,
};

use super::ledger::{Draft, Ledger, Parcel, Return, coins};
use crate::abacus::{self, Cost};

/// Units of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) ordered: i128,
    pub(crate) cancelled: i128,
    pub(crate) shipped: i128,
    pub(crate) delivered: i128,
    pub(crate) return_open: i128,
    pub(crate) returned: i128,
}

impl Units {
    pub(crate) fn live(self) -> i128 {
        self.ordered - self.cancelled
    }

    pub(crate) fn to_ship(self) -> i128 {
        self.live() - self.shipped
    }

    pub(crate) fn returnable(self) -> i128 {
        self.delivered - self.returned - self.return_open
    }
}

/// Money of one payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) authorized: i128,
    pub(crate) captured: i128,
    pub(crate) voided: i128,
    pub(crate) refunded: i128,
}

impl Balance {
    pub(crate) fn open(self) -> i128 {
        self.authorized - self.captured - self.voided
    }
}

/// Money of the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) placed_total: i128,
    pub(crate) net_total: i128,
    pub(crate) captured: i128,
    pub(crate) refunded: i128,
    pub(crate) goodwill: i128,
    /// Authorised, and neither captured nor released.
    pub(crate) open: i128,
    pub(crate) balance: i128,
}

impl Draft {
    /// Costs of lines and shipping.
    pub(crate) fn costs(&self) -> (Vec<Cost>, Cost) {
        let shipping = self.shipping.as_ref();
        let shipping = shipping.map(|s| (coins(s.price), s.tax_rate.ppm().into()));
        abacus::price(
            &self.articles,
            &self.discounts,
            shipping,
            self.prices_include_tax,
        )
    }
}

impl Ledger {
    /// Units of every line, in the order's order.
    pub(crate) fn goods(&self) -> Vec<Units> {
        let articles = self.draft.articles.iter();
        let mut goods: Vec<Units> = articles
            .map(|article| Units {
                ordered: article.quantity,
                ..Units::default()
            })
            .collect();
        let mut add = |line_id: &LineId, to: &dyn Fn(&mut Units)| {
            if let Some(units) = self.draft.index(line_id).map(|index| &mut goods[index]) {
                to(units);
            }
        };
        for gone in &self.cancelled {
            let n = i128::from(gone.quantity.units());
            add(&gone.line_id, &|units| units.cancelled += n);
        }
        for Parcel { items, outcome, .. } in &self.parcels {
            for item in items {
                let n = i128::from(item.quantity.units());
                match outcome {
                    None => add(&item.line_id, &|units| units.shipped += n),
                    Some(ShipmentOutcome::Failed) => {}
                    Some(ShipmentOutcome::Delivered) => add(&item.line_id, &|units| {
                        units.shipped += n;
                        units.delivered += n;
                    }),
                }
            }
        }
        for Return {
            requested,
            received,
            ..
        } in &self.returns
        {
            for item in requested.iter().filter(|_| received.is_none()) {
                let n = i128::from(item.quantity.units());
                add(&item.line_id, &|units| units.return_open += n);
            }
            for item in received.iter().flatten() {
                let n = i128::from(item.quantity.units());
                add(&item.line_id, &|units| units.returned += n);
            }
        }
        goods
    }

    /// Everything that left the order's value for good: cancelled and returned, as recorded.
    pub(crate) fn gone(&self) -> impl Iterator<Item = &LineValue> {
        let received = self.returns.iter().filter_map(|r| r.received.as_ref());
        self.cancelled.iter().chain(received.flatten())
    }

    pub(crate) fn payment(&self, payment_id: &PaymentId) -> Option<Balance> {
        let found = self.payments.iter().find(|p| p.payment_id == *payment_id)?;
        let sum = |kind| {
            let movements = self.movements.iter();
            movements
                .filter(|m| m.payment_id == *payment_id && m.kind == kind)
                .map(|m| m.amount)
                .sum()
        };
        Some(Balance {
            authorized: found.authorized,
            captured: sum(Transaction::Capture),
            voided: sum(Transaction::Void),
            refunded: sum(Transaction::Refund),
        })
    }

    /// What a return was worth when it arrived, and what was paid back for it.
    pub(crate) fn return_value(&self, return_id: &ReturnId) -> Option<(i128, i128)> {
        let found = self.returns.iter().find(|r| r.return_id == *return_id)?;
        let received = found.received.iter().flatten();
        let movements = self.movements.iter();
        let refunded = movements.filter(|m| m.return_id.as_ref() == Some(return_id));
        Some((
            received.map(|item| coins(item.value)).sum(),
            refunded.map(|m| m.amount).sum(),
        ))
    }

    pub(crate) fn sums(&self) -> Sums {
        let moved = |kind| self.movements.iter().filter(move |m| m.kind == kind);
        let captured: i128 = moved(Transaction::Capture).map(|m| m.amount).sum();
        let refunded: i128 = moved(Transaction::Refund).map(|m| m.amount).sum();
        let voided: i128 = moved(Transaction::Void).map(|m| m.amount).sum();
        let goodwill = moved(Transaction::Refund).filter(|m| m.goodwill);
        let goodwill: i128 = goodwill.map(|m| m.amount).sum();
        let authorized: i128 = self.payments.iter().map(|p| p.authorized).sum();
        let (placed_total, net_total) = match &self.placed {
            Some(frozen) => (frozen.total, (self.live_value() - goodwill).max(0)),
            None => {
                let (lines, shipping) = self.draft.costs();
                let total = lines.iter().map(|c| c.total).sum::<i128>() + shipping.total;
                let drafted = self.state == OrderState::Draft;
                (total, if drafted { total } else { 0 })
            }
        };
        Sums {
            placed_total,
            net_total,
            captured,
            refunded,
            goodwill,
            open: authorized - captured - voided,
            balance: net_total - (captured - refunded),
        }
    }

    /// Goods and shipping that are still owed for: `T − V(cancelled + returned)` of every line.
    fn live_value(&self) -> i128 {
        let Some(frozen) = &self.placed else { return 0 };
        let shipping = match self.state {
            OrderState::Cancelled => 0,
            OrderState::Draft | OrderState::Placed | OrderState::Completed => frozen.shipping.total,
        };
        let lines = frozen.costs.iter().zip(self.goods());
        let left = lines.map(|(cost, units)| {
            let gone = units.cancelled + units.returned;
            cost.total - abacus::worth(cost.total, units.ordered, gone)
        });
        left.sum::<i128>() + shipping
    }

    fn total(&self, of: impl Fn(Units) -> i128) -> i128 {
        self.goods().into_iter().map(of).sum()
    }

    fn return_is_open(&self) -> bool {
        self.returns.iter().any(|found| found.received.is_none())
    }

    /// Delivered, paid, nothing open.
    pub(crate) fn is_settled(&self) -> bool {
        let live = self.total(Units::live);
        live > 0
            && live == self.total(|units| units.delivered)
            && self.holds.is_empty()
            && !self.return_is_open()
            && self.sums().balance == 0
    }

    pub(crate) fn payment_state(&self) -> PaymentState {
        let sums = self.sums();
        let rules = [
            (self.state == OrderState::Draft, PaymentState::NotDue),
            (sums.balance < 0, PaymentState::CreditOwed),
            (
                sums.refunded > 0 && sums.captured == sums.refunded && sums.balance == 0,
                PaymentState::Refunded,
            ),
            (
                sums.refunded > 0 && sums.balance == 0,
                PaymentState::PartiallyRefunded,
            ),
            (
                sums.net_total == 0 && sums.captured == 0,
                PaymentState::NotDue,
            ),
            (sums.balance == 0, PaymentState::Paid),
            (
                sums.captured - sums.refunded > 0,
                PaymentState::PartiallyPaid,
            ),
            (sums.open >= sums.balance, PaymentState::Authorized),
        ];
        first(&rules).unwrap_or(PaymentState::Unpaid)
    }

    pub(crate) fn fulfillment_state(&self) -> FulfillmentState {
        let live = self.total(Units::live);
        let shipped = self.total(|units| units.shipped);
        let delivered = self.total(|units| units.delivered);
        let rules = [
            (
                self.state == OrderState::Draft || live == 0,
                FulfillmentState::NotRequired,
            ),
            (delivered == live, FulfillmentState::Delivered),
            (shipped == live, FulfillmentState::Shipped),
            (shipped > 0, FulfillmentState::PartiallyShipped),
        ];
        first(&rules).unwrap_or(FulfillmentState::Unfulfilled)
    }

    pub(crate) fn return_state(&self) -> ReturnState {
        let returned = self.total(|units| units.returned);
        let delivered = self.total(|units| units.delivered);
        let rules = [
            (self.return_is_open(), ReturnState::Requested),
            (returned > 0 && returned == delivered, ReturnState::Returned),
            (returned > 0, ReturnState::PartiallyReturned),
        ];
        first(&rules).unwrap_or(ReturnState::None)
    }
}

/// The first rule that matches.
fn first<T: Copy>(rules: &[(bool, T)]) -> Option<T> {
    rules
        .iter()
        .find(|(holds, _)| *holds)
        .map(|(_, state)| *state)
}
