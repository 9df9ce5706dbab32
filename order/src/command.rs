//! The eighteen commands: requests to change one order, accepted or refused, never both.
//!
//! A command is made of valid values only; what depends on the order is checked by
//! [`decide`](crate::decide). Ids left empty by the caller are `None` and assigned by `decide`.

use std::collections::{BTreeMap, BTreeSet};

use crate::value::{
    CancelReason, Channel, Currency, Customer, Destination, DiscountId, HoldReason, LineId,
    MetadataKey, Money, Note, OrderId, PaymentId, PaymentTerms, Private, PspReference, Quantity,
    RatePpm, RefundKind, ReturnId, ReturnReason, ShipmentId, ShipmentOutcome, Sku, Tag, Text,
    Timestamp,
};

/// A request to change one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begins an order, and places it when `place` is given.
    Create(Box<Create>),
    /// Changes a draft: all actions or none.
    Edit(Edit),
    /// Freezes the prices; the order is agreed.
    Place(Place),
    /// Records that a provider authorised an amount.
    AuthorizePayment(AuthorizePayment),
    /// Records that a provider captured an amount.
    CapturePayment(CapturePayment),
    /// Records that the open part of an authorisation was released.
    VoidPayment(VoidPayment),
    /// Records that a provider declined.
    FailPayment(FailPayment),
    /// Records that a provider paid back.
    RefundPayment(RefundPayment),
    /// Records that units left.
    ShipItems(ShipItems),
    /// Records how a shipment ended.
    CloseShipment(CloseShipment),
    /// Cancels some units.
    CancelItems(CancelItems),
    /// Cancels the whole order.
    CancelOrder(CancelOrder),
    /// Announces that units come back.
    RequestReturn(RequestReturn),
    /// Records what came back, and closes the return.
    ReceiveReturn(ReceiveReturn),
    /// Stops shipping for a reason.
    Hold(Hold),
    /// Lifts a hold.
    Release(Release),
    /// Adds a note, tags and metadata.
    Annotate(Annotate),
    /// Makes the order's personal data unreadable for ever.
    ErasePersonalData,
}

/// See [`Command::Create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
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
    /// What is bought.
    pub lines: Vec<NewLine>,
    /// How it is sent.
    pub shipping: Option<Shipping>,
    /// What is taken off.
    pub discounts: Vec<Discount>,
    /// Words to find it again.
    pub tags: BTreeSet<Tag>,
    /// The caller's own pairs.
    pub metadata: BTreeMap<MetadataKey, Text>,
    /// An order that this one belongs to; not looked up.
    pub related_order_id: Option<OrderId>,
    /// Place it in the same commit.
    pub place: Option<Place>,
}

/// A line as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLine {
    /// Name within the order; assigned when absent.
    pub line_id: Option<LineId>,
    /// What.
    pub sku: Sku,
    /// What, for people; at most 256 bytes.
    pub title: Text,
    /// How many, at least 1.
    pub quantity: Quantity,
    /// Price of one, at least 0.
    pub unit_price: Money,
    /// Tax rate of the line.
    pub tax_rate: RatePpm,
}

/// How goods are sent and what that costs. Never discounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipping {
    /// Name of the method.
    pub method: Text,
    /// Price, at least 0.
    pub price: Money,
    /// Tax rate of shipping.
    pub tax_rate: RatePpm,
    /// Where to.
    pub destination: Destination,
}

/// Something taken off the price of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Name within the order; assigned when absent.
    pub discount_id: Option<DiscountId>,
    /// What for, for people; at most 256 bytes.
    pub label: Text,
    /// The lines it is taken off; empty: the whole order.
    pub line_ids: Vec<LineId>,
    /// How much.
    pub value: DiscountValue,
}

/// How much a discount takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountValue {
    /// An amount in the order's currency, at least 0.
    Fixed(crate::value::Amount),
    /// A share of what is left.
    Rate(RatePpm),
}

/// See [`Command::Edit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// 1 to 100 actions, applied in order.
    pub actions: Vec<EditAction>,
}

/// One change of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditAction {
    /// Adds a line at the end.
    AddLine(NewLine),
    /// Sets the quantity of a line.
    SetQuantity {
        /// The line.
        line_id: LineId,
        /// How many, at least 1.
        quantity: Quantity,
    },
    /// Takes a line out.
    RemoveLine {
        /// The line.
        line_id: LineId,
    },
    /// Replaces the shipping.
    SetShipping(Shipping),
    /// Replaces the discounts.
    SetDiscounts(Vec<Discount>),
    /// Replaces the customer.
    SetCustomer(Customer),
}

/// See [`Command::Place`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The total that the customer agreed to.
    pub expected_total: Option<Money>,
    /// When an unpaid order may be cancelled; terms PREPAID only, in the future.
    pub payment_due_time: Option<Timestamp>,
}

/// See [`Command::AuthorizePayment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizePayment {
    /// Name within the order; assigned when absent.
    pub payment_id: Option<PaymentId>,
    /// How much, at least 1.
    pub amount: Money,
    /// Card, transfer, ….
    pub method: Text,
    /// The provider's reference.
    pub psp_reference: PspReference,
    /// When the authorisation lapses.
    pub expire_time: Option<Timestamp>,
    /// Captured in the same step.
    pub capture: bool,
}

/// See [`Command::CapturePayment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePayment {
    /// The payment.
    pub payment_id: PaymentId,
    /// How much, at least 1.
    pub amount: Money,
    /// The provider's reference of the capture.
    pub psp_reference: PspReference,
}

/// See [`Command::VoidPayment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoidPayment {
    /// The payment.
    pub payment_id: PaymentId,
    /// The provider's reference of the release.
    pub psp_reference: Option<PspReference>,
}

/// See [`Command::FailPayment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailPayment {
    /// Card, transfer, ….
    pub method: Text,
    /// How much was asked for, at least 1.
    pub amount: Money,
    /// The provider's reference.
    pub psp_reference: PspReference,
    /// The provider's word for why.
    pub decline_code: Text,
}

/// See [`Command::RefundPayment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPayment {
    /// The payment.
    pub payment_id: PaymentId,
    /// How much, at least 1.
    pub amount: Money,
    /// What it settles.
    pub kind: RefundKind,
    /// The return that it pays back; never with GOODWILL.
    pub return_id: Option<ReturnId>,
    /// The provider's reference of the refund.
    pub psp_reference: PspReference,
}

/// Units of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineQuantity {
    /// The line.
    pub line_id: LineId,
    /// How many.
    pub quantity: Quantity,
}

/// See [`Command::ShipItems`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipItems {
    /// Name within the order; assigned when absent.
    pub shipment_id: Option<ShipmentId>,
    /// What leaves; each line at most once.
    pub items: Vec<LineQuantity>,
    /// Who carries it.
    pub carrier: Text,
    /// The carrier's number.
    pub tracking_number: Text,
}

/// See [`Command::CloseShipment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseShipment {
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// How it ended.
    pub outcome: ShipmentOutcome,
}

/// See [`Command::CancelItems`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelItems {
    /// What is cancelled; each line at most once.
    pub items: Vec<LineQuantity>,
    /// Why.
    pub cancel_reason: CancelReason,
}

/// See [`Command::CancelOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder {
    /// Why.
    pub cancel_reason: CancelReason,
}

/// See [`Command::RequestReturn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestReturn {
    /// Name within the order; assigned when absent.
    pub return_id: Option<ReturnId>,
    /// What comes back; each line at most once.
    pub items: Vec<LineQuantity>,
    /// Why.
    pub return_reason: ReturnReason,
}

/// See [`Command::ReceiveReturn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveReturn {
    /// The return.
    pub return_id: ReturnId,
    /// What arrived; each line at most once, possibly nothing.
    pub received: Vec<LineQuantity>,
}

/// See [`Command::Hold`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub hold_reason: HoldReason,
}

/// See [`Command::Release`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which hold.
    pub hold_reason: HoldReason,
}

/// See [`Command::Annotate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotate {
    /// A note; personal.
    pub note: Option<Private<Note>>,
    /// Tags to add.
    pub add_tags: BTreeSet<Tag>,
    /// Tags to take off.
    pub remove_tags: BTreeSet<Tag>,
    /// Pairs to set.
    pub set_metadata: BTreeMap<MetadataKey, Text>,
    /// Keys to remove.
    pub remove_metadata: BTreeSet<MetadataKey>,
}
