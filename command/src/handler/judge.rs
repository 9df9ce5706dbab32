//! What is to become of a command, given what is known of its order.

use std::borrow::Cow;

use order::command::Annotate;
use order::{Command, Event, Moment, Order, Rejection};
use proto::api;

use event_store::{ALL, Consistency, DataKey};

use super::draft::{Decision, draft};
use super::personal::Sealing;
use super::{Call, Handler, Stream};
use crate::failure::Failure;
use crate::known::{Done, Known};
use crate::outcome::{Outcome, Produced, shows_totals};

/// Most commits of one order; a stream must stay small enough to be read on a cache miss. Erasing,
/// voiding and refunding are exempt: nobody may be stuck with personal data or with money.
const COMMITS_MAX: u32 = 10_000;

/// What is to become of a command.
pub(crate) enum Verdict {
    /// It was executed earlier: the same reply, once the log is seen to hold what was done.
    Replay(Outcome, Done),
    /// It is to be stored.
    Append(Decision),
    /// Nothing is to be stored: it changes nothing, or was only to be validated.
    Stay(Outcome),
}

impl Handler {
    pub(crate) async fn judge(&self, stream: &Stream, call: &Call) -> Result<Verdict, Failure> {
        let known = &*stream.known;
        let context = &call.request.context;
        if let Some(request_id) = context
            .request_id
            .as_ref()
            .filter(|_| !context.validate_only)
        {
            check_owner(known, call)?;
            if let Some(done) = known.done(request_id) {
                let outcome = self.replay(stream, call, done).await?;
                return Ok(Verdict::Replay(outcome, done.clone()));
            }
        }
        if let Some(cause) = &known.unreadable {
            return Err(Failure::unreadable(cause.clone()));
        }
        check_version(known, call)?;
        let moment = moment(known, call);
        let events = self.decide(stream, call, moment).await?;
        let decision = Decision { events, moment };
        if context.validate_only {
            return predict(stream, call, decision).map(Verdict::Stay);
        }
        if decision.events.is_empty() && context.request_id.is_none() {
            return Ok(Verdict::Stay(unchanged(stream, call)));
        }
        check_commits(known, &call.request.command)?;
        Ok(Verdict::Append(decision))
    }

    async fn decide(
        &self,
        stream: &Stream,
        call: &Call,
        moment: Moment,
    ) -> Result<Vec<Event>, Failure> {
        let known = &*stream.known;
        let command = without_moot(&call.request.command, known.erased());
        let opened = self.opened(stream, &command).await?;
        let order = opened.as_ref().or(known.order.as_ref());
        order::decide(order, &command, moment).map_err(Failure::Rejected)
    }

    /// The reply to an earlier request, computed again from the order's commits up to its own.
    async fn replay(&self, stream: &Stream, call: &Call, done: &Done) -> Result<Outcome, Failure> {
        if !self.is_same_request(stream, call, done).await? {
            let request_id = call.request.context.request_id.as_ref();
            let request_id = request_id.map(ToString::to_string).unwrap_or_default();
            return Err(Failure::RequestIdReused { request_id });
        }
        let known = &*stream.known;
        let outdated = known.version() != done.version && shows_totals(&call.request.command);
        let outcome = if outdated {
            let read = self
                .store
                .read_stream(&stream.name, None, ALL, Consistency::Latest)
                .await;
            let records = read.map_err(Failure::log)?.records;
            let upto = records.partition_point(|r| r.position.sequence <= done.position.sequence);
            let mut then = Known::default();
            then.fold(&records[..upto]);
            outcome(stream, call, done, then.order.as_ref())
        } else {
            outcome(stream, call, done, known.order.as_ref())
        };
        Ok(Outcome {
            replayed: true,
            ..outcome
        })
    }
}

/// What a command that was done tells its caller; `order` is the order right after it.
pub(super) fn outcome(stream: &Stream, call: &Call, done: &Done, order: Option<&Order>) -> Outcome {
    Outcome {
        order_id: Some(stream.id.clone()),
        version: done.version,
        event_count: done.event_count,
        at: stream.at(done.position),
        replayed: false,
        produced: done.produced.clone(),
        totals: order
            .filter(|_| shows_totals(&call.request.command))
            .map(api::totals),
    }
}

/// An assigned order id belongs to the request that opened it, if that can be told from others.
fn check_owner(known: &Known, call: &Call) -> Result<(), Failure> {
    let (Some((principal, opened)), None) = (&known.opened_by, &call.request.order_id) else {
        return Ok(());
    };
    let request_id = &call.request.context.request_id;
    let ours = request_id.is_some() && opened == request_id;
    if ours && *principal == call.caller.principal {
        Ok(())
    } else {
        Err(Failure::IdTaken)
    }
}

fn check_version(known: &Known, call: &Call) -> Result<(), Failure> {
    // An order that does not exist has no version to compare: deciding says so.
    let current = known.version();
    match call.request.context.expected_version {
        Some(expected) if known.order.is_some() && expected != current => {
            Err(Failure::VersionMismatch { expected, current })
        }
        _equal_or_absent => Ok(()),
    }
}

fn check_commits(known: &Known, command: &Command) -> Result<(), Failure> {
    if is_exempt(command) || known.commits < COMMITS_MAX {
        return Ok(());
    }
    let limit = u64::from(COMMITS_MAX);
    Err(Failure::Rejected(Rejection::LimitExceeded {
        what: "commits",
        limit,
    }))
}

/// Whether a command is taken however many commits its order has.
const fn is_exempt(command: &Command) -> bool {
    match command {
        Command::ErasePersonalData | Command::VoidPayment(_) | Command::RefundPayment(_) => true,
        Command::Create(_)
        | Command::Edit(_)
        | Command::Place(_)
        | Command::AuthorizePayment(_)
        | Command::CapturePayment(_)
        | Command::FailPayment(_)
        | Command::ShipItems(_)
        | Command::CloseShipment(_)
        | Command::CancelItems(_)
        | Command::CancelOrder(_)
        | Command::RequestReturn(_)
        | Command::ReceiveReturn(_)
        | Command::Hold(_)
        | Command::Release(_)
        | Command::Annotate(_) => false,
    }
}

fn moment(known: &Known, call: &Call) -> Moment {
    let now = call.now.max(known.record_time);
    // An order may have been created by a clock a little ahead of ours: nothing happens before.
    let earliest = known.order.as_ref().map_or(now, |order| order.create_time);
    let occur_time = call.request.context.occur_time.unwrap_or(now.max(earliest));
    Moment { now, occur_time }
}

/// After erasure a note has nowhere to be kept: what is left of the command still counts.
fn without_moot(command: &Command, erased: bool) -> Cow<'_, Command> {
    match command {
        Command::Annotate(annotate) if erased && annotate.note.is_some() => {
            Cow::Owned(Command::Annotate(Annotate {
                note: None,
                ..annotate.clone()
            }))
        }
        Command::Annotate(_)
        | Command::Create(_)
        | Command::Edit(_)
        | Command::Place(_)
        | Command::AuthorizePayment(_)
        | Command::CapturePayment(_)
        | Command::VoidPayment(_)
        | Command::FailPayment(_)
        | Command::RefundPayment(_)
        | Command::ShipItems(_)
        | Command::CloseShipment(_)
        | Command::CancelItems(_)
        | Command::CancelOrder(_)
        | Command::RequestReturn(_)
        | Command::ReceiveReturn(_)
        | Command::Hold(_)
        | Command::Release(_)
        | Command::ErasePersonalData => Cow::Borrowed(command),
    }
}

/// What a command would come to, with every check that storing it would meet.
fn predict(stream: &Stream, call: &Call, decision: Decision) -> Result<Outcome, Failure> {
    let known = &*stream.known;
    if !decision.events.is_empty() {
        check_commits(known, &call.request.command)?;
    }
    let sealing = match call.request.personal {
        // A key of the same size as the order's, used for nothing but the size.
        true if !known.erased() => Sealing::Under(DataKey::generate()),
        true => Sealing::Gone,
        false => Sealing::Nothing,
    };
    let draft = draft(stream, call, decision, &sealing, [0; 16])?;
    let mut order = known.order.clone();
    let event_count = draft.commit.events.len();
    proto::commit::apply(&mut order, &draft.commit);
    let produced = Produced::of(&draft.commit.events, order.as_ref());
    Ok(Outcome {
        order_id: Some(stream.id.clone()),
        version: order.as_ref().map_or(0, |order| order.version),
        event_count,
        at: None,
        replayed: false,
        produced: produced.without_invented(&call.request.command),
        totals: order
            .as_ref()
            .filter(|_| shows_totals(&call.request.command))
            .map(api::totals),
    })
}

/// The reply to a command that has no effect and leaves no trace.
fn unchanged(stream: &Stream, call: &Call) -> Outcome {
    let known = &*stream.known;
    Outcome {
        order_id: Some(stream.id.clone()),
        version: known.version(),
        event_count: 0,
        at: known.last.and_then(|(last, _)| stream.at(last)),
        replayed: false,
        produced: Produced::Nothing,
        totals: known
            .order
            .as_ref()
            .filter(|_| shows_totals(&call.request.command))
            .map(api::totals),
    }
}
