//! Payments: facts recorded for the provider's adapter.

use super::{in_currency, ordinal};
use crate::command::{AuthorizePayment, CapturePayment, FailPayment, RefundPayment, VoidPayment};
use crate::event::{PaymentAuthorized, PaymentRefunded};
use crate::state::{Order, Payment, Transaction};
use crate::value::{Amount, PaymentId, PspReference, RefundKind};
use crate::{Event, Rejection};

pub(super) fn authorize(
    order: &Order,
    command: &AuthorizePayment,
) -> Result<Vec<Event>, Rejection> {
    let amount = in_currency(order, command.amount, "amount")?;
    let payment_id = match &command.payment_id {
        Some(id) if order.payment(id).is_some() => {
            return Err(Rejection::PaymentExists(id.clone()));
        }
        Some(id) => id.clone(),
        None => assign(order)?,
    };
    let reference = &command.psp_reference;
    unseen(order, Transaction::Authorization, reference)?;
    if command.capture {
        unseen(order, Transaction::Capture, reference)?;
    }
    let available = order.balance().saturating_sub(order.open_authorizations());
    within(amount, available)?;
    let mut events = vec![Event::PaymentAuthorized(PaymentAuthorized {
        payment_id: payment_id.clone(),
        amount,
        method: command.method.clone(),
        psp_reference: reference.clone(),
        expire_time: command.expire_time,
    })];
    if command.capture {
        let psp_reference = reference.clone();
        events.push(Event::PaymentCaptured {
            payment_id,
            amount,
            psp_reference,
        });
    }
    Ok(events)
}

pub(super) fn capture(order: &Order, command: &CapturePayment) -> Result<Vec<Event>, Rejection> {
    let amount = in_currency(order, command.amount, "amount")?;
    let payment = find(order, &command.payment_id)?;
    unseen(order, Transaction::Capture, &command.psp_reference)?;
    within(amount, payment.open())?;
    Ok(vec![Event::PaymentCaptured {
        payment_id: payment.payment_id.clone(),
        amount,
        psp_reference: command.psp_reference.clone(),
    }])
}

pub(super) fn void(order: &Order, command: &VoidPayment) -> Result<Vec<Event>, Rejection> {
    let payment = find(order, &command.payment_id)?;
    if let Some(reference) = &command.psp_reference {
        unseen(order, Transaction::Void, reference)?;
    }
    let amount = payment.open();
    if amount <= Amount::ZERO {
        return Err(Rejection::PaymentClosed(payment.payment_id.clone()));
    }
    Ok(vec![Event::PaymentVoided {
        payment_id: payment.payment_id.clone(),
        amount,
        psp_reference: command.psp_reference.clone(),
    }])
}

pub(super) fn fail(order: &Order, command: &FailPayment) -> Result<Vec<Event>, Rejection> {
    let amount = in_currency(order, command.amount, "amount")?;
    unseen(order, Transaction::Failure, &command.psp_reference)?;
    Ok(vec![Event::PaymentFailed {
        method: command.method.clone(),
        amount,
        psp_reference: command.psp_reference.clone(),
        decline_code: command.decline_code.clone(),
    }])
}

pub(super) fn refund(order: &Order, command: &RefundPayment) -> Result<Vec<Event>, Rejection> {
    let amount = in_currency(order, command.amount, "amount")?;
    let payment = find(order, &command.payment_id)?;
    unseen(order, Transaction::Refund, &command.psp_reference)?;
    let mut available = payment.captured.saturating_sub(payment.refunded);
    match command.kind {
        RefundKind::Credit => {
            let owed = Amount::ZERO
                .saturating_sub(order.balance())
                .max(Amount::ZERO);
            available = available.min(owed);
        }
        // More goodwill than the order is still worth would be owed to nobody.
        RefundKind::Goodwill => available = available.min(order.totals().net_total),
    }
    if let Some(return_id) = &command.return_id {
        if command.kind == RefundKind::Goodwill {
            return Err(super::invalid(
                "return_id",
                "empty for a refund of kind GOODWILL",
            ));
        }
        let returned = order
            .return_of(return_id)
            .ok_or_else(|| Rejection::ReturnNotFound(return_id.clone()))?;
        available = available.min(returned.value.saturating_sub(returned.refunded));
    }
    within(amount, available)?;
    Ok(vec![Event::PaymentRefunded(PaymentRefunded {
        payment_id: payment.payment_id.clone(),
        amount,
        kind: command.kind,
        return_id: command.return_id.clone(),
        psp_reference: command.psp_reference.clone(),
    })])
}

fn find<'a>(order: &'a Order, payment_id: &PaymentId) -> Result<&'a Payment, Rejection> {
    order
        .payment(payment_id)
        .ok_or_else(|| Rejection::PaymentNotFound(payment_id.clone()))
}

fn unseen(order: &Order, kind: Transaction, reference: &PspReference) -> Result<(), Rejection> {
    if order.psp_references.contains(&(kind, reference.clone())) {
        Err(Rejection::PspReferenceSeen(reference.clone()))
    } else {
        Ok(())
    }
}

fn within(requested: Amount, available: Amount) -> Result<(), Rejection> {
    if requested <= available {
        Ok(())
    } else {
        Err(Rejection::AmountExceeded {
            requested,
            available: available.max(Amount::ZERO),
        })
    }
}

fn assign(order: &Order) -> Result<PaymentId, Rejection> {
    let name = ordinal("P", order.ordinals.payments, |name| {
        order
            .payments
            .iter()
            .any(|payment| payment.payment_id.as_str() == name)
    });
    PaymentId::new(&name).map_err(|_unassignable| Rejection::LimitExceeded {
        what: "payments",
        limit: u32::MAX.into(),
    })
}
