//! An order and its books side by side: every command is looked at from all sides.

use order::value::Timestamp;
use order::{Command, Event, Moment, Order, Rejection, decide, evolve};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};

use super::aim::Shot;
use super::clerk::{self, Answer};
use super::ledger::Ledger;
use super::plan::{Act, Aim, Basket, Plan, Step};
use super::tally::Tally;
use super::{agreement, law};

/// An order, and its books.
pub(super) struct World {
    now: Timestamp,
    order: Option<Order>,
    ledger: Option<Ledger>,
    pub(super) history: Vec<(Event, Timestamp)>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Timestamp::from_micros(1_700_000_000_000_000),
            order: None,
            ledger: None,
            history: Vec::new(),
        }
    }

    /// Takes all steps; a failure tells the commands that led to it.
    pub(super) fn follow(&mut self, plan: &Plan, tally: &mut Tally) -> TestCaseResult {
        let mut story = String::new();
        for (number, step) in plan.steps.iter().enumerate() {
            self.wait(step);
            let Some((command, at)) = self.aim(&plan.basket, step, number) else {
                continue;
            };
            story.push_str(&format!("{number}: {command:?}\n"));
            let taken = self.take(&command, at, usize::from(step.pick), tally);
            taken.map_err(|error| TestCaseError::fail(format!("{error}, after\n{story}")))?;
        }
        Ok(())
    }

    /// Time passes. Who means to cancel waits for the due time, and not a moment longer.
    fn wait(&mut self, step: &Step) {
        let placed = self
            .ledger
            .as_ref()
            .and_then(|ledger| ledger.placed.as_ref());
        let due = placed.and_then(|placed| placed.payment_due_time);
        let patient = step.act == Act::CancelOrder && step.aim == Aim::True;
        self.now = match due.filter(|due| patient && *due > self.now) {
            Some(due) => due,
            None => self.now.plus_seconds(step.wait.into()),
        };
    }

    /// A step becomes a command, or is passed over. An order that is not there is mostly created.
    fn aim(&self, basket: &Basket, step: &Step, number: usize) -> Option<(Command, Moment)> {
        let mut step = step.clone();
        let astray = step.pick % 8 == 7;
        if self.ledger.is_none() && !astray {
            step.act = Act::Create;
        }
        let blank = basket.blank(self.now);
        let shot = Shot {
            basket,
            ledger: self.ledger.as_ref().unwrap_or(&blank),
            step: &step,
            number,
            now: self.now,
        };
        Some((shot.command()?, shot.moment()))
    }

    /// Decides a command and looks at everything that came of it.
    fn take(
        &mut self,
        command: &Command,
        at: Moment,
        cut: usize,
        tally: &mut Tally,
    ) -> TestCaseResult {
        let before = self.order.clone();
        let decided = decide(self.order.as_ref(), command, at);
        let again = decide(self.order.as_ref(), command, at);
        prop_assert_eq!(&decided, &again, "decided twice");
        tally.decided(command, &decided);
        compare(&decided, &clerk::answer(self.ledger.as_ref(), command, at))?;
        match decided {
            Ok(events) => self.record(command, &events, at.occur_time)?,
            Err(_) => prop_assert_eq!(&self.order, &before, "refused, and changed"),
        }
        if let (Some(order), Some(ledger)) = (&self.order, &self.ledger) {
            tally.stands(order);
            agreement::all(order, ledger)?;
            law::all(order, ledger)?;
        }
        self.refold(cut)
    }

    /// Events enter the order and the books, and move the versions on by one each.
    fn record(&mut self, command: &Command, events: &[Event], at: Timestamp) -> TestCaseResult {
        let sums = self.ledger.as_ref().map(Ledger::sums).unwrap_or_default();
        for event in events {
            if *event == Event::OrderCompleted {
                let settled = self.ledger.as_ref().is_some_and(Ledger::is_settled);
                prop_assert!(settled, "completed, and not settled");
            }
            evolve(&mut self.order, event, at);
            match (&mut self.ledger, event) {
                (Some(ledger), _) => ledger.note(event, at),
                (none, Event::OrderCreated(created)) => *none = Some(Ledger::open(created, at)),
                (None, _) => prop_assert!(false, "{event:?} before the order was created"),
            }
            self.history.push((event.clone(), at));
            let version = self.order.as_ref().map_or(0, |order| order.version);
            prop_assert_eq!(usize::try_from(version), Ok(self.history.len()));
        }
        if let Some(ledger) = &self.ledger {
            law::currency(command, ledger)?;
            law::refund(command, sums, ledger.sums())?;
        }
        Ok(())
    }

    /// Folding up to anywhere, and from there on, is folding all.
    fn refold(&self, cut: usize) -> TestCaseResult {
        let (head, tail) = self.history.split_at(cut % (self.history.len() + 1));
        let mut order = None;
        for (event, at) in head {
            evolve(&mut order, event, *at);
        }
        let mut later = order.clone();
        for (event, at) in tail {
            evolve(&mut later, event, *at);
        }
        prop_assert_eq!(&later, &self.order);
        Ok(())
    }
}

/// The clerk would have said the same: the very events, or one of his objections. Completion he
/// leaves to whoever looks at the books afterwards.
fn compare(decided: &Result<Vec<Event>, Rejection>, answer: &Answer) -> TestCaseResult {
    let Answer { events, objections } = answer;
    match decided {
        Ok(decided) => {
            let completed = usize::from(decided.last() == Some(&Event::OrderCompleted));
            prop_assert!(objections.is_empty(), "{decided:?}, against {objections:?}");
            prop_assert_eq!(&decided[..decided.len() - completed], events.as_slice());
        }
        Err(rejection) => {
            let known = objections.contains(&clerk::bare(rejection.clone()));
            prop_assert!(known, "{rejection:?}, and the clerk has {objections:?}");
        }
    }
    Ok(())
}
