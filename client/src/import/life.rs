//! What happens to an order after it was placed: its bank, carrier and customer are simulated.
//!
//! A life follows from the order's id and from what the credit notes of the file have left of it,
//! never from a clock. It may stop after any step, because the service accepts every prefix of it;
//! every third life does. Prices have no tax and no discount here: units are worth exactly their
//! number times their price.

use std::sync::Arc;

use proto::v1::{CancelReason, HoldReason, ReturnReason, ShipmentOutcome};

use super::act::{Act, Items, LifeStep, units};
use super::book::Book;
use super::dice::Dice;
use super::placed::Placed;

const MINUTE: i64 = 60 * 1_000_000;

/// What happens to one order.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) order: Arc<str>,
    /// The order as the file leaves it.
    pub(crate) book: Book,
    pub(crate) steps: Vec<LifeStep>,
}

impl Life {
    /// No steps: the order stays as the file leaves it.
    pub(crate) fn none(order: &Placed) -> Self {
        Self {
            order: Arc::clone(&order.number),
            book: Book::of(order),
            steps: Vec::new(),
        }
    }

    pub(crate) fn of(order: &Placed) -> Self {
        let mut writer = Writer {
            order,
            dice: Dice::of(&order.number),
            time: order.time,
            due: order.value(),
            shipments: 0,
            steps: Vec::new(),
        };
        if !order.is_cancelled() {
            writer.write();
        }
        let steps = writer.steps;
        Self {
            steps,
            ..Self::none(order)
        }
    }
}

/// Writes one life, step by step.
struct Writer<'a> {
    order: &'a Placed,
    dice: Dice,
    time: i64,
    /// What the order costs.
    due: i64,
    shipments: usize,
    steps: Vec<LifeStep>,
}

impl Writer<'_> {
    fn write(&mut self) {
        if self.dice.one_in(30) {
            return self.give_up();
        }
        let unfinished = self.dice.one_in(3);
        self.deal();
        if unfinished {
            let steps = i64::try_from(self.steps.len()).unwrap_or(1);
            let kept = usize::try_from(self.dice.between(1, (steps - 1).max(1))).unwrap_or(1);
            self.steps.truncate(kept);
        }
    }

    /// The next step, so many hours after the last.
    fn then(&mut self, hours: (i64, i64), act: Act) {
        let (low, high) = hours;
        self.time += self.dice.between(low * 60 + 1, high * 60) * MINUTE;
        self.steps.push(LifeStep {
            number: self.steps.len() + 1,
            time: self.time,
            act,
        });
    }

    /// Cancelled before anything is paid.
    fn give_up(&mut self) {
        let value = self.due;
        let (mut reason, mut authorized) = (CancelReason::Customer, false);
        if self.due > 0 && self.dice.one_in(4) {
            self.authorize();
            authorized = true;
        } else if self.due > 0 {
            for _ in 0..self.dice.between(1, 2) {
                self.then((0, 24), Act::FailPayment { amount: self.due });
            }
            reason = CancelReason::PaymentDeclined;
        }
        self.then((24, 96), Act::Cancel { reason, value });
        if authorized {
            self.then((0, 2), Act::Void);
        }
    }

    /// Three of four pay before the goods leave, the others after these have arrived.
    fn deal(&mut self) {
        let first = self.dice.below(4) > 0;
        let halves = self.due > 1 && self.dice.one_in(15);
        if first && self.due > 0 {
            self.authorize();
            let amount = if halves { self.due / 2 } else { self.due };
            self.then((0, 4), Act::Capture { amount });
        }
        if self.dice.one_in(25) {
            self.hold();
        }
        self.goods();
        if first && halves {
            let amount = self.due - self.due / 2;
            self.then((1, 48), Act::Capture { amount });
        }
        if !first && self.due > 0 {
            let (amount, capture) = (self.due, true);
            self.then((48, 720), Act::Authorize { amount, capture });
        }
        if self.dice.one_in(16) {
            self.bring_back();
        } else if self.dice.one_in(40) && self.due > 0 {
            let amount = (self.due * self.dice.between(2, 10) / 100).max(1);
            self.then((24, 240), Act::Goodwill { amount });
        }
    }

    fn authorize(&mut self) {
        let (amount, capture) = (self.due, false);
        if self.dice.one_in(25) {
            self.then((0, 1), Act::FailPayment { amount });
        }
        self.then((0, 1), Act::Authorize { amount, capture });
    }

    fn hold(&mut self) {
        let reasons = [
            HoldReason::FraudReview,
            HoldReason::Address,
            HoldReason::Inventory,
        ];
        let die = usize::try_from(self.dice.below(3)).unwrap_or(0);
        let reason = reasons.get(die).copied().unwrap_or(HoldReason::Other);
        self.then((0, 4), Act::Hold(reason));
        self.then((4, 48), Act::Release(reason));
    }

    /// Ships in one to three parts; each part arrives, a few at the second attempt.
    fn goods(&mut self) {
        let parts = match self.dice.below(20) {
            0 => 3,
            1..=3 => 2,
            _ => 1,
        };
        for part in 0..parts {
            let items = self.part(part, parts);
            let units = units(&items);
            if units == 0 {
                continue;
            }
            if self.dice.one_in(60) {
                let shipment = self.ship(items.clone());
                self.close(shipment, units, ShipmentOutcome::Failed);
            }
            let shipment = self.ship(items);
            self.close(shipment, units, ShipmentOutcome::Delivered);
        }
    }

    fn ship(&mut self, items: Items) -> usize {
        self.shipments += 1;
        let shipment = self.shipments;
        self.then((4, 48), Act::Ship { shipment, items });
        shipment
    }

    fn close(&mut self, shipment: usize, units: i64, outcome: ShipmentOutcome) {
        let act = Act::Close {
            shipment,
            units,
            outcome,
        };
        self.then((20, 96), act);
    }

    /// One of several parts of all live units; lines begin with different parts, so that lines of
    /// one unit spread over them too.
    fn part(&self, part: i64, parts: i64) -> Items {
        let lines = self.order.lines.iter().zip(1_usize..).zip(0_i64..);
        let items = lines.map(|((line, number), index)| {
            let turn = (part + index) % parts;
            let upto = |turns: i64| line.live * turns / parts;
            (number, upto(turn + 1) - upto(turn))
        });
        items.filter(|(_, units)| *units > 0).collect()
    }

    /// One or two lines come back, in part or whole; of one parcel in ten nothing is accepted.
    fn bring_back(&mut self) {
        let live: Items = self.part(0, 1);
        let count = i64::try_from(live.len()).unwrap_or(1);
        let begin = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let taken = usize::try_from(self.dice.between(1, 2)).unwrap_or(1);
        let mut items = Items::new();
        for (line, units) in live.into_iter().skip(begin).take(taken) {
            items.push((line, self.dice.between(1, units)));
        }
        let reason = if self.dice.one_in(3) {
            ReturnReason::Damaged
        } else {
            ReturnReason::Unwanted
        };
        let accepted: Items = match self.dice.below(10) {
            0 => Items::new(),
            1..=2 => {
                let half = items.iter().map(|(line, units)| (*line, units / 2));
                half.filter(|(_, units)| *units > 0).collect()
            }
            _ => items.clone(),
        };
        let value = self.order.worth(&accepted);
        self.then((24, 336), Act::RequestReturn { reason, items });
        let items = accepted;
        self.then((48, 168), Act::ReceiveReturn { items, value });
        if value > 0 {
            self.then((1, 72), Act::RefundReturn { amount: value });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::placed::LiveLine;
    use super::*;

    /// Lives of a thousand orders that hold the same.
    fn lives() -> Vec<Life> {
        let line = |(sku, live): (&str, i64)| LiveLine {
            sku: sku.into(),
            pence: 125,
            live,
        };
        let orders = (1..=1000).map(|order| Placed {
            number: order.to_string().into(),
            lines: [("A", 5), ("B", 1), ("C", 2)].map(line).into(),
            shipping: 0,
            time: 1_291_190_400_000_000,
        });
        orders.map(|order| Life::of(&order)).collect()
    }

    #[test]
    fn a_life_is_the_same_in_every_run() {
        let [one, other] = [lives(), lives()];
        assert_eq!(one.len(), 1000);
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn everything_happens_to_some() {
        let mut happened: BTreeMap<&str, usize> = BTreeMap::new();
        for step in lives().iter().flat_map(|life| &life.steps) {
            *happened.entry(step.act.name()).or_default() += 1;
        }
        assert_eq!(happened.len(), 12, "{happened:?}");
    }

    #[test]
    fn no_life_ships_or_moves_more_than_the_order_holds() {
        for mut life in lives() {
            let mut time = 0;
            for step in &life.steps {
                assert!(step.time > time);
                time = step.time;
                life.book.note(&step.act);
                life.book.check();
            }
        }
    }
}
