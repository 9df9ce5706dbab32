//! What an event does to an order.
//!
//! Total and silent: every event ever written is accepted, and whatever it names that is not there
//! is passed over. Nothing is computed here that stands in the event.

use crate::Event;
use crate::command::LineQuantity;
use crate::event::{
    ItemsShipped, LineAdded, LineValue, OrderAnnotated, OrderCreated, OrderPlaced,
    PaymentAuthorized, PaymentRefunded,
};
use crate::state::{Line, Order, Ordinals, Payment, Placed, Return, Shipment, Transaction};
use crate::value::{
    Amount, CancelReason, LineId, OrderState, PaymentId, PspReference, Quantity, RefundKind,
    ReturnId, ReturnReason, ShipmentId, ShipmentOutcome, Timestamp,
};

/// Folds one event into an order. `occur_time` is that of the event's commit.
///
/// An event before `OrderCreated` changes nothing.
pub fn evolve(order: &mut Option<Order>, event: &Event, occur_time: Timestamp) {
    match (order.as_mut(), event) {
        (None, Event::OrderCreated(created)) => *order = Some(Order::created(created, occur_time)),
        (None, _) => {}
        (Some(order), event) => {
            order.version = order.version.saturating_add(1);
            order.apply(event, occur_time);
        }
    }
}

impl Order {
    fn created(created: &OrderCreated, occur_time: Timestamp) -> Self {
        Self {
            version: 1,
            state: OrderState::Draft,
            channel: created.channel.clone(),
            currency: created.currency,
            prices_include_tax: created.prices_include_tax,
            terms: created.terms,
            customer: created.customer.clone(),
            related_order_id: created.related_order_id.clone(),
            lines: Vec::new(),
            shipping: None,
            discounts: Vec::new(),
            tags: created.tags.clone(),
            metadata: created.metadata.clone(),
            placed: None,
            cancel_reason: None,
            shipping_cancelled: false,
            payments: Vec::new(),
            failed_payments: 0,
            shipments: Vec::new(),
            returns: Vec::new(),
            holds: std::collections::BTreeSet::new(),
            goodwill: Amount::ZERO,
            psp_references: std::collections::BTreeSet::new(),
            ordinals: Ordinals::default(),
            personal_data_erased: false,
            create_time: occur_time,
            place_time: None,
            payment_due_time: None,
            update_time: occur_time,
        }
    }

    /// Notes when the commit of the last events was recorded.
    pub fn committed(&mut self, record_time: Timestamp) {
        self.update_time = record_time;
    }

    fn apply(&mut self, event: &Event, occur_time: Timestamp) {
        match event {
            // A second creation is no fact that any writer records; the first one stands.
            Event::OrderCreated(_) => {}
            Event::LineAdded(added) => self.line_added(added),
            Event::LineQuantitySet { line_id, quantity } => {
                if let Some(line) = self.line_mut(line_id) {
                    line.quantity = *quantity;
                }
            }
            Event::LineRemoved { line_id } => self.lines.retain(|line| line.line_id != *line_id),
            Event::ShippingSet(shipping) => self.shipping = Some(shipping.clone()),
            Event::DiscountsSet { discounts } => self.discounts.clone_from(discounts),
            Event::CustomerSet { customer } => self.customer = customer.clone(),
            Event::OrderPlaced(placed) => self.order_placed(placed, occur_time),
            Event::PaymentAuthorized(authorized) => self.authorized(authorized),
            Event::PaymentCaptured {
                payment_id,
                amount,
                psp_reference,
            } => {
                self.captured(payment_id, *amount, psp_reference);
            }
            Event::PaymentVoided {
                payment_id,
                amount,
                psp_reference,
            } => {
                self.voided(payment_id, *amount, psp_reference.as_ref());
            }
            Event::PaymentRefunded(refunded) => self.refunded(refunded),
            Event::PaymentFailed { psp_reference, .. } => {
                self.failed_payments = self.failed_payments.saturating_add(1);
                self.seen(Transaction::Failure, psp_reference);
            }
            Event::ItemsShipped(shipped) => self.shipped(shipped, occur_time),
            Event::ShipmentDelivered { shipment_id } => {
                self.closed(shipment_id, ShipmentOutcome::Delivered, occur_time);
            }
            Event::ShipmentFailed { shipment_id } => {
                self.closed(shipment_id, ShipmentOutcome::Failed, occur_time);
            }
            Event::ItemsCancelled { items, .. } => self.cancelled(items),
            Event::OrderCancelled { items, reason, .. } => self.order_cancelled(items, *reason),
            Event::ReturnRequested {
                return_id,
                items,
                reason,
            } => {
                self.return_requested(return_id, items, *reason);
            }
            Event::ReturnReceived { return_id, items } => self.return_received(return_id, items),
            Event::OrderHeld { reason } => {
                self.holds.insert(*reason);
            }
            Event::OrderReleased { reason } => {
                self.holds.remove(reason);
            }
            Event::OrderAnnotated(annotated) => self.annotated(annotated),
            Event::PersonalDataErased { .. } => self.personal_data_erased = true,
            Event::OrderCompleted => self.state = OrderState::Completed,
        }
    }

    fn line_mut(&mut self, line_id: &LineId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.line_id == *line_id)
    }

    fn payment_mut(&mut self, payment_id: &PaymentId) -> Option<&mut Payment> {
        self.payments
            .iter_mut()
            .find(|payment| payment.payment_id == *payment_id)
    }

    fn seen(&mut self, transaction: Transaction, reference: &PspReference) {
        self.psp_references.insert((transaction, reference.clone()));
    }

    fn line_added(&mut self, added: &LineAdded) {
        self.ordinals.lines = self.ordinals.lines.saturating_add(1);
        self.lines.push(Line {
            line_id: added.line_id.clone(),
            sku: added.sku.clone(),
            title: added.title.clone(),
            quantity: added.quantity,
            unit_price: added.unit_price,
            tax_rate: added.tax_rate,
            discount: Amount::ZERO,
            tax: Amount::ZERO,
            total: Amount::ZERO,
            cancelled: Quantity::ZERO,
            cancelled_value: Amount::ZERO,
            shipped: Quantity::ZERO,
            delivered: Quantity::ZERO,
            return_open: Quantity::ZERO,
            returned: Quantity::ZERO,
            returned_value: Amount::ZERO,
        });
    }

    fn order_placed(&mut self, placed: &OrderPlaced, occur_time: Timestamp) {
        let Self { lines, .. } = self;
        for_each_line(
            lines,
            &placed.lines,
            |frozen| &frozen.line_id,
            |line, frozen| {
                line.discount = frozen.discount;
                line.tax = frozen.tax;
                line.total = frozen.total;
            },
        );
        self.placed = Some(Placed {
            shipping_total: placed.shipping_total,
            shipping_tax: placed.shipping_tax,
            placed_total: placed.placed_total,
        });
        self.state = OrderState::Placed;
        self.place_time = Some(occur_time);
        self.payment_due_time = placed.payment_due_time;
    }

    fn authorized(&mut self, authorized: &PaymentAuthorized) {
        self.ordinals.payments = self.ordinals.payments.saturating_add(1);
        self.seen(Transaction::Authorization, &authorized.psp_reference);
        self.payments.push(Payment {
            payment_id: authorized.payment_id.clone(),
            method: authorized.method.clone(),
            psp_reference: authorized.psp_reference.clone(),
            authorized: authorized.amount,
            captured: Amount::ZERO,
            voided: Amount::ZERO,
            refunded: Amount::ZERO,
            expire_time: authorized.expire_time,
        });
    }

    fn captured(&mut self, payment_id: &PaymentId, amount: Amount, reference: &PspReference) {
        self.seen(Transaction::Capture, reference);
        if let Some(payment) = self.payment_mut(payment_id) {
            payment.captured = payment.captured.saturating_add(amount);
        }
    }

    fn voided(&mut self, payment_id: &PaymentId, amount: Amount, reference: Option<&PspReference>) {
        if let Some(reference) = reference {
            self.seen(Transaction::Void, reference);
        }
        if let Some(payment) = self.payment_mut(payment_id) {
            payment.voided = payment.voided.saturating_add(amount);
        }
    }

    fn refunded(&mut self, refunded: &PaymentRefunded) {
        self.seen(Transaction::Refund, &refunded.psp_reference);
        if let Some(payment) = self.payment_mut(&refunded.payment_id) {
            payment.refunded = payment.refunded.saturating_add(refunded.amount);
        }
        let returned = self.returns.iter_mut();
        let of_return = |r: &&mut Return| Some(&r.return_id) == refunded.return_id.as_ref();
        for found in returned.filter(of_return) {
            found.refunded = found.refunded.saturating_add(refunded.amount);
        }
        match refunded.kind {
            RefundKind::Credit => {}
            RefundKind::Goodwill => self.goodwill = self.goodwill.saturating_add(refunded.amount),
        }
    }

    fn shipped(&mut self, shipped: &ItemsShipped, occur_time: Timestamp) {
        self.ordinals.shipments = self.ordinals.shipments.saturating_add(1);
        for_each_line(
            &mut self.lines,
            &shipped.items,
            |item| &item.line_id,
            |line, item| {
                line.shipped = line.shipped.saturating_add(item.quantity);
            },
        );
        self.shipments.push(Shipment {
            shipment_id: shipped.shipment_id.clone(),
            items: shipped.items.clone(),
            carrier: shipped.carrier.clone(),
            tracking_number: shipped.tracking_number.clone(),
            ship_time: occur_time,
            closed: None,
        });
    }

    fn closed(&mut self, shipment_id: &ShipmentId, outcome: ShipmentOutcome, at: Timestamp) {
        let Self {
            shipments, lines, ..
        } = self;
        let found = shipments
            .iter_mut()
            .find(|shipment| shipment.shipment_id == *shipment_id);
        let Some(shipment) = found else { return };
        shipment.closed = Some((outcome, at));
        for_each_line(
            lines,
            &shipment.items,
            |item| &item.line_id,
            |line, item| match outcome {
                ShipmentOutcome::Delivered => {
                    line.delivered = line.delivered.saturating_add(item.quantity);
                }
                ShipmentOutcome::Failed => {
                    line.shipped = line.shipped.saturating_sub(item.quantity)
                }
            },
        );
    }

    fn cancelled(&mut self, items: &[LineValue]) {
        for_each_line(
            &mut self.lines,
            items,
            |item| &item.line_id,
            |line, item| {
                line.cancelled = line.cancelled.saturating_add(item.quantity);
                line.cancelled_value = line.cancelled_value.saturating_add(item.value);
            },
        );
    }

    fn order_cancelled(&mut self, items: &[LineValue], reason: CancelReason) {
        self.cancelled(items);
        self.state = OrderState::Cancelled;
        self.cancel_reason = Some(reason);
        self.shipping_cancelled = true;
        self.holds.clear();
    }

    fn return_requested(
        &mut self,
        return_id: &ReturnId,
        items: &[LineQuantity],
        reason: ReturnReason,
    ) {
        self.ordinals.returns = self.ordinals.returns.saturating_add(1);
        for_each_line(
            &mut self.lines,
            items,
            |item| &item.line_id,
            |line, item| {
                line.return_open = line.return_open.saturating_add(item.quantity);
            },
        );
        self.returns.push(Return {
            return_id: return_id.clone(),
            requested: items.to_vec(),
            received: Vec::new(),
            reason,
            open: true,
            value: Amount::ZERO,
            refunded: Amount::ZERO,
        });
    }

    fn return_received(&mut self, return_id: &ReturnId, items: &[LineValue]) {
        let Self { returns, lines, .. } = self;
        let found = returns
            .iter_mut()
            .find(|found| found.return_id == *return_id);
        let Some(found) = found else { return };
        found.open = false;
        found.value = items
            .iter()
            .fold(found.value, |sum, item| sum.saturating_add(item.value));
        found.received = items
            .iter()
            .map(|item| LineQuantity {
                line_id: item.line_id.clone(),
                quantity: item.quantity,
            })
            .collect();
        for_each_line(
            lines,
            &found.requested,
            |item| &item.line_id,
            |line, item| {
                line.return_open = line.return_open.saturating_sub(item.quantity);
            },
        );
        for_each_line(
            lines,
            items,
            |item| &item.line_id,
            |line, item| {
                line.returned = line.returned.saturating_add(item.quantity);
                line.returned_value = line.returned_value.saturating_add(item.value);
            },
        );
    }

    fn annotated(&mut self, annotated: &OrderAnnotated) {
        self.tags
            .retain(|tag| !annotated.removed_tags.contains(tag));
        self.tags.extend(annotated.added_tags.iter().cloned());
        self.metadata
            .retain(|key, _| !annotated.removed_metadata.contains(key));
        let pairs = annotated.set_metadata.iter();
        self.metadata
            .extend(pairs.map(|(key, value)| (key.clone(), value.clone())));
    }
}

/// Calls `change` for each item with the line that it names.
///
/// Items stand mostly in the order of the lines, so the search goes on where the last one ended:
/// an order of two thousand lines is placed in two thousand steps.
fn for_each_line<T>(
    lines: &mut [Line],
    items: &[T],
    line_id: impl Fn(&T) -> &LineId,
    mut change: impl FnMut(&mut Line, &T),
) {
    let mut next = 0;
    for item in items {
        let wanted = line_id(item);
        let ahead = lines
            .iter()
            .skip(next)
            .position(|line| line.line_id == *wanted);
        let found = ahead.map(|steps| steps.saturating_add(next)).or_else(|| {
            lines
                .iter()
                .take(next)
                .position(|line| line.line_id == *wanted)
        });
        if let Some(index) = found {
            if let Some(line) = lines.get_mut(index) {
                change(line, item);
            }
            next = index.saturating_add(1);
        }
    }
}
