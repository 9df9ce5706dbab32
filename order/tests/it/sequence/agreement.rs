//! The fold and the books tell the same story.

use order::Order;
use order::state::{Line, Payment, Return, Shipment};
use order::value::ShipmentOutcome;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::figures::{Balance, Units};
use super::ledger::{Draft, Ledger, coins};
use crate::abacus::Cost;

/// Every figure of the order is that of the books.
pub(crate) fn all(order: &Order, ledger: &Ledger) -> TestCaseResult {
    prop_assert_eq!(order.version, ledger.version);
    prop_assert_eq!(order.state, ledger.state);
    prop_assert_eq!(order.create_time, ledger.create_time);
    draft(order, &ledger.draft)?;
    lines(order, ledger)?;
    placed(order, ledger)?;
    payments(order, ledger)?;
    goods(order, ledger)?;
    words(order, ledger)?;
    totals(order, ledger)?;
    prop_assert_eq!(order.payment_state(), ledger.payment_state());
    prop_assert_eq!(order.fulfillment_state(), ledger.fulfillment_state());
    prop_assert_eq!(order.return_state(), ledger.return_state());
    prop_assert_eq!(order.is_settled(), ledger.is_settled());
    Ok(())
}

fn draft(order: &Order, draft: &Draft) -> TestCaseResult {
    prop_assert_eq!(order.currency, draft.currency);
    prop_assert_eq!(order.prices_include_tax, draft.prices_include_tax);
    prop_assert_eq!(order.terms, draft.terms);
    prop_assert_eq!(&order.customer, &draft.customer);
    prop_assert_eq!(&order.discounts, &draft.discounts);
    prop_assert_eq!(&order.shipping, &draft.shipping);
    Ok(())
}

fn lines(order: &Order, ledger: &Ledger) -> TestCaseResult {
    prop_assert_eq!(order.lines.len(), ledger.draft.articles.len());
    let books = ledger.draft.articles.iter().zip(ledger.goods());
    for (index, (line, (article, units))) in order.lines.iter().zip(books).enumerate() {
        prop_assert_eq!(&line.line_id, &article.line_id);
        prop_assert_eq!(coins(line.unit_price), article.price);
        prop_assert_eq!(i128::from(line.tax_rate.ppm()), article.ppm);
        prop_assert_eq!(units_of(line), units, "line {}", &line.line_id);
        prop_assert_eq!(i128::from(line.live().units()), units.live());
        prop_assert_eq!(i128::from(line.to_ship().units()), units.to_ship());
        prop_assert_eq!(i128::from(line.returnable().units()), units.returnable());
        let cost = ledger
            .placed
            .as_ref()
            .map_or(Cost::default(), |frozen| frozen.costs[index]);
        prop_assert_eq!(coins(line.discount), cost.discount);
        prop_assert_eq!(coins(line.tax), cost.tax);
        prop_assert_eq!(coins(line.total), cost.total);
        let gone = ledger.gone().filter(|gone| gone.line_id == line.line_id);
        let gone: i128 = gone.map(|gone| coins(gone.value)).sum();
        prop_assert_eq!(
            coins(line.cancelled_value) + coins(line.returned_value),
            gone
        );
        prop_assert_eq!(coins(line.live_value()), cost.total - gone);
    }
    Ok(())
}

fn units_of(line: &Line) -> Units {
    Units {
        ordered: line.quantity.units().into(),
        cancelled: line.cancelled.units().into(),
        shipped: line.shipped.units().into(),
        delivered: line.delivered.units().into(),
        return_open: line.return_open.units().into(),
        returned: line.returned.units().into(),
    }
}

fn placed(order: &Order, ledger: &Ledger) -> TestCaseResult {
    let books = ledger.placed.as_ref();
    prop_assert_eq!(order.place_time, books.map(|frozen| frozen.place_time));
    let due_time = books.and_then(|frozen| frozen.payment_due_time);
    prop_assert_eq!(order.payment_due_time, due_time);
    let frozen = order.placed.as_ref().map(|placed| {
        let shipping = (placed.shipping_total, placed.shipping_tax);
        (
            coins(placed.placed_total),
            coins(shipping.0),
            coins(shipping.1),
        )
    });
    let books = books.map(|books| (books.total, books.shipping.total, books.shipping.tax));
    prop_assert_eq!(frozen, books);
    Ok(())
}

fn payments(order: &Order, ledger: &Ledger) -> TestCaseResult {
    let balance = |payment: &Payment| Balance {
        authorized: coins(payment.authorized),
        captured: coins(payment.captured),
        voided: coins(payment.voided),
        refunded: coins(payment.refunded),
    };
    prop_assert_eq!(order.payments.len(), ledger.payments.len());
    for (payment, entry) in order.payments.iter().zip(&ledger.payments) {
        prop_assert_eq!(&payment.payment_id, &entry.payment_id);
        prop_assert_eq!(Some(balance(payment)), ledger.payment(&entry.payment_id));
        let open = ledger.payment(&entry.payment_id).map(Balance::open);
        prop_assert_eq!(Some(coins(payment.open())), open);
    }
    prop_assert_eq!(&order.psp_references, &ledger.references);
    prop_assert_eq!(order.failed_payments, ledger.failures);
    Ok(())
}

fn goods(order: &Order, ledger: &Ledger) -> TestCaseResult {
    let outcome = |parcel: &Shipment| {
        parcel
            .closed
            .map(|(outcome, _): (ShipmentOutcome, _)| outcome)
    };
    prop_assert_eq!(order.shipments.len(), ledger.parcels.len());
    for (shipment, parcel) in order.shipments.iter().zip(&ledger.parcels) {
        prop_assert_eq!(&shipment.shipment_id, &parcel.shipment_id);
        prop_assert_eq!(&shipment.items, &parcel.items);
        prop_assert_eq!(outcome(shipment), parcel.outcome);
    }
    let money = |found: &Return| (coins(found.value), coins(found.refunded));
    prop_assert_eq!(order.returns.len(), ledger.returns.len());
    for (found, entry) in order.returns.iter().zip(&ledger.returns) {
        prop_assert_eq!(&found.return_id, &entry.return_id);
        prop_assert_eq!(&found.requested, &entry.requested);
        prop_assert_eq!(found.open, entry.received.is_none());
        prop_assert_eq!(Some(money(found)), ledger.return_value(&entry.return_id));
        let arrived = entry.received.iter().flatten();
        let arrived: Vec<_> = arrived.map(|item| (&item.line_id, item.quantity)).collect();
        let received = found
            .received
            .iter()
            .map(|item| (&item.line_id, item.quantity));
        prop_assert_eq!(received.collect::<Vec<_>>(), arrived);
    }
    Ok(())
}

fn words(order: &Order, ledger: &Ledger) -> TestCaseResult {
    prop_assert_eq!(&order.holds, &ledger.holds);
    prop_assert_eq!(&order.tags, &ledger.tags);
    prop_assert_eq!(&order.metadata, &ledger.metadata);
    prop_assert_eq!(order.cancel_reason, ledger.cancel_reason);
    prop_assert_eq!(order.shipping_cancelled, ledger.cancel_reason.is_some());
    prop_assert_eq!(order.personal_data_erased, ledger.erased);
    Ok(())
}

fn totals(order: &Order, ledger: &Ledger) -> TestCaseResult {
    let (totals, sums) = (order.totals(), ledger.sums());
    let (lines, shipping) = match &ledger.placed {
        Some(frozen) => (frozen.costs.clone(), frozen.shipping),
        None => ledger.draft.costs(),
    };
    let of_lines = |of: fn(&Cost) -> i128| lines.iter().map(of).sum::<i128>();
    prop_assert_eq!(coins(totals.goods), of_lines(|cost| cost.base));
    prop_assert_eq!(coins(totals.discount), of_lines(|cost| cost.discount));
    prop_assert_eq!(coins(totals.shipping), shipping.base);
    prop_assert_eq!(coins(totals.tax), of_lines(|cost| cost.tax) + shipping.tax);
    prop_assert_eq!(coins(totals.placed_total), sums.placed_total);
    prop_assert_eq!(coins(totals.net_total), sums.net_total);
    prop_assert_eq!(coins(totals.captured), sums.captured);
    prop_assert_eq!(coins(totals.refunded), sums.refunded);
    prop_assert_eq!(coins(totals.goodwill), sums.goodwill);
    prop_assert_eq!(coins(totals.balance), sums.balance);
    prop_assert_eq!(coins(order.balance()), sums.balance);
    prop_assert_eq!(coins(order.captured_net()), sums.captured - sums.refunded);
    prop_assert_eq!(coins(order.open_authorizations()), sums.open);
    Ok(())
}
