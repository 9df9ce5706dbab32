//! The words that commands, events and states are made of.
//!
//! Parse, don't check: a value that exists is valid. Every type with a rule has one fallible
//! constructor, and the rule stands in its documentation.

mod id;
mod kind;
mod money;
mod party;
mod time;

pub use id::{
    ActorId, Channel, CustomerId, DiscountId, InvalidValue, LineId, MetadataKey, Note, OrderId,
    PaymentId, PspReference, RequestId, ReturnId, ShipmentId, Sku, Tag, Text,
};
pub use kind::{
    Actor, ActorKind, CancelReason, FulfillmentState, HoldReason, OrderState, PaymentState,
    PaymentTerms, RefundKind, ReturnReason, ReturnState, ShipmentOutcome,
};
pub use money::{Amount, Currency, Money, Quantity, RatePpm};
pub use party::{Address, Contact, Country, Customer, Destination, Private, SealedBytes};
pub use time::Timestamp;
