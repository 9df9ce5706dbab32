//! Holds, annotations, erasure.

use super::MAX_TAGS;
use super::compose::check_limit;
use crate::command::Annotate;
use crate::event::OrderAnnotated;
use crate::state::Order;
use crate::value::{HoldReason, Private};
use crate::{Event, Rejection};

pub(super) fn hold(order: &Order, reason: HoldReason) -> Vec<Event> {
    if order.holds.contains(&reason) {
        Vec::new()
    } else {
        vec![Event::OrderHeld { reason }]
    }
}

pub(super) fn release(order: &Order, reason: HoldReason) -> Result<Vec<Event>, Rejection> {
    if order.holds.contains(&reason) {
        Ok(vec![Event::OrderReleased { reason }])
    } else {
        Err(Rejection::HoldNotFound(reason))
    }
}

/// The event holds what changes, not what was asked for.
pub(super) fn annotate(order: &Order, command: &Annotate) -> Result<Vec<Event>, Rejection> {
    let removed = &command.remove_tags;
    let annotated = OrderAnnotated {
        note: command.note.clone(),
        added_tags: command.add_tags.difference(&order.tags).cloned().collect(),
        removed_tags: removed
            .difference(&command.add_tags)
            .filter(|tag| order.tags.contains(*tag))
            .cloned()
            .collect(),
        set_metadata: command
            .set_metadata
            .iter()
            .filter(|(key, value)| order.metadata.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        removed_metadata: command
            .remove_metadata
            .iter()
            .filter(|key| order.metadata.contains_key(*key))
            .filter(|key| !command.set_metadata.contains_key(*key))
            .cloned()
            .collect(),
    };
    let tags = order
        .tags
        .len()
        .saturating_sub(annotated.removed_tags.len());
    check_limit(
        "tags",
        tags.saturating_add(annotated.added_tags.len()),
        MAX_TAGS,
    )?;
    let new_keys = annotated
        .set_metadata
        .keys()
        .filter(|key| !order.metadata.contains_key(*key))
        .count();
    let pairs = order
        .metadata
        .len()
        .saturating_sub(annotated.removed_metadata.len());
    check_limit("metadata pairs", pairs.saturating_add(new_keys), MAX_TAGS)?;
    if annotated == OrderAnnotated::default() {
        return Ok(Vec::new());
    }
    Ok(vec![Event::OrderAnnotated(Box::new(annotated))])
}

pub(super) fn erase(order: &Order) -> Result<Vec<Event>, Rejection> {
    let in_use = |cause| Err(Rejection::PersonalDataInUse { cause });
    if order.personal_data_erased {
        return Ok(Vec::new());
    }
    if !order.balance().is_zero() {
        return in_use("the balance is not 0");
    }
    if !order.open_authorizations().is_zero() {
        return in_use("an authorisation is open");
    }
    if order.returns.iter().any(|found| found.open) {
        return in_use("a return is open");
    }
    Ok(vec![Event::PersonalDataErased {
        key_id: key_id(order),
    }])
}

/// The order's key, as its sealed values name it.
fn key_id(order: &Order) -> Option<[u8; 16]> {
    fn of<T>(private: Option<&Private<T>>) -> Option<[u8; 16]> {
        match private? {
            Private::Clear(_) => None,
            Private::Sealed(sealed) => Some(sealed.key_id),
        }
    }
    let address = order
        .shipping
        .as_ref()
        .and_then(|s| s.destination.address.as_ref());
    of(order.customer.contact.as_ref()).or_else(|| of(address))
}
