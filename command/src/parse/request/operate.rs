//! Holds, annotations, erasure.

use order::Command;
use order::command::{Annotate, Hold, Release};
use order::value::{HoldReason, Note, Private};
use proto::v1;

use super::{Wire, accessors};
use crate::parse::field::{At, Fields};
use crate::parse::value;

impl Wire for v1::HoldOrderRequest {
    const METHOD: &'static str = "HoldOrder";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let hold_reason = hold_reason(fields, self.hold_reason)?;
        Some(Command::Hold(Hold { hold_reason }))
    }
}

impl Wire for v1::ReleaseOrderRequest {
    const METHOD: &'static str = "ReleaseOrder";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let hold_reason = hold_reason(fields, self.hold_reason)?;
        Some(Command::Release(Release { hold_reason }))
    }
}

impl Wire for v1::AnnotateOrderRequest {
    const METHOD: &'static str = "AnnotateOrder";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let empty = self.note.is_empty()
            && self.add_tags.is_empty()
            && self.remove_tags.is_empty()
            && self.set_metadata.is_empty()
            && self.remove_metadata.is_empty();
        let root = At::Root;
        if empty {
            fields.wrong(root.field("note"), "set, or another field of the request");
        }
        let annotate = Annotate {
            note: fields
                .optional(root.field("note"), &self.note, Note::new)
                .map(Private::Clear),
            add_tags: value::tags(fields, "add_tags", &self.add_tags),
            remove_tags: value::tags(fields, "remove_tags", &self.remove_tags),
            set_metadata: value::metadata(fields, "set_metadata", &self.set_metadata),
            remove_metadata: value::metadata_keys(fields, "remove_metadata", &self.remove_metadata),
        };
        let added = |tag: &_| annotate.add_tags.contains(tag);
        value::disjoint(fields, "remove_tags", added, &annotate.remove_tags);
        let set = |key: &_| annotate.set_metadata.contains_key(key);
        value::disjoint(fields, "remove_metadata", set, &annotate.remove_metadata);
        Some(Command::Annotate(annotate))
    }
}

impl Wire for v1::ErasePersonalDataRequest {
    const METHOD: &'static str = "ErasePersonalData";

    accessors!();

    fn command(&self, _fields: &mut Fields) -> Option<Command> {
        Some(Command::ErasePersonalData)
    }
}

fn hold_reason(fields: &mut Fields, raw: i32) -> Option<HoldReason> {
    fields.variant(At::Root.field("hold_reason"), raw, |reason| match reason {
        v1::HoldReason::Unspecified => None,
        v1::HoldReason::FraudReview => Some(HoldReason::FraudReview),
        v1::HoldReason::Address => Some(HoldReason::Address),
        v1::HoldReason::Inventory => Some(HoldReason::Inventory),
        v1::HoldReason::AwaitingPayment => Some(HoldReason::AwaitingPayment),
        v1::HoldReason::Other => Some(HoldReason::Other),
    })
}
