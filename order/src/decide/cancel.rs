//! Cancelling, in part and whole.

use super::{Moment, goods, with_lines};
use crate::command::{CancelItems, CancelOrder};
use crate::state::Order;
use crate::value::{Amount, CancelReason};
use crate::{Event, Rejection};

pub(super) fn items(order: &Order, command: &CancelItems) -> Result<Vec<Event>, Rejection> {
    let mut items = Vec::with_capacity(command.items.len());
    for (line, item) in with_lines(order, &command.items, "items")? {
        goods::within(line, item.quantity, line.to_ship())?;
        items.push(line.value_of(item.quantity));
    }
    let cancelled: u64 = items
        .iter()
        .map(|item| u64::from(item.quantity.units()))
        .sum();
    if cancelled >= order.units(|line| line.live().units()) {
        return Err(Rejection::LastItems);
    }
    Ok(vec![Event::ItemsCancelled {
        items,
        reason: command.cancel_reason,
    }])
}

pub(super) fn order(
    order: &Order,
    command: CancelOrder,
    at: Moment,
) -> Result<Vec<Event>, Rejection> {
    if order.lines.iter().any(|line| !line.shipped.is_zero()) {
        return Err(Rejection::OrderShipped);
    }
    if command.cancel_reason == CancelReason::PaymentTimeout {
        check_overdue(order, at)?;
    }
    let live = order.lines.iter().filter(|line| !line.live().is_zero());
    let placed = order.placed.as_ref();
    Ok(vec![Event::OrderCancelled {
        items: live.map(|line| line.value_of(line.live())).collect(),
        shipping_value: placed.map_or(Amount::ZERO, |placed| placed.shipping_total),
        shipping_tax: placed.map_or(Amount::ZERO, |placed| placed.shipping_tax),
        reason: command.cancel_reason,
    }])
}

/// Overdue: the due time of an order that is still unpaid has passed.
fn check_overdue(order: &Order, at: Moment) -> Result<(), Rejection> {
    if order.unpaid_due_time().is_some_and(|due| due <= at.now) {
        Ok(())
    } else {
        Err(Rejection::PaymentNotOverdue {
            due_time: order.payment_due_time,
        })
    }
}
