//! The rule book on money.

use order::command::{AuthorizePayment, CapturePayment, FailPayment, RefundPayment, VoidPayment};
use order::event::{PaymentAuthorized, PaymentRefunded};
use order::state::Transaction;
use order::value::{PaymentId, RefundKind};
use order::{Event, Rejection};

use super::{Answer, assigned, invalid};
use crate::sequence::figures::Balance;
use crate::sequence::ledger::Ledger;
use crate::word;

pub(super) fn authorize(ledger: &Ledger, command: &AuthorizePayment) -> Answer {
    let mut answer = Answer::default();
    let sums = ledger.sums();
    let taken = |name: &str| ledger.payment(&word::payment_id(name)).is_some();
    let payment_id = command
        .payment_id
        .clone()
        .unwrap_or_else(|| word::payment_id(&assigned("P", ledger.payments.len(), taken)));
    answer.refuse_foreign(ledger, command.amount, "amount");
    answer.refuse_if(taken(payment_id.as_str()), || {
        Rejection::PaymentExists(payment_id.clone())
    });
    answer.refuse_seen(ledger, Transaction::Authorization, &command.psp_reference);
    if command.capture {
        answer.refuse_seen(ledger, Transaction::Capture, &command.psp_reference);
    }
    answer.refuse_above(command.amount, sums.balance - sums.open);
    answer
        .events
        .push(Event::PaymentAuthorized(PaymentAuthorized {
            payment_id: payment_id.clone(),
            amount: command.amount.amount,
            method: command.method.clone(),
            psp_reference: command.psp_reference.clone(),
            expire_time: command.expire_time,
        }));
    if command.capture {
        answer.events.push(Event::PaymentCaptured {
            payment_id,
            amount: command.amount.amount,
            psp_reference: command.psp_reference.clone(),
        });
    }
    answer
}

fn find(answer: &mut Answer, ledger: &Ledger, payment_id: &PaymentId) -> Balance {
    let found = ledger.payment(payment_id);
    answer.refuse_if(found.is_none(), || {
        Rejection::PaymentNotFound(payment_id.clone())
    });
    found.unwrap_or_default()
}

pub(super) fn capture(ledger: &Ledger, command: &CapturePayment) -> Answer {
    let mut answer = Answer::default();
    answer.refuse_foreign(ledger, command.amount, "amount");
    answer.refuse_seen(ledger, Transaction::Capture, &command.psp_reference);
    let payment = find(&mut answer, ledger, &command.payment_id);
    answer.refuse_above(command.amount, payment.open());
    answer.events.push(Event::PaymentCaptured {
        payment_id: command.payment_id.clone(),
        amount: command.amount.amount,
        psp_reference: command.psp_reference.clone(),
    });
    answer
}

pub(super) fn void(ledger: &Ledger, command: &VoidPayment) -> Answer {
    let mut answer = Answer::default();
    let payment = find(&mut answer, ledger, &command.payment_id);
    if let Some(reference) = &command.psp_reference {
        answer.refuse_seen(ledger, Transaction::Void, reference);
    }
    answer.refuse_if(payment.open() == 0, || {
        Rejection::PaymentClosed(command.payment_id.clone())
    });
    answer.events.push(Event::PaymentVoided {
        payment_id: command.payment_id.clone(),
        amount: word::amount(payment.open()),
        psp_reference: command.psp_reference.clone(),
    });
    answer
}

pub(super) fn fail(ledger: &Ledger, command: &FailPayment) -> Answer {
    let mut answer = Answer::default();
    answer.refuse_foreign(ledger, command.amount, "amount");
    answer.refuse_seen(ledger, Transaction::Failure, &command.psp_reference);
    answer.events.push(Event::PaymentFailed {
        method: command.method.clone(),
        amount: command.amount.amount,
        psp_reference: command.psp_reference.clone(),
        decline_code: command.decline_code.clone(),
    });
    answer
}

pub(super) fn refund(ledger: &Ledger, command: &RefundPayment) -> Answer {
    let mut answer = Answer::default();
    let sums = ledger.sums();
    answer.refuse_foreign(ledger, command.amount, "amount");
    answer.refuse_seen(ledger, Transaction::Refund, &command.psp_reference);
    let payment = find(&mut answer, ledger, &command.payment_id);
    let bound = match command.kind {
        RefundKind::Credit => (-sums.balance).max(0),
        // More than the order is still worth is not given on top.
        RefundKind::Goodwill => sums.net_total,
    };
    let mut available = bound.min(payment.captured - payment.refunded);
    if let Some(return_id) = &command.return_id {
        let known = ledger.return_value(return_id);
        let named = command.kind == RefundKind::Goodwill;
        answer.refuse_if(named, || invalid("return_id"));
        answer.refuse_if(known.is_none(), || {
            Rejection::ReturnNotFound(return_id.clone())
        });
        let (value, refunded) = known.unwrap_or_default();
        available = available.min(value - refunded);
    }
    answer.refuse_above(command.amount, available);
    answer.events.push(Event::PaymentRefunded(PaymentRefunded {
        payment_id: command.payment_id.clone(),
        amount: command.amount.amount,
        kind: command.kind,
        return_id: command.return_id.clone(),
        psp_reference: command.psp_reference.clone(),
    }));
    answer
}
