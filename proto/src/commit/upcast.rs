//! Old events as the ones that took their place.
//!
//! When the meaning of an event changes, the new meaning gets a new number in the `oneof`, and the
//! old number stays with a function here: from the old message to the new one, for ever. The decoder
//! matches all numbers, so that none can be forgotten; beyond it nobody knows the old event. A golden
//! file holds its bytes.

use crate::log::v1;

/// A note alone; an annotation can hold tags and metadata as well.
pub(super) fn note_added(added: v1::NoteAdded) -> v1::OrderAnnotated {
    v1::OrderAnnotated {
        note: added.note,
        ..v1::OrderAnnotated::default()
    }
}
