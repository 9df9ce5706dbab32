//! Enumerations of the domain.

use super::ActorId;

/// Lifecycle of an order; stored, moved by events only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderState {
    /// Being composed; prices are a preview.
    Draft,
    /// Agreed; prices are frozen, money and goods move.
    Placed,
    /// Every live unit delivered, settled, nothing open.
    Completed,
    /// Every unit cancelled; money may still have to flow back.
    Cancelled,
}

/// When the goods are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentTerms {
    /// Covered before anything ships.
    Prepaid,
    /// Ships first, paid later.
    OnAccount,
}

/// Why units were cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelReason {
    /// The customer asked.
    Customer,
    /// Not in stock.
    Inventory,
    /// Fraud suspected.
    Fraud,
    /// The provider declined the payment.
    PaymentDeclined,
    /// Not paid before the due time.
    PaymentTimeout,
    /// Entered by mistake.
    StaffError,
    /// Anything else; the context's reason says what.
    Other,
}

/// Why an order must not ship for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    /// Fraud is being looked into.
    FraudReview,
    /// The address is in doubt.
    Address,
    /// Stock is awaited.
    Inventory,
    /// A payment is awaited.
    AwaitingPayment,
    /// Anything else.
    Other,
}

/// Why goods come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReturnReason {
    /// No longer wanted.
    Unwanted,
    /// Damaged on the way.
    Damaged,
    /// Does not work.
    Defective,
    /// Something else was sent.
    WrongItem,
    /// Anything else.
    Other,
}

/// What a refund settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundKind {
    /// Money that the order owes.
    Credit,
    /// Money given on top; lowers the order's net total.
    Goodwill,
}

/// How a shipment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShipmentOutcome {
    /// It arrived.
    Delivered,
    /// It did not; its units are to ship again.
    Failed,
}

/// What kind of party acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A customer.
    Customer,
    /// A member of staff.
    Staff,
    /// A program.
    Service,
}

/// On whose behalf a command was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// What kind of party.
    pub kind: ActorKind,
    /// Which one.
    pub id: ActorId,
}

/// Where the money stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentState {
    /// A draft, or nothing to pay and nothing paid.
    NotDue,
    /// Nothing captured, not covered.
    Unpaid,
    /// Open authorisations cover the balance.
    Authorized,
    /// Some of it captured.
    PartiallyPaid,
    /// The balance is 0.
    Paid,
    /// More was captured than the order is worth now.
    CreditOwed,
    /// Something was paid back, and the balance is 0.
    PartiallyRefunded,
    /// Everything captured was paid back, and the balance is 0.
    Refunded,
}

/// Where the goods stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FulfillmentState {
    /// A draft, or no live unit.
    NotRequired,
    /// Nothing shipped.
    Unfulfilled,
    /// Some live units are on their way or delivered.
    PartiallyShipped,
    /// All live units are on their way or delivered.
    Shipped,
    /// All live units are delivered.
    Delivered,
}

/// Where returns stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReturnState {
    /// Nothing came back, nothing is announced.
    None,
    /// A return is open.
    Requested,
    /// Some delivered units came back.
    PartiallyReturned,
    /// All delivered units came back.
    Returned,
}
