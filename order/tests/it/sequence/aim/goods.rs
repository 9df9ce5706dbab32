//! Commands about goods.

use order::Command;
use order::command::{
    CancelItems, CancelOrder, CloseShipment, LineQuantity, ReceiveReturn, RequestReturn, ShipItems,
};
use order::value::{CancelReason, LineId, ReturnReason, ShipmentOutcome};

use super::Shot;
use crate::sequence::figures::Units;
use crate::sequence::plan::Aim;
use crate::word;

impl Shot<'_> {
    /// Some or all lines, with some or all of their units.
    pub(super) fn items(&self, available: impl Fn(Units) -> i128) -> Vec<LineQuantity> {
        let lines = self.ledger.draft.articles.iter().zip(self.ledger.goods());
        let lines = lines.map(|(article, units)| (article.line_id.clone(), available(units)));
        let all: Vec<(LineId, i128)> = lines.collect();
        let there = all.iter().filter(|(_, left)| *left > 0).cloned();
        let mut from: Vec<(LineId, i128)> = there.collect();
        if from.is_empty() {
            from.extend(self.one_of(all));
        }
        if self.is(Aim::Unknown) || from.is_empty() {
            from.push((word::line_id("nowhere"), 1));
        }
        if self.step.part > 0 {
            from = self.some_of(from);
        }
        if self.is(Aim::Taken) {
            from.push(from[0].clone());
        }
        let item = |(line_id, left): (LineId, i128)| LineQuantity {
            line_id,
            quantity: word::units(self.share(left)),
        };
        from.into_iter().map(item).collect()
    }

    /// A third of them, and one for sure.
    fn some_of<T>(&self, all: Vec<T>) -> Vec<T> {
        let sure = self.pick() % all.len();
        let chosen = |index: usize| index == sure || (index + self.pick()).is_multiple_of(3);
        let all = all.into_iter().enumerate();
        all.filter(|(index, _)| chosen(*index))
            .map(|(_, one)| one)
            .collect()
    }

    pub(super) fn ship(&self) -> Command {
        let parcels = self.ledger.parcels.iter();
        let there: Vec<String> = parcels.map(|p| p.shipment_id.to_string()).collect();
        Command::ShipItems(ShipItems {
            shipment_id: self.name("S", &there).map(|name| word::shipment_id(&name)),
            items: self.items(Units::to_ship),
            carrier: word::text("van"),
            tracking_number: word::text(""),
        })
    }

    pub(super) fn close(&self) -> Command {
        let parcels = self.ledger.parcels.iter();
        let wanted = parcels.filter(|parcel| parcel.outcome.is_some() == self.is(Aim::Stale));
        let found = self.one_of(wanted.map(|parcel| parcel.shipment_id.clone()));
        let found = found.filter(|_| !self.is(Aim::Unknown));
        Command::CloseShipment(CloseShipment {
            shipment_id: found.unwrap_or_else(|| word::shipment_id("nowhere")),
            outcome: if self.one_in(5) {
                ShipmentOutcome::Failed
            } else {
                ShipmentOutcome::Delivered
            },
        })
    }

    /// Aimed well, something stays.
    pub(super) fn cancel_items(&self) -> Command {
        let mut items = self.items(Units::to_ship);
        let live: i128 = self.ledger.goods().into_iter().map(Units::live).sum();
        let asked: i128 = items
            .iter()
            .map(|item| i128::from(item.quantity.units()))
            .sum();
        if asked >= live && self.is(Aim::True) {
            items.truncate(1);
            let half = items[0].quantity.units() / 2;
            items[0].quantity = word::units(half.max(1));
        }
        Command::CancelItems(CancelItems {
            items,
            cancel_reason: CancelReason::Inventory,
        })
    }

    pub(super) fn cancel_order(&self) -> Command {
        Command::CancelOrder(CancelOrder {
            cancel_reason: if self.one_in(2) {
                CancelReason::PaymentTimeout
            } else {
                CancelReason::Customer
            },
        })
    }

    pub(super) fn request_return(&self) -> Command {
        let returns = self.ledger.returns.iter();
        let there: Vec<String> = returns.map(|r| r.return_id.to_string()).collect();
        Command::RequestReturn(RequestReturn {
            return_id: self.name("R", &there).map(|name| word::return_id(&name)),
            items: self.items(Units::returnable),
            return_reason: ReturnReason::Unwanted,
        })
    }

    pub(super) fn receive_return(&self) -> Command {
        let returns = self.ledger.returns.iter();
        let wanted = returns.filter(|found| found.received.is_some() == self.is(Aim::Stale));
        let found = self.one_of(wanted).filter(|_| !self.is(Aim::Unknown));
        let requested = found.map(|found| found.requested.as_slice());
        let arrived = |item: &LineQuantity| match item.quantity.units() {
            _ if self.one_in(5) => word::units(0),
            units => word::units(self.share(units.into())),
        };
        let item = |item: &LineQuantity| LineQuantity {
            line_id: item.line_id.clone(),
            quantity: arrived(item),
        };
        let mut received: Vec<LineQuantity> =
            requested.unwrap_or_default().iter().map(item).collect();
        if self.is(Aim::Taken) {
            received.extend(received.first().cloned());
        }
        if self.is(Aim::Odd) {
            received.extend(self.items(Units::live));
        }
        let return_id = found.map(|found| found.return_id.clone());
        Command::ReceiveReturn(ReceiveReturn {
            return_id: return_id.unwrap_or_else(|| word::return_id("nothing")),
            received,
        })
    }
}
