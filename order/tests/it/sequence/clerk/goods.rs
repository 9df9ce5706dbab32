//! The rule book on goods: shipments, returns, cancellations.

use order::command::{
    CancelItems, CancelOrder, CloseShipment, LineQuantity, ReceiveReturn, RequestReturn, ShipItems,
};
use order::event::{ItemsShipped, LineValue};
use order::value::{CancelReason, LineId, PaymentTerms, ShipmentOutcome};
use order::{Event, Moment, Rejection};

use super::{Answer, assigned, refused};
use crate::abacus::{Cost, worth};
use crate::sequence::figures::Units;
use crate::sequence::ledger::Ledger;
use crate::word;

pub(super) fn ship(ledger: &Ledger, command: &ShipItems) -> Answer {
    let mut answer = Answer::default();
    let sums = ledger.sums();
    let taken = |name: &str| {
        ledger
            .parcels
            .iter()
            .any(|p| p.shipment_id.as_str() == name)
    };
    let shipment_id = command
        .shipment_id
        .clone()
        .unwrap_or_else(|| word::shipment_id(&assigned("S", ledger.parcels.len(), taken)));
    answer.refuse_if(taken(shipment_id.as_str()), || {
        Rejection::ShipmentExists(shipment_id.clone())
    });
    answer.refuse_if(!ledger.holds.is_empty(), || Rejection::OrderOnHold {
        holds: ledger.holds.iter().copied().collect(),
    });
    let covered = sums.captured - sums.refunded + sums.open;
    let prepaid = ledger.draft.terms == PaymentTerms::Prepaid;
    answer.refuse_if(prepaid && covered < sums.net_total, || {
        Rejection::PaymentNotCovered {
            covered: word::amount(covered),
            required: word::amount(sums.net_total),
        }
    });
    answer.refuse_items(ledger, ("items", &command.items), |_, units| {
        units.to_ship()
    });
    answer.events.push(Event::ItemsShipped(ItemsShipped {
        shipment_id,
        items: command.items.clone(),
        carrier: command.carrier.clone(),
        tracking_number: command.tracking_number.clone(),
    }));
    answer
}

pub(super) fn close(ledger: &Ledger, command: &CloseShipment) -> Answer {
    let shipment_id = command.shipment_id.clone();
    let parcel = ledger.parcels.iter().find(|p| p.shipment_id == shipment_id);
    let Some(parcel) = parcel else {
        return refused(Rejection::ShipmentNotFound(shipment_id));
    };
    let mut answer = Answer::default();
    answer.refuse_if(parcel.outcome.is_some(), || {
        Rejection::ShipmentClosed(shipment_id.clone())
    });
    answer.events.push(match command.outcome {
        ShipmentOutcome::Delivered => Event::ShipmentDelivered { shipment_id },
        ShipmentOutcome::Failed => Event::ShipmentFailed { shipment_id },
    });
    answer
}

pub(super) fn request_return(ledger: &Ledger, command: &RequestReturn) -> Answer {
    let mut answer = Answer::default();
    let taken = |name: &str| ledger.returns.iter().any(|r| r.return_id.as_str() == name);
    let return_id = command
        .return_id
        .clone()
        .unwrap_or_else(|| word::return_id(&assigned("R", ledger.returns.len(), taken)));
    answer.refuse_if(taken(return_id.as_str()), || {
        Rejection::ReturnExists(return_id.clone())
    });
    let available = |_: &LineId, units: Units| units.returnable();
    answer.refuse_items(ledger, ("items", &command.items), available);
    answer.events.push(Event::ReturnRequested {
        return_id,
        items: command.items.clone(),
        reason: command.return_reason,
    });
    answer
}

pub(super) fn receive_return(ledger: &Ledger, command: &ReceiveReturn) -> Answer {
    let return_id = command.return_id.clone();
    let found = ledger.returns.iter().find(|r| r.return_id == return_id);
    let Some(found) = found else {
        return refused(Rejection::ReturnNotFound(return_id));
    };
    let mut answer = Answer::default();
    answer.refuse_if(found.received.is_some(), || {
        Rejection::ReturnClosed(return_id.clone())
    });
    let announced = |line_id: &LineId| {
        let mut items = found.requested.iter();
        items.find(|item| item.line_id == *line_id).map_or(0, units)
    };
    let received = ("received", command.received.as_slice());
    answer.refuse_items(ledger, received, |line_id, _| announced(line_id));
    let arrived = command.received.iter().filter(|item| units(item) > 0);
    let values = arrived.filter_map(|item| part(ledger, &item.line_id, units(item)));
    answer.events.push(Event::ReturnReceived {
        return_id,
        items: values.collect(),
    });
    answer
}

fn units(item: &LineQuantity) -> i128 {
    item.quantity.units().into()
}

/// What `n` more units of a line are worth, after those that are gone.
fn part(ledger: &Ledger, line_id: &LineId, n: i128) -> Option<LineValue> {
    let index = ledger.draft.index(line_id)?;
    let Units {
        ordered,
        cancelled,
        returned,
        ..
    } = ledger.goods()[index];
    let cost = ledger
        .placed
        .as_ref()
        .map_or(Cost::default(), |frozen| frozen.costs[index]);
    let gone = cancelled + returned;
    if gone + n > ordered {
        return None;
    }
    let share = |of: i128| word::amount(worth(of, ordered, gone + n) - worth(of, ordered, gone));
    Some(LineValue {
        line_id: line_id.clone(),
        quantity: word::units(n),
        value: share(cost.total),
        tax: share(cost.tax),
    })
}

pub(super) fn cancel_items(ledger: &Ledger, command: &CancelItems) -> Answer {
    let mut answer = Answer::default();
    answer.refuse_items(ledger, ("items", &command.items), |_, units| {
        units.to_ship()
    });
    let cancelled: i128 = command.items.iter().map(units).sum();
    let live: i128 = ledger.goods().into_iter().map(Units::live).sum();
    answer.refuse_if(cancelled >= live, || Rejection::LastItems);
    let items = command.items.iter();
    let values = items.filter_map(|item| part(ledger, &item.line_id, units(item)));
    answer.events.push(Event::ItemsCancelled {
        items: values.collect(),
        reason: command.cancel_reason,
    });
    answer
}

pub(super) fn cancel_order(ledger: &Ledger, command: CancelOrder, at: Moment) -> Answer {
    let mut answer = Answer::default();
    let (goods, sums) = (ledger.goods(), ledger.sums());
    let frozen = ledger.placed.as_ref();
    let due_time = frozen.and_then(|frozen| frozen.payment_due_time);
    answer.refuse_if(goods.iter().any(|units| units.shipped > 0), || {
        Rejection::OrderShipped
    });
    let overdue = due_time.is_some_and(|due| due <= at.now) && sums.captured == 0 && sums.open == 0;
    let timeout = command.cancel_reason == CancelReason::PaymentTimeout;
    answer.refuse_if(timeout && !overdue, || Rejection::PaymentNotOverdue {
        due_time,
    });
    let lines = ledger.draft.articles.iter().zip(&goods);
    let live = lines.filter(|(_, units)| units.live() > 0);
    let values = live.filter_map(|(article, units)| part(ledger, &article.line_id, units.live()));
    let shipping = frozen.map(|frozen| frozen.shipping).unwrap_or_default();
    answer.events.push(Event::OrderCancelled {
        items: values.collect(),
        shipping_value: word::amount(shipping.total),
        shipping_tax: word::amount(shipping.tax),
        reason: command.cancel_reason,
    });
    answer
}
