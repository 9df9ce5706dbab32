//! What a command leads to: events, or one rejection. The only place with guards.

mod cancel;
mod compose;
mod goods;
mod operate;
mod pay;

use crate::command::LineQuantity;
use crate::state::{Line, Order};
use crate::value::{Amount, LineId, Money, OrderState, Timestamp};
use crate::{Command, Event, Rejection, Violation, evolve};

/// When a command is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The handler's clock.
    pub now: Timestamp,
    /// When it happened in the business.
    pub occur_time: Timestamp,
}

impl Moment {
    /// Both times are `now`.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self {
            now,
            occur_time: now,
        }
    }
}

/// How far ahead of the handler's clock a caller's may be, in seconds.
pub const CLOCK_GRACE_SECONDS: i64 = 300;

/// Most lines of one order.
pub const MAX_LINES: usize = 2_000;

/// Most tags, and most metadata pairs, of one order.
pub const MAX_TAGS: usize = 50;

/// Decides a command on an order (`None`: absent).
///
/// Deterministic and pure. An empty list means that the command is accepted and has no effect.
/// `OrderCompleted` stands at the end of the events that make it true.
///
/// # Errors
/// One [`Rejection`]; nothing changes then.
pub fn decide(
    order: Option<&Order>,
    command: &Command,
    at: Moment,
) -> Result<Vec<Event>, Rejection> {
    let order = match (order, command) {
        (None, Command::Create(create)) => {
            check_occur_time(None, at)?;
            return compose::create(create, at);
        }
        (Some(_), Command::Create(_)) => return Err(Rejection::OrderExists),
        (None, _) => return Err(Rejection::OrderNotFound),
        (Some(order), _) => order,
    };
    check_occur_time(Some(order), at)?;
    check_state(order.state, command)?;
    let mut events = on_order(order, command, at)?;
    if completes(order, &events, at) {
        events.push(Event::OrderCompleted);
    }
    Ok(events)
}

fn on_order(order: &Order, command: &Command, at: Moment) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Create(_) => Err(Rejection::OrderExists),
        Command::Edit(edit) => compose::edit(order, edit, at),
        Command::Place(place) => compose::place(order, place, at, ""),
        Command::AuthorizePayment(authorize) => pay::authorize(order, authorize),
        Command::CapturePayment(capture) => pay::capture(order, capture),
        Command::VoidPayment(void) => pay::void(order, void),
        Command::FailPayment(fail) => pay::fail(order, fail),
        Command::RefundPayment(refund) => pay::refund(order, refund),
        Command::ShipItems(ship) => goods::ship(order, ship),
        Command::CloseShipment(close) => goods::close(order, close),
        Command::RequestReturn(request) => goods::request_return(order, request),
        Command::ReceiveReturn(receive) => goods::receive_return(order, receive),
        Command::CancelItems(cancel) => cancel::items(order, cancel),
        Command::CancelOrder(cancel) => cancel::order(order, *cancel, at),
        Command::Hold(hold) => Ok(operate::hold(order, hold.hold_reason)),
        Command::Release(release) => operate::release(order, release.hold_reason),
        Command::Annotate(annotate) => operate::annotate(order, annotate),
        Command::ErasePersonalData => operate::erase(order),
    }
}

/// The states that allow a command on an order that is there.
#[must_use]
pub const fn allowed_states(command: &Command) -> &'static [OrderState] {
    use OrderState::{Cancelled, Completed, Draft, Placed};
    match command {
        Command::Create(_) => &[],
        Command::Edit(_) | Command::Place(_) => &[Draft],
        Command::AuthorizePayment(_)
        | Command::ShipItems(_)
        | Command::CloseShipment(_)
        | Command::CancelItems(_)
        | Command::Hold(_)
        | Command::Release(_) => &[Placed],
        Command::CapturePayment(_) | Command::VoidPayment(_) | Command::RefundPayment(_) => {
            &[Placed, Completed, Cancelled]
        }
        Command::FailPayment(_) => &[Placed, Cancelled],
        Command::CancelOrder(_) => &[Draft, Placed],
        Command::RequestReturn(_) | Command::ReceiveReturn(_) => &[Placed, Completed],
        Command::Annotate(_) => &[Draft, Placed, Completed, Cancelled],
        Command::ErasePersonalData => &[Completed, Cancelled],
    }
}

fn check_state(state: OrderState, command: &Command) -> Result<(), Rejection> {
    let allowed = allowed_states(command);
    if allowed.contains(&state) {
        Ok(())
    } else {
        Err(Rejection::OrderStateInvalid { state, allowed })
    }
}

fn check_occur_time(order: Option<&Order>, at: Moment) -> Result<(), Rejection> {
    if at.occur_time > at.now.plus_seconds(CLOCK_GRACE_SECONDS) {
        return Err(invalid(
            "context.occur_time",
            "at most 5 minutes ahead of the server's clock",
        ));
    }
    if order.is_some_and(|order| at.occur_time < order.create_time) {
        return Err(invalid(
            "context.occur_time",
            "not before the order was created",
        ));
    }
    Ok(())
}

/// Whether the order is complete after these events.
///
/// A copy of the order is made only when the events are enough to deliver, or cancel, every unit
/// that is still to come; for most commands a look at the lines is all.
fn completes(order: &Order, events: &[Event], at: Moment) -> bool {
    if order.state != OrderState::Placed || events.is_empty() {
        return false;
    }
    let missing = order.units(|line| {
        line.quantity
            .saturating_sub(line.cancelled)
            .saturating_sub(line.delivered)
            .units()
    });
    if missing
        > events
            .iter()
            .map(|event| settled_units(order, event))
            .sum::<u64>()
    {
        return false;
    }
    let mut after = Some(order.clone());
    for event in events {
        evolve(&mut after, event, at.occur_time);
    }
    after.is_some_and(|order| order.state == OrderState::Placed && order.is_settled())
}

/// Units that an event may take off what is still to be delivered.
fn settled_units(order: &Order, event: &Event) -> u64 {
    match event {
        Event::ShipmentDelivered { shipment_id } => {
            order.shipment(shipment_id).map_or(0, |shipment| {
                shipment
                    .items
                    .iter()
                    .map(|item| u64::from(item.quantity.units()))
                    .sum()
            })
        }
        Event::ItemsCancelled { items, .. } => items
            .iter()
            .map(|item| u64::from(item.quantity.units()))
            .sum(),
        Event::OrderCreated(_)
        | Event::LineAdded(_)
        | Event::LineQuantitySet { .. }
        | Event::LineRemoved { .. }
        | Event::ShippingSet(_)
        | Event::DiscountsSet { .. }
        | Event::CustomerSet { .. }
        | Event::OrderPlaced(_)
        | Event::PaymentAuthorized(_)
        | Event::PaymentCaptured { .. }
        | Event::PaymentVoided { .. }
        | Event::PaymentRefunded(_)
        | Event::PaymentFailed { .. }
        | Event::ItemsShipped(_)
        | Event::ShipmentFailed { .. }
        | Event::OrderCancelled { .. }
        | Event::ReturnRequested { .. }
        | Event::ReturnReceived { .. }
        | Event::OrderHeld { .. }
        | Event::OrderReleased { .. }
        | Event::OrderAnnotated(_)
        | Event::PersonalDataErased { .. }
        | Event::OrderCompleted => 0,
    }
}

fn invalid(field: &str, rule: &str) -> Rejection {
    Rejection::FieldInvalid(vec![Violation {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }])
}

/// The amount, if it is in the order's currency.
fn in_currency(order: &Order, money: Money, field: &str) -> Result<Amount, Rejection> {
    if money.currency == order.currency {
        Ok(money.amount)
    } else {
        Err(Rejection::CurrencyMismatch {
            field: field.to_owned(),
            expected: order.currency,
            actual: money.currency,
        })
    }
}

/// The first name `<prefix><n>` from `n = used + 1` on that is free.
fn ordinal(prefix: &str, used: u32, taken: impl Fn(&str) -> bool) -> String {
    (used.saturating_add(1)..=u32::MAX)
        .map(|n| format!("{prefix}{n}"))
        .find(|name| !taken(name))
        .unwrap_or_default()
}

/// The items with their lines; each line must be there, and at most once.
fn with_lines<'a>(
    order: &'a Order,
    items: &'a [LineQuantity],
    field: &str,
) -> Result<Vec<(&'a Line, &'a LineQuantity)>, Rejection> {
    let found = order.lines_of(items.iter().map(|item| &item.line_id));
    let mut seen = std::collections::HashSet::<&LineId>::with_capacity(items.len());
    let mut pairs = Vec::with_capacity(items.len());
    let mut violations = Vec::new();
    for (index, (item, line)) in items.iter().zip(found).enumerate() {
        if !seen.insert(&item.line_id) {
            violations.push(Violation {
                field: format!("{field}[{index}].line_id"),
                rule: "named once in a request".to_owned(),
            });
        }
        let line = line.ok_or_else(|| Rejection::LineNotFound(item.line_id.clone()))?;
        pairs.push((line, item));
    }
    if violations.is_empty() {
        Ok(pairs)
    } else {
        Err(Rejection::FieldInvalid(violations))
    }
}
