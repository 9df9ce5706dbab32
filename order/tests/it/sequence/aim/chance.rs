//! Which commands the books have something for.

use order::value::{OrderState, PaymentTerms};

use super::Shot;
use crate::sequence::figures::{Balance, Units};
use crate::sequence::plan::Act;

impl Shot<'_> {
    /// Whether the books have something for this command.
    pub(super) fn has_chance(&self) -> bool {
        let ledger = self.ledger;
        let sums = ledger.sums();
        let placed = ledger.state == OrderState::Placed;
        let draft = ledger.state == OrderState::Draft;
        let delivering = placed || ledger.state == OrderState::Completed;
        match self.step.act {
            Act::Create => ledger.version == 0,
            Act::Edit => draft,
            Act::Place => draft && !ledger.draft.articles.is_empty(),
            Act::Authorize => placed && sums.balance > sums.open,
            Act::Capture | Act::Void => !draft && self.some_payment(Balance::open),
            Act::Fail => placed || ledger.state == OrderState::Cancelled,
            Act::Refund => {
                let given = sums.net_total > 0 && self.one_in(5);
                !draft
                    && (given || sums.balance < 0)
                    && self.some_payment(|b| b.captured - b.refunded)
            }
            Act::Ship => placed && self.may_ship() && self.some_line(Units::to_ship),
            Act::Close => placed && ledger.parcels.iter().any(|p| p.outcome.is_none()),
            Act::CancelItems => placed && self.some_line(Units::to_ship),
            Act::CancelOrder => (placed || draft) && !self.some_line(|units| units.shipped),
            Act::RequestReturn => delivering && self.some_line(Units::returnable),
            Act::ReceiveReturn => {
                delivering && ledger.returns.iter().any(|found| found.received.is_none())
            }
            Act::Hold => placed,
            Act::Release => placed && !ledger.holds.is_empty(),
            Act::Annotate => ledger.version > 0,
            Act::Erase => !draft && !placed && !ledger.erased && sums.balance == 0,
        }
    }

    fn some_payment(&self, left: impl Fn(Balance) -> i128) -> bool {
        let payments = self.ledger.payments.iter();
        payments
            .filter_map(|payment| self.ledger.payment(&payment.payment_id))
            .any(|balance| left(balance) > 0)
    }

    fn some_line(&self, left: impl Fn(Units) -> i128) -> bool {
        self.ledger.goods().into_iter().any(|units| left(units) > 0)
    }

    fn may_ship(&self) -> bool {
        let sums = self.ledger.sums();
        let covered = sums.captured - sums.refunded + sums.open >= sums.net_total;
        let on_account = self.ledger.draft.terms == PaymentTerms::OnAccount;
        self.ledger.holds.is_empty() && (on_account || covered)
    }
}
