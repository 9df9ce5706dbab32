//! Shipments and returns.

use super::{ordinal, with_lines};
use crate::command::{CloseShipment, ReceiveReturn, RequestReturn, ShipItems};
use crate::event::{ItemsShipped, LineValue};
use crate::pricing::partial_value;
use crate::state::{Line, Order};
use crate::value::{PaymentTerms, Quantity, ReturnId, ShipmentId, ShipmentOutcome};
use crate::{Event, Rejection};

pub(super) fn ship(order: &Order, command: &ShipItems) -> Result<Vec<Event>, Rejection> {
    let shipment_id = match &command.shipment_id {
        Some(id) if order.shipment(id).is_some() => {
            return Err(Rejection::ShipmentExists(id.clone()));
        }
        Some(id) => id.clone(),
        None => assign_shipment(order)?,
    };
    let lines = with_lines(order, &command.items, "items")?;
    if order.is_on_hold() {
        return Err(Rejection::OrderOnHold {
            holds: order.holds.iter().copied().collect(),
        });
    }
    if order.terms == PaymentTerms::Prepaid {
        let required = order.totals().net_total;
        let covered = order
            .captured_net()
            .saturating_add(order.open_authorizations());
        if covered < required {
            return Err(Rejection::PaymentNotCovered { covered, required });
        }
    }
    for (line, item) in lines {
        within(line, item.quantity, line.to_ship())?;
    }
    Ok(vec![Event::ItemsShipped(ItemsShipped {
        shipment_id,
        items: command.items.clone(),
        carrier: command.carrier.clone(),
        tracking_number: command.tracking_number.clone(),
    })])
}

pub(super) fn close(order: &Order, command: &CloseShipment) -> Result<Vec<Event>, Rejection> {
    let shipment_id = command.shipment_id.clone();
    let shipment = order
        .shipment(&shipment_id)
        .ok_or_else(|| Rejection::ShipmentNotFound(shipment_id.clone()))?;
    if shipment.closed.is_some() {
        return Err(Rejection::ShipmentClosed(shipment_id));
    }
    Ok(vec![match command.outcome {
        ShipmentOutcome::Delivered => Event::ShipmentDelivered { shipment_id },
        ShipmentOutcome::Failed => Event::ShipmentFailed { shipment_id },
    }])
}

pub(super) fn request_return(
    order: &Order,
    command: &RequestReturn,
) -> Result<Vec<Event>, Rejection> {
    let return_id = match &command.return_id {
        Some(id) if order.return_of(id).is_some() => {
            return Err(Rejection::ReturnExists(id.clone()));
        }
        Some(id) => id.clone(),
        None => assign_return(order)?,
    };
    for (line, item) in with_lines(order, &command.items, "items")? {
        within(line, item.quantity, line.returnable())?;
    }
    let (items, reason) = (command.items.clone(), command.return_reason);
    Ok(vec![Event::ReturnRequested {
        return_id,
        items,
        reason,
    }])
}

pub(super) fn receive_return(
    order: &Order,
    command: &ReceiveReturn,
) -> Result<Vec<Event>, Rejection> {
    let return_id = command.return_id.clone();
    let found = order
        .return_of(&return_id)
        .ok_or_else(|| Rejection::ReturnNotFound(return_id.clone()))?;
    if !found.open {
        return Err(Rejection::ReturnClosed(return_id));
    }
    let mut items = Vec::with_capacity(command.received.len());
    for (line, item) in with_lines(order, &command.received, "received")? {
        let requested = found
            .requested
            .iter()
            .find(|wanted| wanted.line_id == item.line_id);
        within(
            line,
            item.quantity,
            requested.map_or(Quantity::ZERO, |wanted| wanted.quantity),
        )?;
        if !item.quantity.is_zero() {
            items.push(line.value_of(item.quantity));
        }
    }
    Ok(vec![Event::ReturnReceived { return_id, items }])
}

impl Line {
    /// What `n` more units are worth when they are cancelled or returned next.
    pub(super) fn value_of(&self, n: Quantity) -> LineValue {
        let gone = self.cancelled.saturating_add(self.returned);
        LineValue {
            line_id: self.line_id.clone(),
            quantity: n,
            value: partial_value(self.total, self.quantity, gone, n),
            tax: partial_value(self.tax, self.quantity, gone, n),
        }
    }
}

pub(super) fn within(
    line: &Line,
    requested: Quantity,
    available: Quantity,
) -> Result<(), Rejection> {
    if requested <= available {
        Ok(())
    } else {
        Err(Rejection::QuantityExceeded {
            line_id: line.line_id.clone(),
            requested: requested.units(),
            available: available.units(),
        })
    }
}

fn assign_shipment(order: &Order) -> Result<ShipmentId, Rejection> {
    let name = ordinal("S", order.ordinals.shipments, |name| {
        order
            .shipments
            .iter()
            .any(|shipment| shipment.shipment_id.as_str() == name)
    });
    ShipmentId::new(&name).map_err(|_unassignable| Rejection::LimitExceeded {
        what: "shipments",
        limit: u32::MAX.into(),
    })
}

fn assign_return(order: &Order) -> Result<ReturnId, Rejection> {
    let name = ordinal("R", order.ordinals.returns, |name| {
        order
            .returns
            .iter()
            .any(|found| found.return_id.as_str() == name)
    });
    ReturnId::new(&name).map_err(|_unassignable| Rejection::LimitExceeded {
        what: "returns",
        limit: u32::MAX.into(),
    })
}
