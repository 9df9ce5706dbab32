//! Turns a step into a command, with the books open.

mod cart;
mod chance;
mod goods;
mod operate;
mod pay;

use order::value::{Amount, Money, Timestamp};
use order::{Command, Moment};

use super::ledger::Ledger;
use super::plan::{Act, Aim, Basket, Occurred, Step};
use crate::word;

/// A step about to be taken.
pub(crate) struct Shot<'a> {
    pub(crate) basket: &'a Basket,
    pub(crate) ledger: &'a Ledger,
    pub(crate) step: &'a Step,
    /// Of the step; makes names new.
    pub(crate) number: usize,
    pub(crate) now: Timestamp,
}

impl Shot<'_> {
    pub(crate) fn moment(&self) -> Moment {
        let created = self.ledger.create_time;
        let occur_time = match self.step.occurred {
            Occurred::Now => self.now,
            Occurred::AtCreation => created,
            Occurred::Ahead => self.now.plus_seconds(300),
            Occurred::TooFarAhead => Timestamp::from_micros(self.now.micros() + 300_000_001),
            Occurred::BeforeCreation => Timestamp::from_micros(created.micros() - 1),
        };
        Moment {
            now: self.now,
            occur_time,
        }
    }

    /// The command, if the books have something for it; a step astray does as it is told anyway.
    pub(crate) fn command(&self) -> Option<Command> {
        let astray = self.is(Aim::Stale) || self.one_in(8);
        (astray || self.has_chance()).then(|| self.aimed())
    }

    fn aimed(&self) -> Command {
        match self.step.act {
            Act::Create => self.create(),
            Act::Edit => self.edit(),
            Act::Place => Command::Place(self.place()),
            Act::Authorize => self.authorize(),
            Act::Capture => self.capture(),
            Act::Void => self.void(),
            Act::Fail => self.fail(),
            Act::Refund => self.refund(),
            Act::Ship => self.ship(),
            Act::Close => self.close(),
            Act::CancelItems => self.cancel_items(),
            Act::CancelOrder => self.cancel_order(),
            Act::RequestReturn => self.request_return(),
            Act::ReceiveReturn => self.receive_return(),
            Act::Hold => self.hold(),
            Act::Release => self.release(),
            Act::Annotate => self.annotate(),
            Act::Erase => Command::ErasePersonalData,
        }
    }

    fn is(&self, aim: Aim) -> bool {
        self.step.aim == aim
    }

    fn pick(&self) -> usize {
        self.step.pick.into()
    }

    /// True for one in `n` picks, and never for the plainest.
    fn one_in(&self, n: u8) -> bool {
        self.step.pick % n == n - 1
    }

    fn one_of<T: Clone>(&self, all: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = all.into_iter().collect();
        let index = self.pick().checked_rem(all.len())?;
        all.get(index).cloned()
    }

    /// Some or all of what is available, or one more. At least 1: zero is no valid value.
    fn share(&self, available: i128) -> i128 {
        let part = i128::from(self.step.part);
        let share = match (self.step.aim, part) {
            (Aim::Over, _) => available + 1,
            (_, 0) => available,
            _ => 1 + (available - 1) * part / 256,
        };
        share.max(1)
    }

    fn money(&self, minor_units: i128) -> Money {
        let currency = match self.step.aim {
            Aim::Foreign => word::currency("EUR"),
            Aim::True | Aim::Over | Aim::Unknown | Aim::Taken | Aim::Stale | Aim::Odd => {
                self.ledger.draft.currency
            }
        };
        Money {
            currency,
            amount: word::amount(minor_units.min(Amount::LIMIT.into())),
        }
    }

    /// A name for something new: taken, given or left to be assigned. A given one may be an ordinal
    /// that assignment must later step over.
    fn name(&self, prefix: &str, there: &[String]) -> Option<String> {
        let taken = self.one_of(there.iter().cloned());
        match self.pick() % 4 {
            _ if self.is(Aim::Taken) && taken.is_some() => taken,
            1 => Some(format!("{prefix}-{}", self.number)),
            2 => Some(format!("{prefix}{}", there.len() + 2)),
            _ => None,
        }
    }
}
