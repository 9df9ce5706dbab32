//! Personal data: which groups there are, and what is sealed of each.
//!
//! A group is sealed as a whole, as the bytes of its message in `orders.log.v1`, for one place: the
//! order and the group's name. This module knows no key; sealing and opening are handed in.

use order::event::Personal;
use order::value::{Address, Contact, Customer, Destination, Note, Private, SealedBytes, Text};
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
    for place in events.iter_mut().filter_map(Event::personal) {
        match place {
            Personal::Contact(place) => seal_one(place, CUSTOMER, contact_bytes, &mut seal)?,
            Personal::Address(place) => seal_one(place, ADDRESS, address_bytes, &mut seal)?,
            Personal::Note(place) => seal_one(place, NOTE, note_bytes, &mut seal)?,
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
        open_destination(&mut shipping.destination, &open);
    }
}

/// Makes what can be opened of a customer readable.
pub fn open_customer(
    customer: &mut Customer,
    open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>,
) {
    open_one(&mut customer.contact, CUSTOMER, contact, open);
}

/// Makes what can be opened of a destination readable.
pub fn open_destination(
    destination: &mut Destination,
    open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>,
) {
    open_one(&mut destination.address, ADDRESS, address, open);
}

/// Makes what can be opened of one event readable; the rest stays sealed.
pub fn open_event(event: &mut Event, open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>) {
    match event.personal() {
        Some(Personal::Contact(place)) => open_one(place, CUSTOMER, contact, open),
        Some(Personal::Address(place)) => open_one(place, ADDRESS, address, open),
        Some(Personal::Note(place)) => open_one(place, NOTE, note, open),
        None => {}
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
        Private::Sealed(sealed) => open(group, sealed).and_then(|plain| self::note(&plain)),
    }
}

fn seal_one<T, E>(
    place: &mut Option<Private<T>>,
    group: &str,
    plain: impl Fn(&T) -> Vec<u8>,
    mut seal: impl FnMut(&str, &[u8]) -> Result<SealedBytes, E>,
) -> Result<(), E> {
    if let Some(Private::Clear(value)) = place {
        *place = Some(Private::Sealed(seal(group, &plain(value))?));
    }
    Ok(())
}

fn open_one<T>(
    place: &mut Option<Private<T>>,
    group: &str,
    value: impl Fn(&[u8]) -> Option<T>,
    open: impl Fn(&str, &SealedBytes) -> Option<Vec<u8>>,
) {
    if let Some(Private::Sealed(sealed)) = place
        && let Some(opened) = open(group, sealed).and_then(|plain| value(&plain))
    {
        *place = Some(Private::Clear(opened));
    }
}

fn contact_bytes(contact: &Contact) -> Vec<u8> {
    v1::Contact {
        name: contact.name.to_string(),
        email: contact.email.to_string(),
    }
    .encode_to_vec()
}

fn address_bytes(address: &Address) -> Vec<u8> {
    v1::Address {
        recipient: address.recipient.to_string(),
        lines: address.lines.iter().map(ToString::to_string).collect(),
        city: address.city.to_string(),
        region: address.region.to_string(),
        postal_code: address.postal_code.to_string(),
    }
    .encode_to_vec()
}

fn note_bytes(note: &Note) -> Vec<u8> {
    v1::PrivateText {
        text: note.to_string(),
    }
    .encode_to_vec()
}

fn note(plain: &[u8]) -> Option<Note> {
    let plain = v1::PrivateText::decode(plain).ok()?;
    Note::new(&plain.text).ok()
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
