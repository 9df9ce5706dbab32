//! What the random sequences reached, by name, and what they must reach.

use std::collections::{BTreeMap, BTreeSet};

use order::{Command, Event, Order, Rejection};

const EVENTS: [&str; 25] = [
    "OrderCreated",
    "LineAdded",
    "LineQuantitySet",
    "LineRemoved",
    "ShippingSet",
    "DiscountsSet",
    "CustomerSet",
    "OrderPlaced",
    "PaymentAuthorized",
    "PaymentCaptured",
    "PaymentVoided",
    "PaymentRefunded",
    "PaymentFailed",
    "ItemsShipped",
    "ShipmentDelivered",
    "ShipmentFailed",
    "ItemsCancelled",
    "OrderCancelled",
    "ReturnRequested",
    "ReturnReceived",
    "OrderHeld",
    "OrderReleased",
    "OrderAnnotated",
    "PersonalDataErased",
    "OrderCompleted",
];

const STATES: [&str; 21] = [
    "lifecycle Draft",
    "lifecycle Placed",
    "lifecycle Completed",
    "lifecycle Cancelled",
    "payment NotDue",
    "payment Unpaid",
    "payment Authorized",
    "payment PartiallyPaid",
    "payment Paid",
    "payment CreditOwed",
    "payment PartiallyRefunded",
    "payment Refunded",
    "fulfillment NotRequired",
    "fulfillment Unfulfilled",
    "fulfillment PartiallyShipped",
    "fulfillment Shipped",
    "fulfillment Delivered",
    "return None",
    "return Requested",
    "return PartiallyReturned",
    "return Returned",
];

const REASONS: [&str; 29] = [
    "FIELD_INVALID",
    "CURRENCY_MISMATCH",
    "ORDER_NOT_FOUND",
    "LINE_NOT_FOUND",
    "PAYMENT_NOT_FOUND",
    "SHIPMENT_NOT_FOUND",
    "RETURN_NOT_FOUND",
    "ORDER_EXISTS",
    "LINE_EXISTS",
    "PAYMENT_EXISTS",
    "PSP_REFERENCE_SEEN",
    "SHIPMENT_EXISTS",
    "RETURN_EXISTS",
    "ORDER_STATE_INVALID",
    "ORDER_EMPTY",
    "TOTAL_MISMATCH",
    "QUANTITY_EXCEEDED",
    "AMOUNT_EXCEEDED",
    "PAYMENT_CLOSED",
    "PAYMENT_NOT_COVERED",
    "PAYMENT_NOT_OVERDUE",
    "ORDER_ON_HOLD",
    "HOLD_NOT_FOUND",
    "SHIPMENT_CLOSED",
    "RETURN_CLOSED",
    "ORDER_SHIPPED",
    "LAST_ITEMS",
    "PERSONAL_DATA_IN_USE",
    "LIMIT_EXCEEDED",
];

/// Counts by name.
#[derive(Default)]
pub(crate) struct Tally {
    /// By command: accepted with events, accepted without effect, refused.
    commands: BTreeMap<String, [u64; 3]>,
    events: BTreeMap<String, u64>,
    states: BTreeMap<String, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn decided(&mut self, command: &Command, decided: &Result<Vec<Event>, Rejection>) {
        let debug = format!("{command:?}");
        let name = debug
            .split(['(', ' '])
            .next()
            .unwrap_or_default()
            .to_owned();
        let counts = self.commands.entry(name).or_default();
        match decided {
            Ok(events) if events.is_empty() => counts[1] += 1,
            Ok(_) => counts[0] += 1,
            Err(_) => counts[2] += 1,
        }
        for event in decided.iter().flatten() {
            *self.events.entry(event.name().to_owned()).or_default() += 1;
        }
        if let Err(rejection) = decided {
            let reason = reason(rejection).to_owned();
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    pub(crate) fn stands(&mut self, order: &Order) {
        for state in [
            format!("lifecycle {:?}", order.state),
            format!("payment {:?}", order.payment_state()),
            format!("fulfillment {:?}", order.fulfillment_state()),
            format!("return {:?}", order.return_state()),
        ] {
            *self.states.entry(state).or_default() += 1;
        }
    }

    /// Commands decided.
    pub(crate) fn total(&self) -> u64 {
        self.commands.values().flatten().sum()
    }

    pub(crate) fn print(&self) {
        println!(
            "{:<22} {:>8} {:>9} {:>8}",
            "command", "accepted", "no effect", "refused"
        );
        for (name, [accepted, idle, refused]) in &self.commands {
            println!("{name:<22} {accepted:>8} {idle:>9} {refused:>8}");
        }
        for (what, counts) in [
            ("event", &self.events),
            ("state after a command", &self.states),
            ("reason", &self.reasons),
        ] {
            println!("\n{what}");
            for (name, count) in counts {
                println!("{name:<31} {count:>8}");
            }
        }
        println!("\n{} commands", self.total());
    }

    /// Everything was reached, and nothing that is not in the lists.
    pub(crate) fn assert_complete(&self) {
        for (what, counts, expected) in [
            ("events", &self.events, EVENTS.as_slice()),
            ("states", &self.states, STATES.as_slice()),
            ("reasons", &self.reasons, REASONS.as_slice()),
        ] {
            let reached: BTreeSet<&str> = counts.keys().map(String::as_str).collect();
            let expected: BTreeSet<&str> = expected.iter().copied().collect();
            assert_eq!(reached, expected, "{what} reached, and expected");
        }
        assert_eq!(self.commands.len(), 18, "commands");
    }
}

/// The reason's name in the registry of errors.
const fn reason(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::FieldInvalid(_) => "FIELD_INVALID",
        Rejection::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
        Rejection::OrderNotFound => "ORDER_NOT_FOUND",
        Rejection::LineNotFound(_) => "LINE_NOT_FOUND",
        Rejection::PaymentNotFound(_) => "PAYMENT_NOT_FOUND",
        Rejection::ShipmentNotFound(_) => "SHIPMENT_NOT_FOUND",
        Rejection::ReturnNotFound(_) => "RETURN_NOT_FOUND",
        Rejection::OrderExists => "ORDER_EXISTS",
        Rejection::LineExists(_) => "LINE_EXISTS",
        Rejection::PaymentExists(_) => "PAYMENT_EXISTS",
        Rejection::PspReferenceSeen(_) => "PSP_REFERENCE_SEEN",
        Rejection::ShipmentExists(_) => "SHIPMENT_EXISTS",
        Rejection::ReturnExists(_) => "RETURN_EXISTS",
        Rejection::OrderStateInvalid { .. } => "ORDER_STATE_INVALID",
        Rejection::OrderEmpty => "ORDER_EMPTY",
        Rejection::TotalMismatch { .. } => "TOTAL_MISMATCH",
        Rejection::QuantityExceeded { .. } => "QUANTITY_EXCEEDED",
        Rejection::AmountExceeded { .. } => "AMOUNT_EXCEEDED",
        Rejection::PaymentClosed(_) => "PAYMENT_CLOSED",
        Rejection::PaymentNotCovered { .. } => "PAYMENT_NOT_COVERED",
        Rejection::PaymentNotOverdue { .. } => "PAYMENT_NOT_OVERDUE",
        Rejection::OrderOnHold { .. } => "ORDER_ON_HOLD",
        Rejection::HoldNotFound(_) => "HOLD_NOT_FOUND",
        Rejection::ShipmentClosed(_) => "SHIPMENT_CLOSED",
        Rejection::ReturnClosed(_) => "RETURN_CLOSED",
        Rejection::OrderShipped => "ORDER_SHIPPED",
        Rejection::LastItems => "LAST_ITEMS",
        Rejection::PersonalDataInUse { .. } => "PERSONAL_DATA_IN_USE",
        Rejection::LimitExceeded { .. } => "LIMIT_EXCEEDED",
    }
}
