//! Stored bytes are for ever: golden files hold those of every message that is stored.
//!
//! A file is the hexadecimal text of the bytes, so that a difference can be read. A difference is a
//! bug: records of that shape are in logs. New files are written with `ORDERS_BLESS=1`, which never
//! rewrites one that is there and differs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use order::Event;
use order::value::{Address, Contact, Note, Private};
use prost::Message as _;
use proto::commit::{self, Commit};
use proto::log::v1;
use proto::personal;

use crate::{bless, sample};

/// Events that are read and no longer written.
const SUPERSEDED: [&str; 1] = ["NoteAdded"];

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for row in bytes.chunks(16) {
        for byte in row {
            write!(text, "{byte:02x}").expect("a string");
        }
        text.push('\n');
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// The golden bytes of `name`, which must be `bytes`.
#[track_caller]
fn check(name: &str, bytes: &[u8]) -> Vec<u8> {
    let name = format!("{name}.hex");
    if bless::allowed() && !bless::path(&name).exists() {
        bless::write(&name, &hex(bytes));
    }
    let golden = bless::read(&name);
    assert_eq!(
        golden,
        hex(bytes),
        "{name}: the stored bytes changed; logs hold the old ones for ever"
    );
    unhex(&golden)
}

#[track_caller]
fn check_commit(name: &str, commit: &Commit) {
    let bytes = commit::encode(commit).expect("sealed");
    let golden = check(name, &bytes);
    assert_eq!(commit::decode(&golden).as_ref(), Ok(commit), "{name}");
}

fn commits() -> Vec<(String, Commit)> {
    let mut commits: Vec<_> = sample::events()
        .into_iter()
        .map(|event| (format!("event.{}", event.name()), sample::bare(vec![event])))
        .collect();
    commits.push(("commit.full".to_owned(), sample::full(sample::events())));
    commits.push(("commit.empty".to_owned(), sample::full(Vec::new())));
    commits
}

#[test]
fn every_commit_has_the_bytes_it_always_had() {
    for (name, commit) in commits() {
        check_commit(&name, &commit);
    }
}

#[test]
fn every_kind_of_event_has_a_golden_file() {
    let sampled: BTreeSet<_> = sample::events().iter().map(Event::name).collect();
    let descriptors = crate::descriptor::current();
    let known: BTreeSet<_> = descriptors
        .lines()
        .filter_map(|line| line.strip_prefix("Event."))
        .filter_map(|line| line.split(' ').nth(3))
        .collect();
    assert_eq!(known.len(), 25 + SUPERSEDED.len());
    let written: BTreeSet<_> = known.difference(&SUPERSEDED.into()).copied().collect();
    assert_eq!(sampled, written);
}

#[test]
fn a_superseded_event_is_read_as_its_successor() {
    let annotated = || {
        let mut events = sample::events();
        events.retain(|event| matches!(event, Event::OrderAnnotated(_)));
        sample::bare(events)
    };
    let bytes = commit::encode(&annotated()).expect("sealed");
    let mut wire = v1::Commit::decode(bytes.as_slice()).expect("a commit");
    let Some(v1::event::Event::OrderAnnotated(new)) = wire.events[0].event.take() else {
        panic!("an annotation");
    };
    let note = new.note;
    wire.events[0].event = Some(v1::event::Event::NoteAdded(v1::NoteAdded { note }));
    let golden = check("superseded.NoteAdded", &wire.encode_to_vec());

    let mut successor = annotated();
    for event in &mut successor.events {
        if let Event::OrderAnnotated(annotated) = event {
            annotated.added_tags.clear();
            annotated.removed_tags.clear();
            annotated.set_metadata.clear();
            annotated.removed_metadata.clear();
        }
    }
    let decoded = commit::decode(&golden).expect("read");
    assert_eq!(decoded, successor);
    // Written again it is the new event.
    let again = commit::encode(&decoded).expect("sealed");
    assert_ne!(again, golden);
    assert_eq!(commit::decode(&again), Ok(decoded));
}

#[test]
fn an_absent_option_has_the_bytes_it_always_had() {
    let erased = Event::PersonalDataErased { key_id: None };
    check_commit(
        "event.PersonalDataErased.absent",
        &sample::bare(vec![erased]),
    );
}

#[test]
fn sealed_plaintexts_have_the_bytes_they_always_had() {
    let contact = Contact {
        name: sample::text("Ada Lovelace"),
        email: sample::text("ada@example.org"),
    };
    let address = Address {
        recipient: sample::text("Ada Lovelace"),
        lines: vec![sample::text("12 St James's Square"), sample::text("")],
        city: sample::text("London"),
        region: sample::text("Greater London"),
        postal_code: sample::text("SW1Y 4JH"),
    };
    let mut events = sample::events();
    for event in &mut events {
        match event {
            Event::OrderCreated(created) => {
                created.customer.contact = Some(Private::Clear(contact.clone()));
            }
            Event::ShippingSet(shipping) => {
                shipping.destination.address = Some(Private::Clear(address.clone()));
            }
            Event::OrderAnnotated(annotated) => {
                let note = Note::new("call first,\nthen ship").expect("a note");
                annotated.note = Some(Private::Clear(note));
            }
            _without_personal_data => {}
        }
    }
    let sealing = personal::seal_events(&mut events, |group, plain| {
        check(&format!("personal.{group}"), plain);
        Ok::<_, std::convert::Infallible>(sample::sealed(1))
    });
    assert_eq!(sealing, Ok(()));
}

/// The row is no record: it may change. The read model's fold then has another number, or a node
/// would take rows of two kinds for one.
#[test]
fn a_row_has_the_bytes_that_this_fold_writes() {
    let steps: Vec<(u8, u32)> = (0..120_u32)
        .map(|n| (n.to_be_bytes()[3], n * 7919))
        .collect();
    let mut order = None;
    for commit in crate::history::history(&steps) {
        commit::apply(&mut order, &commit);
    }
    let row = proto::row::Row {
        order_id: sample::bare(Vec::new()).order_id,
        order: order.expect("created"),
        position: (3, 1 << 40),
        chain_hash: [7; 32],
    };
    let bytes = row.encode().expect("sealed");
    let golden = check("row", &bytes);
    assert_eq!(
        proto::row::Row::decode(&golden).expect("a row").encode(),
        Ok(bytes)
    );
}

#[test]
fn no_golden_file_is_without_its_test() {
    let mut known: BTreeSet<String> = commits()
        .into_iter()
        .map(|(name, _)| format!("{name}.hex"))
        .collect();
    for name in [
        "event.PersonalDataErased.absent.hex",
        "personal.customer.hex",
        "personal.address.hex",
        "personal.note.hex",
        "superseded.NoteAdded.hex",
        "row.hex",
        crate::descriptor::FILE,
    ] {
        known.insert(name.to_owned());
    }
    let found: BTreeSet<String> = std::fs::read_dir(bless::path(""))
        .expect("the golden folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    assert!(found.is_subset(&known), "{:?}", found.difference(&known));
}
