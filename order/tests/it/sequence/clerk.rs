//! A clerk who answers commands from the books and the rule book alone: either with the exact
//! events, or with every objection that there is. Slow, plain, and a stranger to `decide`.

mod compose;
mod goods;
mod operate;
mod pay;

use std::collections::BTreeSet;

use order::command::LineQuantity;
use order::state::Transaction;
use order::value::{LineId, Money, OrderState, PspReference};
use order::{Command, Event, Moment, Rejection, Violation};

use super::figures::Units;
use super::ledger::{Ledger, coins};
use crate::word;

/// What is to be said to a command: events if there is no objection.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) events: Vec<Event>,
    pub(crate) objections: Vec<Rejection>,
}

/// The answer to a command. `OrderCompleted` is left to the caller, who looks at the books after.
pub(crate) fn answer(ledger: Option<&Ledger>, command: &Command, at: Moment) -> Answer {
    let mut answer = Answer::default();
    let create_time = ledger.map_or(at.occur_time, |ledger| ledger.create_time);
    let early = at.occur_time < create_time;
    let late = at.occur_time.micros() > at.now.micros() + 300_000_000;
    match (ledger, command) {
        (Some(_), Command::Create(_)) => return refused(Rejection::OrderExists),
        (None, Command::Create(create)) if !late => return compose::create(create, at),
        (None, Command::Create(_)) => return refused(invalid("context.occur_time")),
        (None, _) => return refused(Rejection::OrderNotFound),
        (Some(_), _) => {}
    }
    let Some(ledger) = ledger else { return answer };
    let (state, allowed) = (ledger.state, allowed(command));
    answer.refuse_if(early || late, || invalid("context.occur_time"));
    answer.refuse_if(!allowed.contains(&state), || Rejection::OrderStateInvalid {
        state,
        allowed,
    });
    if answer.objections.is_empty() {
        answer = on_order(ledger, command, at);
    }
    answer
}

fn on_order(ledger: &Ledger, command: &Command, at: Moment) -> Answer {
    match command {
        Command::Create(_) => refused(Rejection::OrderExists),
        Command::Edit(edit) => compose::edit(&ledger.draft, edit),
        Command::Place(place) => compose::place(&ledger.draft, place, at, ""),
        Command::AuthorizePayment(authorize) => pay::authorize(ledger, authorize),
        Command::CapturePayment(capture) => pay::capture(ledger, capture),
        Command::VoidPayment(void) => pay::void(ledger, void),
        Command::FailPayment(fail) => pay::fail(ledger, fail),
        Command::RefundPayment(refund) => pay::refund(ledger, refund),
        Command::ShipItems(ship) => goods::ship(ledger, ship),
        Command::CloseShipment(close) => goods::close(ledger, close),
        Command::CancelItems(cancel) => goods::cancel_items(ledger, cancel),
        Command::CancelOrder(cancel) => goods::cancel_order(ledger, *cancel, at),
        Command::RequestReturn(request) => goods::request_return(ledger, request),
        Command::ReceiveReturn(receive) => goods::receive_return(ledger, receive),
        Command::Hold(hold) => operate::hold(ledger, hold.hold_reason),
        Command::Release(release) => operate::release(ledger, release.hold_reason),
        Command::Annotate(annotate) => operate::annotate(ledger, annotate),
        Command::ErasePersonalData => operate::erase(ledger),
    }
}

/// The states in which the rule book ticks a command.
const fn allowed(command: &Command) -> &'static [OrderState] {
    use OrderState::{Cancelled, Completed, Draft, Placed};
    match command {
        Command::Create(_) => &[],
        Command::Edit(_) => &[Draft],
        Command::Place(_) => &[Draft],
        Command::AuthorizePayment(_) => &[Placed],
        Command::CapturePayment(_) => &[Placed, Completed, Cancelled],
        Command::VoidPayment(_) => &[Placed, Completed, Cancelled],
        Command::FailPayment(_) => &[Placed, Cancelled],
        Command::RefundPayment(_) => &[Placed, Completed, Cancelled],
        Command::ShipItems(_) => &[Placed],
        Command::CloseShipment(_) => &[Placed],
        Command::CancelItems(_) => &[Placed],
        Command::CancelOrder(_) => &[Draft, Placed],
        Command::RequestReturn(_) => &[Placed, Completed],
        Command::ReceiveReturn(_) => &[Placed, Completed],
        Command::Hold(_) => &[Placed],
        Command::Release(_) => &[Placed],
        Command::Annotate(_) => &[Draft, Placed, Completed, Cancelled],
        Command::ErasePersonalData => &[Completed, Cancelled],
    }
}

/// An invalid field; what it must be is prose, which nobody compares.
fn invalid(field: &str) -> Rejection {
    all_invalid([field.to_owned()])
}

fn all_invalid(fields: impl IntoIterator<Item = String>) -> Rejection {
    let violation = |field| Violation {
        field,
        rule: String::new(),
    };
    Rejection::FieldInvalid(fields.into_iter().map(violation).collect())
}

/// A rejection without its prose.
pub(crate) fn bare(rejection: Rejection) -> Rejection {
    if let Rejection::FieldInvalid(violations) = rejection {
        all_invalid(violations.into_iter().map(|violation| violation.field))
    } else {
        rejection
    }
}

fn refused(rejection: Rejection) -> Answer {
    Answer {
        events: Vec::new(),
        objections: vec![rejection],
    }
}

/// The first name after the `used` ones that nobody has.
fn assigned(prefix: &str, used: usize, taken: impl Fn(&str) -> bool) -> String {
    let mut number = used + 1;
    while taken(&format!("{prefix}{number}")) {
        number += 1;
    }
    format!("{prefix}{number}")
}

impl Answer {
    fn refuse_if(&mut self, applies: bool, why: impl FnOnce() -> Rejection) {
        if applies {
            self.objections.push(why());
        }
    }

    fn refuse_foreign(&mut self, ledger: &Ledger, money: Money, field: &str) {
        let (expected, actual) = (ledger.draft.currency, money.currency);
        self.refuse_if(expected != actual, || Rejection::CurrencyMismatch {
            field: field.to_owned(),
            expected,
            actual,
        });
    }

    fn refuse_seen(&mut self, ledger: &Ledger, kind: Transaction, reference: &PspReference) {
        let seen = ledger.references.contains(&(kind, reference.clone()));
        self.refuse_if(seen, || Rejection::PspReferenceSeen(reference.clone()));
    }

    fn refuse_above(&mut self, requested: Money, available: i128) {
        let requested = requested.amount;
        self.refuse_if(coins(requested) > available, || Rejection::AmountExceeded {
            requested,
            available: word::amount(available.max(0)),
        });
    }

    /// Lines that are not there, named twice, or have fewer units than are asked for.
    fn refuse_items(
        &mut self,
        ledger: &Ledger,
        (field, items): (&str, &[LineQuantity]),
        available: impl Fn(&LineId, Units) -> i128,
    ) {
        let goods = ledger.goods();
        let mut seen = BTreeSet::new();
        let mut twice = Vec::new();
        for (index, LineQuantity { line_id, quantity }) in items.iter().enumerate() {
            if !seen.insert(line_id) {
                twice.push(format!("{field}[{index}].line_id"));
            }
            let Some(units) = ledger.draft.index(line_id).map(|index| goods[index]) else {
                self.objections
                    .push(Rejection::LineNotFound(line_id.clone()));
                continue;
            };
            let available = available(line_id, units);
            let requested = quantity.units();
            self.refuse_if(i128::from(requested) > available, || {
                Rejection::QuantityExceeded {
                    line_id: line_id.clone(),
                    requested,
                    available: word::units(available).units(),
                }
            });
        }
        self.refuse_if(!twice.is_empty(), || all_invalid(twice));
    }
}
