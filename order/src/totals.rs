//! What an order's money and goods add up to.

use crate::command::LineQuantity;
use crate::pricing::{self, Item, Pricing, TooLarge};
use crate::state::{Line, Order, Payment, Return, Shipment};
use crate::value::{
    Amount, FulfillmentState, LineId, OrderState, PaymentId, PaymentState, Quantity, ReturnId,
    ReturnState, ShipmentId, Timestamp,
};

/// An order's money. The first five are frozen at placing (a preview before), the others live.
///
/// `placed_total = goods − discount + shipping`, and `+ tax` when prices exclude it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Unit prices times quantities, before discounts.
    pub goods: Amount,
    /// Taken off the goods.
    pub discount: Amount,
    /// The price of shipping, before tax when prices exclude it.
    pub shipping: Amount,
    /// All tax, in or on goods and shipping.
    pub tax: Amount,
    /// Everything, at placing.
    pub placed_total: Amount,
    /// What the order is worth now: less what was cancelled, returned and given; never below 0.
    pub net_total: Amount,
    /// Captured by all payments.
    pub captured: Amount,
    /// Paid back by all payments.
    pub refunded: Amount,
    /// `net_total − (captured − refunded)`: above 0 due, below 0 owed.
    pub balance: Amount,
    /// Given on top.
    pub goodwill: Amount,
}

impl Order {
    /// All sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let frozen = self.frozen();
        let captured = sum(self.payments.iter().map(|payment| payment.captured));
        let refunded = sum(self.payments.iter().map(|payment| payment.refunded));
        let net_total = self.net_total(frozen.placed_total);
        Totals {
            net_total,
            captured,
            refunded,
            balance: net_total.saturating_sub(captured.saturating_sub(refunded)),
            goodwill: self.goodwill,
            ..frozen
        }
    }

    /// What the draft costs.
    ///
    /// # Errors
    /// [`TooLarge`] when any amount passes 10^15 minor units.
    pub fn pricing(&self) -> Result<Pricing, TooLarge> {
        let items: Vec<Item<'_>> = self
            .lines
            .iter()
            .map(|line| Item {
                line_id: &line.line_id,
                quantity: line.quantity,
                unit_price: line.unit_price,
                tax_rate: line.tax_rate,
            })
            .collect();
        let shipping = self
            .shipping
            .as_ref()
            .map(|shipping| (shipping.price, shipping.tax_rate));
        pricing::price(&items, &self.discounts, shipping, self.prices_include_tax)
    }

    fn frozen(&self) -> Totals {
        let Some(placed) = &self.placed else {
            return self.preview();
        };
        let shipping = if self.prices_include_tax {
            placed.shipping_total
        } else {
            placed.shipping_total.saturating_sub(placed.shipping_tax)
        };
        let discount = sum(self.lines.iter().map(|line| line.discount));
        let net = placed.placed_total.saturating_sub(placed.shipping_total);
        let line_tax = sum(self.lines.iter().map(|line| line.tax));
        let on_top = if self.prices_include_tax {
            Amount::ZERO
        } else {
            line_tax
        };
        Totals {
            goods: net.saturating_sub(on_top).saturating_add(discount),
            discount,
            shipping,
            tax: line_tax.saturating_add(placed.shipping_tax),
            placed_total: placed.placed_total,
            ..Totals::default()
        }
    }

    fn preview(&self) -> Totals {
        let pricing = self.pricing().unwrap_or_default();
        let tax = sum(pricing.lines.iter().map(|line| line.tax));
        Totals {
            goods: sum(pricing.lines.iter().map(|line| line.base)),
            discount: sum(pricing.lines.iter().map(|line| line.discount)),
            shipping: pricing.shipping.base,
            tax: tax.saturating_add(pricing.shipping.tax),
            placed_total: pricing.total,
            ..Totals::default()
        }
    }

    fn net_total(&self, placed_total: Amount) -> Amount {
        let Some(placed) = &self.placed else {
            return if self.state == OrderState::Draft {
                placed_total
            } else {
                Amount::ZERO
            };
        };
        let goods = sum(self.lines.iter().map(Line::live_value));
        let shipping = if self.shipping_cancelled {
            Amount::ZERO
        } else {
            placed.shipping_total
        };
        goods
            .saturating_add(shipping)
            .saturating_sub(self.goodwill)
            .max(Amount::ZERO)
    }

    /// What is still due; below 0, what is owed to the customer.
    #[must_use]
    pub fn balance(&self) -> Amount {
        self.totals().balance
    }

    /// Captured less paid back.
    #[must_use]
    pub fn captured_net(&self) -> Amount {
        sum(self
            .payments
            .iter()
            .map(|payment| payment.captured.saturating_sub(payment.refunded)))
    }

    /// Authorised and neither captured nor released.
    #[must_use]
    pub fn open_authorizations(&self) -> Amount {
        sum(self.payments.iter().map(Payment::open))
    }

    /// When the order may be cancelled for want of money: the due time of one of which nothing was
    /// captured, nothing is authorised and nothing has left.
    #[must_use]
    pub fn unpaid_due_time(&self) -> Option<Timestamp> {
        let unpaid = self.state == OrderState::Placed
            && self.totals().captured.is_zero()
            && self.open_authorizations().is_zero()
            && self.lines.iter().all(|line| line.shipped.is_zero());
        self.payment_due_time.filter(|_| unpaid)
    }

    /// Where the money stands; the first rule that matches.
    #[must_use]
    pub fn payment_state(&self) -> PaymentState {
        let totals = self.totals();
        let settled = totals.balance.is_zero();
        if self.state == OrderState::Draft {
            PaymentState::NotDue
        } else if totals.balance.is_negative() {
            PaymentState::CreditOwed
        } else if !totals.refunded.is_zero() && settled {
            if totals.captured == totals.refunded {
                PaymentState::Refunded
            } else {
                PaymentState::PartiallyRefunded
            }
        } else if totals.net_total.is_zero() && totals.captured.is_zero() {
            PaymentState::NotDue
        } else if settled {
            PaymentState::Paid
        } else if totals.captured > totals.refunded {
            PaymentState::PartiallyPaid
        } else if self.open_authorizations() >= totals.balance {
            PaymentState::Authorized
        } else {
            PaymentState::Unpaid
        }
    }

    /// Where the goods stand; the first rule that matches.
    #[must_use]
    pub fn fulfillment_state(&self) -> FulfillmentState {
        let live = self.units(|line| line.live().units());
        let shipped = self.units(|line| line.shipped.units());
        if self.state == OrderState::Draft || live == 0 {
            FulfillmentState::NotRequired
        } else if self.units(|line| line.delivered.units()) == live {
            FulfillmentState::Delivered
        } else if shipped == live {
            FulfillmentState::Shipped
        } else if shipped > 0 {
            FulfillmentState::PartiallyShipped
        } else {
            FulfillmentState::Unfulfilled
        }
    }

    /// Where returns stand; the first rule that matches.
    #[must_use]
    pub fn return_state(&self) -> ReturnState {
        let returned = self.units(|line| line.returned.units());
        if self.returns.iter().any(|found| found.open) {
            ReturnState::Requested
        } else if returned > 0 && returned == self.units(|line| line.delivered.units()) {
            ReturnState::Returned
        } else if returned > 0 {
            ReturnState::PartiallyReturned
        } else {
            ReturnState::None
        }
    }

    /// Whether the order must not ship.
    #[must_use]
    pub fn is_on_hold(&self) -> bool {
        !self.holds.is_empty()
    }

    /// Whether everything was delivered and settled, and nothing is open.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let live = self.units(|line| line.live().units());
        live > 0
            && self.units(|line| line.delivered.units()) == live
            && !self.is_on_hold()
            && !self.returns.iter().any(|found| found.open)
            && self.balance().is_zero()
    }

    /// A sum over the lines.
    #[must_use]
    pub fn units(&self, of: impl Fn(&Line) -> u32) -> u64 {
        self.lines.iter().map(|line| u64::from(of(line))).sum()
    }

    /// A line by its id.
    #[must_use]
    pub fn line(&self, line_id: &LineId) -> Option<&Line> {
        self.lines.iter().find(|line| line.line_id == *line_id)
    }

    /// Lines by their ids; quick when these stand in the order of the lines.
    pub(crate) fn lines_of<'a>(
        &self,
        line_ids: impl Iterator<Item = &'a LineId>,
    ) -> Vec<Option<&Line>> {
        let mut next = 0_usize;
        line_ids
            .map(|wanted| {
                let named = |line: &Line| line.line_id == *wanted;
                let ahead = self.lines.iter().skip(next).position(named);
                let index = ahead
                    .map(|steps| steps.saturating_add(next))
                    .or_else(|| self.lines.iter().take(next).position(named))?;
                next = index.saturating_add(1);
                self.lines.get(index)
            })
            .collect()
    }

    /// A payment by its id.
    #[must_use]
    pub fn payment(&self, payment_id: &PaymentId) -> Option<&Payment> {
        self.payments
            .iter()
            .find(|payment| payment.payment_id == *payment_id)
    }

    /// A shipment by its id.
    #[must_use]
    pub fn shipment(&self, shipment_id: &ShipmentId) -> Option<&Shipment> {
        self.shipments
            .iter()
            .find(|shipment| shipment.shipment_id == *shipment_id)
    }

    /// A return by its id.
    #[must_use]
    pub fn return_of(&self, return_id: &ReturnId) -> Option<&Return> {
        self.returns
            .iter()
            .find(|found| found.return_id == *return_id)
    }
}

impl Line {
    /// Ordered and not cancelled.
    #[must_use]
    pub fn live(&self) -> Quantity {
        self.quantity.saturating_sub(self.cancelled)
    }

    /// Live and not yet on its way.
    #[must_use]
    pub fn to_ship(&self) -> Quantity {
        self.live().saturating_sub(self.shipped)
    }

    /// Delivered, and neither returned nor announced to be.
    #[must_use]
    pub fn returnable(&self) -> Quantity {
        self.delivered
            .saturating_sub(self.returned)
            .saturating_sub(self.return_open)
    }

    /// What is left of the frozen total.
    #[must_use]
    pub fn live_value(&self) -> Amount {
        self.total
            .saturating_sub(self.cancelled_value)
            .saturating_sub(self.returned_value)
    }
}

impl Payment {
    /// Authorised and neither captured nor released.
    #[must_use]
    pub fn open(&self) -> Amount {
        self.authorized
            .saturating_sub(self.captured)
            .saturating_sub(self.voided)
    }
}

impl Return {
    /// Units announced.
    #[must_use]
    pub fn requested_units(&self) -> u64 {
        let units = |item: &LineQuantity| u64::from(item.quantity.units());
        self.requested.iter().map(units).sum()
    }
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, Amount::saturating_add)
}
