//! Given what happened, when a command comes, then exactly these events, or this refusal.

mod cancel;
mod clock;
mod compose;
mod draft;
mod goods;
mod operate;
mod pay;
mod refund;
mod story;

use order::value::Timestamp;
use order::{Command, Event, Moment, Order, Rejection, decide, evolve};

/// The moment of every story, unless it says otherwise.
const NOW: i64 = 1_700_000_000_000_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW)
}

/// What happened so far.
fn given(events: impl IntoIterator<Item = Event>) -> Given {
    Given {
        order: None,
        at: Moment::at(now()),
    }
    .and(events)
}

struct Given {
    order: Option<Order>,
    at: Moment,
}

impl Given {
    fn and(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        for event in events {
            evolve(&mut self.order, &event, now());
        }
        self
    }

    /// The command comes at another moment.
    fn at(self, at: Moment) -> Self {
        Self { at, ..self }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a story reads better so")]
    fn when(self, command: Command) -> Outcome {
        Outcome(decide(self.order.as_ref(), &command, self.at))
    }

    /// The order as it is, for claims about what events did to it.
    #[track_caller]
    fn order(self) -> Order {
        self.order.expect("an order")
    }
}

#[must_use]
struct Outcome(Result<Vec<Event>, Rejection>);

impl Outcome {
    #[track_caller]
    fn then(self, events: impl IntoIterator<Item = Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    /// The events, for claims about one of them.
    #[track_caller]
    fn accepted(self) -> Vec<Event> {
        self.0.expect("accepted")
    }

    /// Accepted, without effect.
    #[track_caller]
    fn then_nothing(self) {
        self.then([]);
    }

    #[track_caller]
    fn then_refused(self, rejection: Rejection) {
        assert_eq!(self.0, Err(rejection));
    }

    /// Refused for these fields; what they must be is prose.
    #[track_caller]
    fn then_invalid(self, fields: &[&str]) {
        let Err(Rejection::FieldInvalid(violations)) = self.0 else {
            panic!("expected {fields:?} to be refused, not {:?}", self.0);
        };
        assert!(
            violations
                .iter()
                .all(|violation| !violation.rule.is_empty())
        );
        let named: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(named, fields);
    }
}
