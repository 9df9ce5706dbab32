//! The twenty-five events: facts about one order, past tense, immutable.
//!
//! The names are storage: each stands in the log's proto file with a number of its own, for ever.
//! Events carry computed money, not formulas. Amounts are in the currency of [`OrderCreated`].

mod personal;

pub use personal::Personal;

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{DiscountValue, LineQuantity};
use crate::value::{
    Amount, CancelReason, Channel, Currency, Customer, Destination, DiscountId, HoldReason, LineId,
    MetadataKey, Note, OrderId, PaymentId, PaymentTerms, Private, PspReference, Quantity, RatePpm,
    RefundKind, ReturnId, ReturnReason, ShipmentId, Sku, Tag, Text, Timestamp,
};

/// A fact about one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The order began, as a draft.
    OrderCreated(Box<OrderCreated>),
    /// A line was added at the end.
    LineAdded(LineAdded),
    /// A line's quantity was set.
    LineQuantitySet {
        /// The line.
        line_id: LineId,
        /// How many.
        quantity: Quantity,
    },
    /// A line was taken out.
    LineRemoved {
        /// The line.
        line_id: LineId,
    },
    /// The shipping was replaced.
    ShippingSet(Shipping),
    /// The discounts were replaced.
    DiscountsSet {
        /// The whole new list.
        discounts: Vec<Discount>,
    },
    /// The customer was replaced.
    CustomerSet {
        /// The new customer.
        customer: Customer,
    },
    /// Prices were frozen.
    OrderPlaced(Box<OrderPlaced>),
    /// A provider authorised an amount.
    PaymentAuthorized(PaymentAuthorized),
    /// A provider captured an amount.
    PaymentCaptured {
        /// The payment.
        payment_id: PaymentId,
        /// How much.
        amount: Amount,
        /// The provider's reference.
        psp_reference: PspReference,
    },
    /// The open part of an authorisation was released.
    PaymentVoided {
        /// The payment.
        payment_id: PaymentId,
        /// How much.
        amount: Amount,
        /// The provider's reference.
        psp_reference: Option<PspReference>,
    },
    /// A provider paid back.
    PaymentRefunded(PaymentRefunded),
    /// A provider declined.
    PaymentFailed {
        /// Card, transfer, ….
        method: Text,
        /// How much was asked for.
        amount: Amount,
        /// The provider's reference.
        psp_reference: PspReference,
        /// The provider's word for why.
        decline_code: Text,
    },
    /// Units left.
    ItemsShipped(ItemsShipped),
    /// A shipment arrived.
    ShipmentDelivered {
        /// The shipment.
        shipment_id: ShipmentId,
    },
    /// A shipment did not arrive; its units are to ship again.
    ShipmentFailed {
        /// The shipment.
        shipment_id: ShipmentId,
    },
    /// Some units were cancelled.
    ItemsCancelled {
        /// Units and their worth, per line.
        items: Vec<LineValue>,
        /// Why.
        reason: CancelReason,
    },
    /// All live units were cancelled; holds are cleared.
    OrderCancelled {
        /// Units and their worth, per line.
        items: Vec<LineValue>,
        /// What the shipping was worth.
        shipping_value: Amount,
        /// The tax in or on the shipping.
        shipping_tax: Amount,
        /// Why.
        reason: CancelReason,
    },
    /// Units were announced to come back.
    ReturnRequested {
        /// The return.
        return_id: ReturnId,
        /// What is to come back.
        items: Vec<LineQuantity>,
        /// Why.
        reason: ReturnReason,
    },
    /// Units came back; the return is closed.
    ReturnReceived {
        /// The return.
        return_id: ReturnId,
        /// What arrived and its worth, per line.
        items: Vec<LineValue>,
    },
    /// Shipping was stopped for a reason.
    OrderHeld {
        /// Why.
        reason: HoldReason,
    },
    /// A hold was lifted.
    OrderReleased {
        /// Which.
        reason: HoldReason,
    },
    /// A note, tags and metadata changed.
    OrderAnnotated(Box<OrderAnnotated>),
    /// The key of the order's personal data was destroyed.
    PersonalDataErased {
        /// The key; `None` when the order never sealed anything.
        key_id: Option<[u8; 16]>,
    },
    /// Everything was delivered and settled.
    OrderCompleted,
}

/// See [`Event::OrderCreated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCreated {
    /// Where the order came from.
    pub channel: Option<Channel>,
    /// The one currency of the order.
    pub currency: Currency,
    /// Whether unit prices contain the tax.
    pub prices_include_tax: bool,
    /// When the goods are paid for.
    pub terms: PaymentTerms,
    /// Who buys.
    pub customer: Customer,
    /// An order that this one belongs to.
    pub related_order_id: Option<OrderId>,
    /// Words to find it again.
    pub tags: BTreeSet<Tag>,
    /// The caller's own pairs.
    pub metadata: BTreeMap<MetadataKey, Text>,
}

/// See [`Event::LineAdded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineAdded {
    /// Name within the order.
    pub line_id: LineId,
    /// What.
    pub sku: Sku,
    /// What, for people.
    pub title: Text,
    /// How many.
    pub quantity: Quantity,
    /// Price of one.
    pub unit_price: Amount,
    /// Tax rate of the line.
    pub tax_rate: RatePpm,
}

/// See [`Event::ShippingSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipping {
    /// Name of the method.
    pub method: Text,
    /// Price.
    pub price: Amount,
    /// Tax rate of shipping.
    pub tax_rate: RatePpm,
    /// Where to.
    pub destination: Destination,
}

/// A discount with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Name within the order.
    pub discount_id: DiscountId,
    /// What for, for people.
    pub label: Text,
    /// The lines it is taken off; empty: the whole order.
    pub line_ids: Vec<LineId>,
    /// How much.
    pub value: DiscountValue,
}

/// See [`Event::OrderPlaced`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPlaced {
    /// Frozen money of every line, in the order's order.
    pub lines: Vec<PlacedLine>,
    /// What shipping costs altogether, with tax.
    pub shipping_total: Amount,
    /// The tax in or on the shipping.
    pub shipping_tax: Amount,
    /// Everything.
    pub placed_total: Amount,
    /// When an unpaid order may be cancelled.
    pub payment_due_time: Option<Timestamp>,
}

/// Frozen money of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedLine {
    /// The line.
    pub line_id: LineId,
    /// Taken off altogether.
    pub discount: Amount,
    /// The tax in or on the line.
    pub tax: Amount,
    /// What the line costs, with tax.
    pub total: Amount,
}

/// See [`Event::PaymentAuthorized`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentAuthorized {
    /// Name within the order.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Amount,
    /// Card, transfer, ….
    pub method: Text,
    /// The provider's reference.
    pub psp_reference: PspReference,
    /// When the authorisation lapses.
    pub expire_time: Option<Timestamp>,
}

/// See [`Event::PaymentRefunded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRefunded {
    /// The payment.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Amount,
    /// What it settles.
    pub kind: RefundKind,
    /// The return that it pays back.
    pub return_id: Option<ReturnId>,
    /// The provider's reference.
    pub psp_reference: PspReference,
}

/// See [`Event::ItemsShipped`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemsShipped {
    /// Name within the order.
    pub shipment_id: ShipmentId,
    /// What left.
    pub items: Vec<LineQuantity>,
    /// Who carries it.
    pub carrier: Text,
    /// The carrier's number.
    pub tracking_number: Text,
}

/// Units of a line that went, and what they were worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineValue {
    /// The line.
    pub line_id: LineId,
    /// How many.
    pub quantity: Quantity,
    /// Their share of the line's frozen total.
    pub value: Amount,
    /// Their share of the line's frozen tax.
    pub tax: Amount,
}

/// See [`Event::OrderAnnotated`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderAnnotated {
    /// A note; personal.
    pub note: Option<Private<Note>>,
    /// Tags that came.
    pub added_tags: BTreeSet<Tag>,
    /// Tags that went.
    pub removed_tags: BTreeSet<Tag>,
    /// Pairs that were set.
    pub set_metadata: BTreeMap<MetadataKey, Text>,
    /// Keys that went.
    pub removed_metadata: BTreeSet<MetadataKey>,
}

impl Event {
    /// The event's name, as the log spells it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OrderCreated(_) => "OrderCreated",
            Self::LineAdded(_) => "LineAdded",
            Self::LineQuantitySet { .. } => "LineQuantitySet",
            Self::LineRemoved { .. } => "LineRemoved",
            Self::ShippingSet(_) => "ShippingSet",
            Self::DiscountsSet { .. } => "DiscountsSet",
            Self::CustomerSet { .. } => "CustomerSet",
            Self::OrderPlaced(_) => "OrderPlaced",
            Self::PaymentAuthorized(_) => "PaymentAuthorized",
            Self::PaymentCaptured { .. } => "PaymentCaptured",
            Self::PaymentVoided { .. } => "PaymentVoided",
            Self::PaymentRefunded(_) => "PaymentRefunded",
            Self::PaymentFailed { .. } => "PaymentFailed",
            Self::ItemsShipped(_) => "ItemsShipped",
            Self::ShipmentDelivered { .. } => "ShipmentDelivered",
            Self::ShipmentFailed { .. } => "ShipmentFailed",
            Self::ItemsCancelled { .. } => "ItemsCancelled",
            Self::OrderCancelled { .. } => "OrderCancelled",
            Self::ReturnRequested { .. } => "ReturnRequested",
            Self::ReturnReceived { .. } => "ReturnReceived",
            Self::OrderHeld { .. } => "OrderHeld",
            Self::OrderReleased { .. } => "OrderReleased",
            Self::OrderAnnotated(_) => "OrderAnnotated",
            Self::PersonalDataErased { .. } => "PersonalDataErased",
            Self::OrderCompleted => "OrderCompleted",
        }
    }
}
