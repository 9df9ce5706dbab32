//! What an order is after some events.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::LineQuantity;
use crate::event::{Discount, Shipping};
use crate::value::{
    Amount, CancelReason, Channel, Currency, Customer, HoldReason, LineId, MetadataKey, OrderId,
    OrderState, PaymentId, PaymentTerms, PspReference, Quantity, RatePpm, ReturnId, ReturnReason,
    ShipmentId, ShipmentOutcome, Sku, Tag, Text, Timestamp,
};

/// An order: the fold of its events. Absence is `None::<Order>`, before `OrderCreated`.
///
/// Fields are public for reading and for codecs; only [`evolve`](crate::evolve) changes an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Number of events so far, at least 1.
    pub version: u64,
    /// Lifecycle.
    pub state: OrderState,
    /// Where the order came from.
    pub channel: Option<Channel>,
    /// The one currency.
    pub currency: Currency,
    /// Whether unit prices contain the tax.
    pub prices_include_tax: bool,
    /// When the goods are paid for.
    pub terms: PaymentTerms,
    /// Who buys.
    pub customer: Customer,
    /// An order that this one belongs to.
    pub related_order_id: Option<OrderId>,
    /// What is bought.
    pub lines: Vec<Line>,
    /// How it is sent.
    pub shipping: Option<Shipping>,
    /// What is taken off.
    pub discounts: Vec<Discount>,
    /// Words to find it again.
    pub tags: BTreeSet<Tag>,
    /// The caller's own pairs.
    pub metadata: BTreeMap<MetadataKey, Text>,
    /// Frozen money; `None` before placing.
    pub placed: Option<Placed>,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// Whether the price of shipping was cancelled with the order.
    pub shipping_cancelled: bool,
    /// Payments in the order of their authorisation.
    pub payments: Vec<Payment>,
    /// Declined payments so far.
    pub failed_payments: u32,
    /// Shipments in the order they left.
    pub shipments: Vec<Shipment>,
    /// Returns in the order they were announced.
    pub returns: Vec<Return>,
    /// Why it must not ship.
    pub holds: BTreeSet<HoldReason>,
    /// Money given on top.
    pub goodwill: Amount,
    /// References of the provider that were seen, by kind of transaction. Only `decide` looks at
    /// them; a state read back from a view has none.
    pub psp_references: BTreeSet<(Transaction, PspReference)>,
    /// Highest ordinals assigned to ids so far. Only `decide` looks at them.
    pub ordinals: Ordinals,
    /// Whether the personal data is gone.
    pub personal_data_erased: bool,
    /// `occur_time` of `OrderCreated`.
    pub create_time: Timestamp,
    /// `occur_time` of `OrderPlaced`.
    pub place_time: Option<Timestamp>,
    /// When an unpaid order may be cancelled.
    pub payment_due_time: Option<Timestamp>,
    /// `record_time` of the last commit.
    pub update_time: Timestamp,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name within the order.
    pub line_id: LineId,
    /// What.
    pub sku: Sku,
    /// What, for people.
    pub title: Text,
    /// How many were ordered.
    pub quantity: Quantity,
    /// Price of one.
    pub unit_price: Amount,
    /// Tax rate of the line.
    pub tax_rate: RatePpm,
    /// Taken off altogether; frozen at placing, zero before.
    pub discount: Amount,
    /// The tax in or on the line; frozen at placing, zero before.
    pub tax: Amount,
    /// What the line costs, with tax; frozen at placing, zero before.
    pub total: Amount,
    /// Units cancelled.
    pub cancelled: Quantity,
    /// What the cancelled units were worth.
    pub cancelled_value: Amount,
    /// Units on their way or delivered.
    pub shipped: Quantity,
    /// Units delivered.
    pub delivered: Quantity,
    /// Units announced to come back.
    pub return_open: Quantity,
    /// Units that came back.
    pub returned: Quantity,
    /// What the returned units were worth.
    pub returned_value: Amount,
}

/// Money frozen at placing, beside that of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What shipping costs altogether, with tax.
    pub shipping_total: Amount,
    /// The tax in or on the shipping.
    pub shipping_tax: Amount,
    /// Everything.
    pub placed_total: Amount,
}

/// One payment's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Name within the order.
    pub payment_id: PaymentId,
    /// Card, transfer, ….
    pub method: Text,
    /// The provider's reference of the authorisation.
    pub psp_reference: PspReference,
    /// Authorised.
    pub authorized: Amount,
    /// Captured of it.
    pub captured: Amount,
    /// Released of it.
    pub voided: Amount,
    /// Paid back of what was captured.
    pub refunded: Amount,
    /// When the authorisation lapses.
    pub expire_time: Option<Timestamp>,
}

/// One shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// Name within the order.
    pub shipment_id: ShipmentId,
    /// What left.
    pub items: Vec<LineQuantity>,
    /// Who carries it.
    pub carrier: Text,
    /// The carrier's number.
    pub tracking_number: Text,
    /// When it left.
    pub ship_time: Timestamp,
    /// How and when it ended; `None` while it is open.
    pub closed: Option<(ShipmentOutcome, Timestamp)>,
}

/// One return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// Name within the order.
    pub return_id: ReturnId,
    /// What was announced.
    pub requested: Vec<LineQuantity>,
    /// What arrived.
    pub received: Vec<LineQuantity>,
    /// Why.
    pub reason: ReturnReason,
    /// Whether it still waits for goods.
    pub open: bool,
    /// What arrived was worth.
    pub value: Amount,
    /// Paid back for it.
    pub refunded: Amount,
}

/// Kind of a provider's transaction; a reference is unique per order and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transaction {
    /// An authorisation.
    Authorization,
    /// A capture.
    Capture,
    /// A release.
    Void,
    /// A refund.
    Refund,
    /// A decline.
    Failure,
}

/// How many ids of each kind were assigned or given, so that a removed line's id is not used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ordinals {
    /// Lines ever added.
    pub lines: u32,
    /// Payments ever authorised.
    pub payments: u32,
    /// Shipments ever sent.
    pub shipments: u32,
    /// Returns ever announced.
    pub returns: u32,
}
