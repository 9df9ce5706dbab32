//! What is always true of an order, in the figures of the books.

use order::command::EditAction;
use order::value::{Amount, Money, OrderState, RefundKind};
use order::{Command, Order};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::figures::{Sums, Units};
use super::ledger::{Ledger, coins};
use crate::abacus::{Cost, worth};

/// All laws on one state.
pub(crate) fn all(order: &Order, ledger: &Ledger) -> TestCaseResult {
    goods(ledger)?;
    ends(ledger)?;
    payments(ledger)?;
    prices(ledger)?;
    values(ledger)?;
    sums(ledger)?;
    bounds(order)?;
    once(ledger)
}

/// No unit is in two places, and none is lost.
fn goods(ledger: &Ledger) -> TestCaseResult {
    for units in ledger.goods() {
        let Units {
            ordered,
            cancelled,
            shipped,
            delivered,
            return_open,
            returned,
        } = units;
        prop_assert!(ordered >= 1, "{units:?}");
        prop_assert!(
            returned >= 0 && return_open >= 0 && cancelled >= 0,
            "{units:?}"
        );
        prop_assert!(returned + return_open <= delivered, "{units:?}");
        prop_assert!(delivered <= shipped, "{units:?}");
        prop_assert!(shipped <= ordered - cancelled, "{units:?}");
    }
    Ok(())
}

/// Nothing of a cancelled order is under way; everything of a completed one arrived.
fn ends(ledger: &Ledger) -> TestCaseResult {
    let goods = ledger.goods();
    let live: i128 = goods.iter().map(|units| units.live()).sum();
    match ledger.state {
        OrderState::Draft => prop_assert!(ledger.payments.is_empty() && ledger.parcels.is_empty()),
        OrderState::Placed => {
            prop_assert!(live > 0, "placed, and nothing is live");
            prop_assert!(!ledger.is_settled(), "settled, and not completed");
        }
        OrderState::Completed => {
            prop_assert!(live > 0 && goods.iter().all(|units| units.delivered == units.live()));
            prop_assert!(ledger.holds.is_empty());
        }
        OrderState::Cancelled => {
            prop_assert!(
                goods
                    .iter()
                    .all(|u| u.shipped == 0 && u.cancelled == u.ordered)
            );
            prop_assert!(ledger.holds.is_empty());
        }
    }
    Ok(())
}

/// Nothing is captured that was not authorised, nothing paid back that was not captured.
fn payments(ledger: &Ledger) -> TestCaseResult {
    for payment in &ledger.payments {
        let balance = ledger.payment(&payment.payment_id).unwrap_or_default();
        prop_assert!(
            balance.authorized >= 1 && balance.voided >= 0,
            "{balance:?}"
        );
        prop_assert!(0 <= balance.refunded, "{balance:?}");
        prop_assert!(balance.refunded <= balance.captured, "{balance:?}");
        prop_assert!(
            balance.captured <= balance.authorized - balance.voided,
            "{balance:?}"
        );
    }
    for found in &ledger.returns {
        let (value, refunded) = ledger.return_value(&found.return_id).unwrap_or_default();
        prop_assert!(
            refunded <= value,
            "{refunded} paid back for a return worth {value}"
        );
    }
    Ok(())
}

/// What was agreed is what the draft costs, and its lines and shipping are the whole of it.
fn prices(ledger: &Ledger) -> TestCaseResult {
    let Some(frozen) = &ledger.placed else {
        return Ok(());
    };
    let (costs, shipping) = ledger.draft.costs();
    prop_assert_eq!(&frozen.costs, &costs);
    prop_assert_eq!(frozen.shipping, shipping);
    let all: i128 = costs.iter().chain([&shipping]).map(|cost| cost.total).sum();
    prop_assert_eq!(frozen.total, all);
    if !ledger.draft.prices_include_tax {
        let taxed = |cost: &Cost| cost.base - cost.discount + cost.tax;
        let all: i128 = costs.iter().chain([&shipping]).map(taxed).sum();
        prop_assert_eq!(frozen.total, all);
    }
    Ok(())
}

/// What was recorded as gone of a line is what its gone units are worth, to the last coin.
fn values(ledger: &Ledger) -> TestCaseResult {
    let goods = ledger.goods();
    for (index, (article, units)) in ledger.draft.articles.iter().zip(goods).enumerate() {
        let cost = ledger
            .placed
            .as_ref()
            .map_or(Cost::default(), |frozen| frozen.costs[index]);
        let gone = ledger.gone().filter(|gone| gone.line_id == article.line_id);
        let (mut value, mut tax) = (0, 0);
        for part in gone {
            prop_assert!(coins(part.value) >= 0 && coins(part.tax) >= 0, "{part:?}");
            value += coins(part.value);
            tax += coins(part.tax);
        }
        let count = units.cancelled + units.returned;
        prop_assert_eq!(
            value,
            worth(cost.total, units.ordered, count),
            "{:?}",
            article
        );
        prop_assert_eq!(tax, worth(cost.tax, units.ordered, count), "{:?}", article);
    }
    Ok(())
}

fn sums(ledger: &Ledger) -> TestCaseResult {
    let sums = ledger.sums();
    prop_assert!(
        0 <= sums.net_total && sums.net_total <= sums.placed_total,
        "{sums:?}"
    );
    prop_assert!(
        0 <= sums.goodwill && sums.goodwill <= sums.refunded,
        "{sums:?}"
    );
    prop_assert!(sums.refunded <= sums.captured, "{sums:?}");
    // Nobody pays twice: what is paid and promised never passes what was agreed.
    prop_assert!(sums.captured + sums.open <= sums.placed_total, "{sums:?}");
    Ok(())
}

/// Amounts stay in their bounds, so that no sum of the code under test was held at one.
fn bounds(order: &Order) -> TestCaseResult {
    let totals = order.totals();
    for amount in [
        totals.placed_total,
        totals.net_total,
        totals.captured,
        totals.balance,
    ] {
        prop_assert!(amount.minor_units().abs() <= Amount::LIMIT, "{amount}");
    }
    Ok(())
}

/// Placed once, ended once.
fn once(ledger: &Ledger) -> TestCaseResult {
    let count = |name| ledger.happened.get(name).copied().unwrap_or(0);
    prop_assert_eq!(count("OrderCreated"), 1);
    prop_assert!(count("OrderPlaced") <= 1);
    prop_assert!(count("OrderCompleted") + count("OrderCancelled") <= 1);
    prop_assert!(count("PersonalDataErased") <= 1);
    prop_assert_eq!(
        u64::from(ledger.happened.values().sum::<u32>()),
        ledger.version
    );
    Ok(())
}

/// A refund of credit never makes a debt, and goodwill never makes one larger.
pub(crate) fn refund(command: &Command, before: Sums, after: Sums) -> TestCaseResult {
    if let Command::RefundPayment(refund) = command {
        match refund.kind {
            RefundKind::Credit => prop_assert!(after.balance <= 0, "{after:?}"),
            RefundKind::Goodwill => {
                prop_assert!(after.balance.max(0) <= before.balance.max(0), "{after:?}");
            }
        }
    }
    Ok(())
}

/// Money that was accepted is in the order's currency.
pub(crate) fn currency(command: &Command, ledger: &Ledger) -> TestCaseResult {
    for money in money(command) {
        prop_assert_eq!(money.currency, ledger.draft.currency);
    }
    Ok(())
}

fn money(command: &Command) -> Vec<Money> {
    match command {
        Command::Create(create) => {
            let lines = create.lines.iter().map(|line| line.unit_price);
            let shipping = create.shipping.iter().map(|shipping| shipping.price);
            lines.chain(shipping).collect()
        }
        Command::Edit(edit) => {
            let added = edit.actions.iter().map(|action| match action {
                EditAction::AddLine(line) => Some(line.unit_price),
                EditAction::SetShipping(shipping) => Some(shipping.price),
                EditAction::SetQuantity { .. }
                | EditAction::RemoveLine { .. }
                | EditAction::SetDiscounts(_)
                | EditAction::SetCustomer(_) => None,
            });
            added.flatten().collect()
        }
        Command::Place(place) => place.expected_total.into_iter().collect(),
        Command::AuthorizePayment(authorize) => vec![authorize.amount],
        Command::CapturePayment(capture) => vec![capture.amount],
        Command::FailPayment(fail) => vec![fail.amount],
        Command::RefundPayment(refund) => vec![refund.amount],
        Command::VoidPayment(_)
        | Command::ShipItems(_)
        | Command::CloseShipment(_)
        | Command::CancelItems(_)
        | Command::CancelOrder(_)
        | Command::RequestReturn(_)
        | Command::ReceiveReturn(_)
        | Command::Hold(_)
        | Command::Release(_)
        | Command::Annotate(_)
        | Command::ErasePersonalData => Vec::new(),
    }
}
