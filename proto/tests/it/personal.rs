//! Nothing personal is stored in the clear, and what is sealed opens again.

use std::convert::Infallible;

use order::Event;
use order::value::{Address, Contact, Note, Private, SealedBytes};
use proto::commit::{self, Unsealed};
use proto::personal::{self, ADDRESS, CUSTOMER, NOTE, REASON};

use crate::sample;

/// "Seals" by carrying the group and the plaintext.
fn seal(group: &str, plain: &[u8]) -> Result<SealedBytes, Infallible> {
    Ok(SealedBytes {
        ciphertext: [group.as_bytes(), &[0], plain].concat(),
        ..sample::sealed(1)
    })
}

fn open(group: &str, sealed: &SealedBytes) -> Option<Vec<u8>> {
    let plain = sealed.ciphertext.strip_prefix(group.as_bytes())?;
    Some(plain.strip_prefix(&[0])?.to_vec())
}

fn clear_events() -> Vec<Event> {
    let contact = Contact {
        name: sample::text("Ada"),
        email: sample::text("ada@example.org"),
    };
    let address = Address {
        recipient: sample::text("Ada"),
        lines: vec![sample::text("12 St James's Square")],
        ..Address::default()
    };
    let mut events = sample::events();
    for event in &mut events {
        match event {
            Event::OrderCreated(created) => {
                created.customer.contact = Some(Private::Clear(contact.clone()));
            }
            Event::CustomerSet { customer } => {
                customer.contact = Some(Private::Clear(contact.clone()));
            }
            Event::ShippingSet(shipping) => {
                shipping.destination.address = Some(Private::Clear(address.clone()));
            }
            Event::OrderAnnotated(annotated) => {
                annotated.note = Some(Private::Clear(Note::new("ring twice").expect("a note")));
            }
            _without_personal_data => {}
        }
    }
    events
}

#[test]
fn what_is_sealed_is_stored_and_opens_to_what_it_was() {
    let clear = clear_events();
    let mut events = clear.clone();
    assert_eq!(personal::seal_events(&mut events, seal), Ok(()));
    let bytes = commit::encode(&sample::bare(events)).expect("sealed");
    let mut events = commit::decode(&bytes).expect("a commit").events;
    for event in &mut events {
        personal::open_event(event, open);
    }
    assert_eq!(events, clear);
}

#[test]
fn what_does_not_open_stays_sealed() {
    let sealed = sample::events();
    let mut events = sealed.clone();
    for event in &mut events {
        personal::open_event(event, |_, _| None);
        personal::open_event(event, |_, _| Some(vec![0xff; 9]));
    }
    assert_eq!(events, sealed);
}

#[test]
fn a_clear_group_is_never_encoded() {
    let clear = clear_events();
    let mut groups = Vec::new();
    for event in clear {
        if let Err(Unsealed { group }) = commit::encode(&sample::bare(vec![event])) {
            groups.push(group);
        }
    }
    assert_eq!(groups, [CUSTOMER, ADDRESS, CUSTOMER, NOTE]);
    let mut commit = sample::bare(Vec::new());
    commit.reason = Some(Private::Clear(Note::new("because").expect("a note")));
    assert_eq!(commit::encode(&commit), Err(Unsealed { group: REASON }));
}

#[test]
fn a_reason_opens_under_its_own_group_only() {
    let reason = Note::new("because").expect("a note");
    let sealed = personal::seal_reason(&reason, seal).expect("sealed");
    let sealed = Some(Private::Sealed(sealed));
    let opened = personal::open_note(sealed.as_ref(), REASON, open);
    assert_eq!(opened, Some(reason));
    assert_eq!(personal::open_note(sealed.as_ref(), NOTE, open), None);
}

#[test]
fn events_without_personal_data_are_not_touched_by_sealing() {
    let annotated = Event::OrderAnnotated(Box::default());
    let mut events = vec![annotated.clone(), Event::OrderCompleted];
    let refused = personal::seal_events(&mut events, |group, _| Err(group.to_owned()));
    assert_eq!(refused, Ok(()));
    assert_eq!(events, [annotated, Event::OrderCompleted]);
}
