//! What a command came to, as replies tell it.

use event_store::{LogIdentity, Position};
use order::value::{Amount, LineId, Money, OrderId, PaymentId, ReturnId, ShipmentId};
use order::{Command, Event, Order};
use proto::v1;

/// What a command came to. A pure function of the order's commits up to the command's own, so a
/// repeated request gets an equal one.
#[derive(Clone)]
pub(crate) struct Outcome {
    /// The order; `None` when its id would have been assigned, but the command was only validated.
    pub(crate) order_id: Option<OrderId>,
    /// The order's version after the command.
    pub(crate) version: u64,
    /// Events of the command.
    pub(crate) event_count: usize,
    /// In which log and where the command's commit lies, or the order's last one; `None` for
    /// validate_only.
    pub(crate) at: Option<(LogIdentity, Position)>,
    /// Whether it was executed earlier.
    pub(crate) replayed: bool,
    /// Ids, and what came back was worth.
    pub(crate) produced: Produced,
    /// The order's money after the command, where the reply has a place for it.
    pub(crate) totals: Option<v1::Totals>,
}

/// What a command's events gave the caller to go on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Produced {
    #[default]
    Nothing,
    Lines(Vec<LineId>),
    Payment(PaymentId),
    Shipment(ShipmentId),
    Return(ReturnId),
    Value(Money),
}

impl Produced {
    /// What `events` produced; `order` is the order after them.
    pub(crate) fn of(events: &[Event], order: Option<&Order>) -> Self {
        let lines: Vec<LineId> = events
            .iter()
            .filter_map(|event| {
                if let Event::LineAdded(line) = event {
                    Some(line)
                } else {
                    None
                }
            })
            .map(|line| line.line_id.clone())
            .collect();
        if !lines.is_empty() {
            return Self::Lines(lines);
        }
        events
            .iter()
            .find_map(|event| Self::of_event(event, order))
            .unwrap_or_default()
    }

    fn of_event(event: &Event, order: Option<&Order>) -> Option<Self> {
        match event {
            Event::PaymentAuthorized(payment) => Some(Self::Payment(payment.payment_id.clone())),
            Event::ItemsShipped(shipment) => Some(Self::Shipment(shipment.shipment_id.clone())),
            Event::ReturnRequested { return_id, .. } => Some(Self::Return(return_id.clone())),
            Event::ReturnReceived { items, .. } => {
                let add =
                    |sum: Amount, item: &order::event::LineValue| sum.saturating_add(item.value);
                let amount = items.iter().fold(Amount::ZERO, add);
                Some(Self::Value(Money {
                    currency: order?.currency,
                    amount,
                }))
            }
            Event::OrderCreated(_)
            | Event::LineAdded(_)
            | Event::LineQuantitySet { .. }
            | Event::LineRemoved { .. }
            | Event::ShippingSet(_)
            | Event::DiscountsSet { .. }
            | Event::CustomerSet { .. }
            | Event::OrderPlaced(_)
            | Event::PaymentCaptured { .. }
            | Event::PaymentVoided { .. }
            | Event::PaymentRefunded(_)
            | Event::PaymentFailed { .. }
            | Event::ShipmentDelivered { .. }
            | Event::ShipmentFailed { .. }
            | Event::ItemsCancelled { .. }
            | Event::OrderCancelled { .. }
            | Event::OrderHeld { .. }
            | Event::OrderReleased { .. }
            | Event::OrderAnnotated(_)
            | Event::PersonalDataErased { .. }
            | Event::OrderCompleted => None,
        }
    }

    /// The same without ids that the caller did not give: validating must not invent any.
    pub(crate) fn without_invented(self, command: &Command) -> Self {
        let given = match command {
            Command::AuthorizePayment(command) => command.payment_id.is_some(),
            Command::ShipItems(command) => command.shipment_id.is_some(),
            Command::RequestReturn(command) => command.return_id.is_some(),
            Command::Create(_)
            | Command::Edit(_)
            | Command::Place(_)
            | Command::CapturePayment(_)
            | Command::VoidPayment(_)
            | Command::FailPayment(_)
            | Command::RefundPayment(_)
            | Command::CloseShipment(_)
            | Command::CancelItems(_)
            | Command::CancelOrder(_)
            | Command::ReceiveReturn(_)
            | Command::Hold(_)
            | Command::Release(_)
            | Command::Annotate(_)
            | Command::ErasePersonalData => !matches!(self, Self::Lines(_)),
        };
        if given { self } else { Self::Nothing }
    }
}

/// Whether the reply to a command shows the order's totals.
pub(crate) const fn shows_totals(command: &Command) -> bool {
    match command {
        Command::Create(_) | Command::Edit(_) | Command::Place(_) => true,
        Command::AuthorizePayment(_)
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
        | Command::Annotate(_)
        | Command::ErasePersonalData => false,
    }
}
