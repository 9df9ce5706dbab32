//! Where personal data stands in events.

use super::Event;
use crate::value::{Address, Contact, Note, Private};

/// The personal data of one event: at most one group of fields.
#[derive(Debug, PartialEq, Eq)]
pub enum Personal<'a> {
    /// Name and e-mail of a customer.
    Contact(&'a mut Option<Private<Contact>>),
    /// An address without its country.
    Address(&'a mut Option<Private<Address>>),
    /// The note of an annotation.
    Note(&'a mut Option<Private<Note>>),
}

impl Personal<'_> {
    /// Whether it is there, sealed.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        match self {
            Self::Contact(contact) => matches!(contact, Some(Private::Sealed(_))),
            Self::Address(address) => matches!(address, Some(Private::Sealed(_))),
            Self::Note(note) => matches!(note, Some(Private::Sealed(_))),
        }
    }

    /// Takes it out.
    pub fn remove(self) {
        match self {
            Self::Contact(contact) => *contact = None,
            Self::Address(address) => *address = None,
            Self::Note(note) => *note = None,
        }
    }
}

impl Event {
    /// The place for personal data in this event, if it has one. Everything that seals, opens or
    /// removes personal data goes through here, so that no event can be forgotten in one of them.
    pub fn personal(&mut self) -> Option<Personal<'_>> {
        match self {
            Self::OrderCreated(created) => Some(Personal::Contact(&mut created.customer.contact)),
            Self::CustomerSet { customer } => Some(Personal::Contact(&mut customer.contact)),
            Self::ShippingSet(shipping) => {
                Some(Personal::Address(&mut shipping.destination.address))
            }
            Self::OrderAnnotated(annotated) => Some(Personal::Note(&mut annotated.note)),
            Self::LineAdded(_)
            | Self::LineQuantitySet { .. }
            | Self::LineRemoved { .. }
            | Self::DiscountsSet { .. }
            | Self::OrderPlaced(_)
            | Self::PaymentAuthorized(_)
            | Self::PaymentCaptured { .. }
            | Self::PaymentVoided { .. }
            | Self::PaymentRefunded(_)
            | Self::PaymentFailed { .. }
            | Self::ItemsShipped(_)
            | Self::ShipmentDelivered { .. }
            | Self::ShipmentFailed { .. }
            | Self::ItemsCancelled { .. }
            | Self::OrderCancelled { .. }
            | Self::ReturnRequested { .. }
            | Self::ReturnReceived { .. }
            | Self::OrderHeld { .. }
            | Self::OrderReleased { .. }
            | Self::PersonalDataErased { .. }
            | Self::OrderCompleted => None,
        }
    }
}
