//! The rule book on holds, annotations and erasure.

use std::collections::{BTreeMap, BTreeSet};

use order::command::Annotate;
use order::event::OrderAnnotated;
use order::value::{HoldReason, Private};
use order::{Event, Rejection};

use super::{Answer, refused};
use crate::sequence::ledger::Ledger;

pub(super) fn hold(ledger: &Ledger, reason: HoldReason) -> Answer {
    let mut answer = Answer::default();
    if !ledger.holds.contains(&reason) {
        answer.events.push(Event::OrderHeld { reason });
    }
    answer
}

pub(super) fn release(ledger: &Ledger, reason: HoldReason) -> Answer {
    if !ledger.holds.contains(&reason) {
        return refused(Rejection::HoldNotFound(reason));
    }
    let mut answer = Answer::default();
    answer.events.push(Event::OrderReleased { reason });
    answer
}

/// What is in both lists stays: adding is the last word.
pub(super) fn annotate(ledger: &Ledger, command: &Annotate) -> Answer {
    let mut tags = ledger.tags.clone();
    tags.retain(|tag| !command.remove_tags.contains(tag));
    tags.extend(command.add_tags.iter().cloned());
    let mut metadata = ledger.metadata.clone();
    metadata.retain(|key, _| !command.remove_metadata.contains(key));
    metadata.extend(command.set_metadata.clone());

    let mut answer = Answer::default();
    for (what, count) in [("tags", tags.len()), ("metadata pairs", metadata.len())] {
        answer.refuse_if(count > 50, || Rejection::LimitExceeded { what, limit: 50 });
    }
    let changed = metadata
        .iter()
        .filter(|(key, value)| ledger.metadata.get(*key) != Some(*value));
    let kept: BTreeSet<_> = metadata.keys().cloned().collect();
    let known: BTreeSet<_> = ledger.metadata.keys().cloned().collect();
    let annotated = OrderAnnotated {
        note: command.note.clone(),
        added_tags: &tags - &ledger.tags,
        removed_tags: &ledger.tags - &tags,
        set_metadata: changed
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>(),
        removed_metadata: &known - &kept,
    };
    if annotated != OrderAnnotated::default() {
        answer
            .events
            .push(Event::OrderAnnotated(Box::new(annotated)));
    }
    answer
}

pub(super) fn erase(ledger: &Ledger) -> Answer {
    let mut answer = Answer::default();
    if ledger.erased {
        return answer;
    }
    let sums = ledger.sums();
    let awaited = ledger.returns.iter().any(|found| found.received.is_none());
    for (in_use, cause) in [
        (sums.balance != 0, "the balance is not 0"),
        (sums.open != 0, "an authorisation is open"),
        (awaited, "a return is open"),
    ] {
        answer.refuse_if(in_use, || Rejection::PersonalDataInUse { cause });
    }
    answer.events.push(Event::PersonalDataErased {
        key_id: key_id(ledger),
    });
    answer
}

fn key_id(ledger: &Ledger) -> Option<[u8; 16]> {
    let draft = &ledger.draft;
    let contact = draft.customer.contact.as_ref();
    let shipping = draft.shipping.as_ref();
    let address = shipping.and_then(|shipping| shipping.destination.address.as_ref());
    match (contact, address) {
        (Some(Private::Sealed(sealed)), _) | (_, Some(Private::Sealed(sealed))) => {
            Some(sealed.key_id)
        }
        _ => None,
    }
}
