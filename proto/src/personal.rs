//! Personal data: which groups there are, and what is sealed of each.
//!
//! A group is sealed as a whole, as the bytes of its message in `orders.log.v1`, for one place: the
//! order and the group's name. This module knows no key; sealing and opening are handed in.

use order::event::Shipping;
use order::value::{Address, Contact, Customer, Note, Private, SealedBytes, Text};
use order::{Event, Order};
use prost::Message as _;

use crate::log::v1;

/// Name and e-mail of a customer.
pub const CUSTOMER: &str = "customer";
/// An address without its country.
pub const ADDRESS: &str = "address";
/// The note of an annotation.
pub const NOTE: &str = "note";
/// The reason in a commit's envelope.
pub const REASON: &str = "reason";

/// Seals every group of the events that is still in the clear.
///
/// # Errors
/// Whatever `seal` failed with; some groups may be sealed then.
pub fn seal_events<E>(
    events: &mut [Event],
    mut seal: impl FnMut(&str, &[u8]) -> Result<SealedBytes, E>,
) -> Result<(), E> {
    for event in events {
        match event {
            Event::OrderCreated(created) => seal_contact(&mut created.customer, &mut seal)?,
            Event::CustomerSet { customer } => seal_contact(customer, &mut seal)?,
            Event::ShippingSet(shipping) => seal_address(shipping, &mut seal)?,
            Event::OrderAnnotated(annotated) => {
                if let Some(Private::Clear(note)) = &annotated.note {
                    let sealed = seal(NOTE, &note_bytes(note))?;
                    annotated.note = Some(Private::Sealed(sealed));
                }
            }
            _without_personal_data => {}
        }
    }
    Ok(())
}

/// Seals the reason of a commit.
///
/// # Errors
/// Whatever `seal` failed with.
pub fn seal_reason<E>(
    reason: &Note,
    mut seal: impl FnMut(&str, &[u8]) -> Result<SealedBytes, E>,
) -> Result<SealedBytes, E> {
    seal(REASON, &note_bytes(reason))
}

/// Makes what can be opened of an order readable; the rest stays sealed.
pub fn open_order(order: &mut Order, open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>) {
    open_customer(&mut order.customer, &open);
    if let Some(shipping) = &mut order.shipping {
        open_shipping(shipping, &open);
    }
}

/// Makes what can be opened of one event readable; the rest stays sealed.
pub fn open_event(event: &mut Event, open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>) {
    match event {
        Event::OrderCreated(created) => open_customer(&mut created.customer, open),
        Event::CustomerSet { customer } => open_customer(customer, open),
        Event::ShippingSet(shipping) => open_shipping(shipping, open),
        Event::OrderAnnotated(annotated) => {
            if let Some(note) = open_note(annotated.note.as_ref(), NOTE, open) {
                annotated.note = Some(Private::Clear(note));
            }
        }
        _without_personal_data => {}
    }
}

/// The text of a note or a reason, if it can be opened.
pub fn open_note(
    note: Option<&Private<Note>>,
    group: &str,
    open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>,
) -> Option<Note> {
    match note? {
        Private::Clear(note) => Some(note.clone()),
        Private::Sealed(sealed) => {
            let plain = v1::PrivateText::decode(open(group, sealed)?.as_slice()).ok()?;
            Note::new(&plain.text).ok()
        }
    }
}

fn open_customer(customer: &mut Customer, open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>) {
    if let Some(Private::Sealed(sealed)) = &customer.contact
        && let Some(contact) = open(CUSTOMER, sealed).and_then(|plain| contact(&plain))
    {
        customer.contact = Some(Private::Clear(contact));
    }
}

fn open_shipping(shipping: &mut Shipping, open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>) {
    if let Some(Private::Sealed(sealed)) = &shipping.destination.address
        && let Some(address) = open(ADDRESS, sealed).and_then(|plain| address(&plain))
    {
        shipping.destination.address = Some(Private::Clear(address));
    }
}

fn seal_contact<E>(
    customer: &mut Customer,
    mut seal: impl FnMut(&str, &[u8]) -> Result<SealedBytes, E>,
) -> Result<(), E> {
    if let Some(Private::Clear(contact)) = &customer.contact {
        let plain = v1::Contact {
            name: contact.name.to_string(),
            email: contact.email.to_string(),
        };
        customer.contact = Some(Private::Sealed(seal(CUSTOMER, &plain.encode_to_vec())?));
    }
    Ok(())
}

fn seal_address<E>(
    shipping: &mut Shipping,
    mut seal: impl FnMut(&str, &[u8]) -> Result<SealedBytes, E>,
) -> Result<(), E> {
    if let Some(Private::Clear(address)) = &shipping.destination.address {
        let plain = v1::Address {
            recipient: address.recipient.to_string(),
            lines: address.lines.iter().map(ToString::to_string).collect(),
            city: address.city.to_string(),
            region: address.region.to_string(),
            postal_code: address.postal_code.to_string(),
        };
        let sealed = seal(ADDRESS, &plain.encode_to_vec())?;
        shipping.destination.address = Some(Private::Sealed(sealed));
    }
    Ok(())
}

fn note_bytes(note: &Note) -> Vec<u8> {
    v1::PrivateText {
        text: note.to_string(),
    }
    .encode_to_vec()
}

fn contact(plain: &[u8]) -> Option<Contact> {
    let plain = v1::Contact::decode(plain).ok()?;
    Some(Contact {
        name: Text::new(&plain.name).ok()?,
        email: Text::new(&plain.email).ok()?,
    })
}

fn address(plain: &[u8]) -> Option<Address> {
    let plain = v1::Address::decode(plain).ok()?;
    let text = |text: &str| Text::new(text).ok();
    Some(Address {
        recipient: text(&plain.recipient)?,
        lines: plain
            .lines
            .iter()
            .map(|line| text(line))
            .collect::<Option<_>>()?,
        city: text(&plain.city)?,
        region: text(&plain.region)?,
        postal_code: text(&plain.postal_code)?,
    })
}
