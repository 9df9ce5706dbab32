//! What the importer knows of one order: enough to say in which states it is.

use proto::v1::{FulfillmentState, OrderState, PaymentState, ShipmentOutcome};

use super::act::{Act, units};
use super::ledger::{Standing, Sums};
use super::placed::Placed;

/// The balance and the goods of one order.
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

    /// Records a step that was accepted; returns the value that it moved.
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

    /// What holds for every order.
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
