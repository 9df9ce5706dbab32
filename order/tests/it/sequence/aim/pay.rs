//! Commands about money.

use order::Command;
use order::command::{AuthorizePayment, CapturePayment, FailPayment, RefundPayment, VoidPayment};
use order::state::Transaction;
use order::value::{PaymentId, PspReference, RefundKind, ReturnId};

use super::Shot;
use crate::sequence::figures::Balance;
use crate::sequence::plan::Aim;
use crate::word;

impl Shot<'_> {
    fn new_reference(&self) -> PspReference {
        word::psp(&format!("t{}", self.number))
    }

    fn reference(&self, kind: Transaction) -> PspReference {
        let seen = self.ledger.references.iter().filter(|seen| seen.0 == kind);
        let repeated = self.one_of(seen.map(|seen| seen.1.clone()));
        let repeated = repeated.filter(|_| self.is(Aim::Taken));
        repeated.unwrap_or_else(|| self.new_reference())
    }

    pub(super) fn authorize(&self) -> Command {
        let sums = self.ledger.sums();
        let payments = self.ledger.payments.iter();
        let there: Vec<String> = payments.map(|p| p.payment_id.to_string()).collect();
        let hour = self.now.plus_seconds(3_600);
        Command::AuthorizePayment(AuthorizePayment {
            payment_id: self.name("P", &there).map(|name| word::payment_id(&name)),
            amount: self.money(self.share(sums.balance - sums.open)),
            method: word::text("card"),
            psp_reference: if self.one_in(2) {
                self.new_reference()
            } else {
                self.reference(Transaction::Authorization)
            },
            expire_time: self.one_in(3).then_some(hour),
            capture: self.pick() % 5 < 2,
        })
    }

    /// A payment with money left by a measure, or any if there is none such.
    fn payment(&self, left: impl Fn(Balance) -> i128) -> (PaymentId, i128) {
        let nobody = (word::payment_id("nobody"), 1);
        let payments = self.ledger.payments.iter().map(|payment| {
            let balance = self.ledger.payment(&payment.payment_id);
            (payment.payment_id.clone(), balance.map_or(0, &left))
        });
        let all: Vec<(PaymentId, i128)> = payments.collect();
        let ended = self.is(Aim::Stale);
        let wanted = all.iter().filter(|(_, left)| (*left <= 0) == ended);
        let found = self.one_of(wanted).or_else(|| self.one_of(&all));
        let found = found.filter(|_| !self.is(Aim::Unknown));
        found.cloned().unwrap_or(nobody)
    }

    pub(super) fn capture(&self) -> Command {
        let (payment_id, open) = self.payment(Balance::open);
        Command::CapturePayment(CapturePayment {
            payment_id,
            amount: self.money(self.share(open)),
            psp_reference: self.reference(Transaction::Capture),
        })
    }

    pub(super) fn void(&self) -> Command {
        let (payment_id, _) = self.payment(Balance::open);
        let told = self.one_in(2) || self.is(Aim::Taken);
        Command::VoidPayment(VoidPayment {
            payment_id,
            psp_reference: told.then(|| self.reference(Transaction::Void)),
        })
    }

    pub(super) fn fail(&self) -> Command {
        Command::FailPayment(FailPayment {
            method: word::text("card"),
            amount: self.money(self.share(100)),
            psp_reference: self.reference(Transaction::Failure),
            decline_code: word::text("51"),
        })
    }

    pub(super) fn refund(&self) -> Command {
        let sums = self.ledger.sums();
        let (payment_id, captured) = self.payment(|balance| balance.captured - balance.refunded);
        let goodwill = self.one_in(3) || (self.is(Aim::True) && sums.balance >= 0);
        let return_id = self.refunded_return(goodwill);
        let bound = match &return_id {
            _ if goodwill => sums.net_total,
            None => -sums.balance,
            Some(return_id) => {
                let (value, refunded) = self.ledger.return_value(return_id).unwrap_or_default();
                (value - refunded).min(-sums.balance)
            }
        };
        Command::RefundPayment(RefundPayment {
            payment_id,
            amount: self.money(self.share(captured.min(bound))),
            kind: if goodwill {
                RefundKind::Goodwill
            } else {
                RefundKind::Credit
            },
            return_id,
            psp_reference: self.reference(Transaction::Refund),
        })
    }

    fn refunded_return(&self, goodwill: bool) -> Option<ReturnId> {
        let returns = self.ledger.returns.iter();
        let found = self.one_of(returns.map(|found| found.return_id.clone()));
        let unknown = word::return_id("nothing");
        if self.is(Aim::Odd) {
            Some(found.unwrap_or(unknown))
        } else if self.is(Aim::Unknown) && self.one_in(2) {
            Some(unknown)
        } else {
            found.filter(|_| !goodwill && self.pick() % 3 == 1)
        }
    }
}
