//! Commands about an order that move nothing.

use order::Command;
use order::command::{Annotate, Hold, Release};
use order::value::{HoldReason, MetadataKey, Note, Private};

use super::Shot;
use crate::sequence::plan::Aim;
use crate::word;

impl Shot<'_> {
    fn hold_reason(&self) -> HoldReason {
        let reasons = [
            HoldReason::Other,
            HoldReason::Inventory,
            HoldReason::FraudReview,
        ];
        reasons[self.pick() % reasons.len()]
    }

    pub(super) fn hold(&self) -> Command {
        let hold_reason = self.hold_reason();
        Command::Hold(Hold { hold_reason })
    }

    pub(super) fn release(&self) -> Command {
        let held = self.one_of(self.ledger.holds.iter().copied());
        let held = held.filter(|_| !self.is(Aim::Unknown));
        Command::Release(Release {
            hold_reason: held.unwrap_or_else(|| self.hold_reason()),
        })
    }

    /// Adds and removes words of a few, so that they meet; or adds more than an order may have.
    pub(super) fn annotate(&self) -> Command {
        let from = usize::from(self.step.part) % 4;
        let many = if self.is(Aim::Odd) {
            51
        } else {
            self.pick() % 3
        };
        let (tags, pairs) = if self.one_in(2) {
            (0, many)
        } else {
            (many, many / 2)
        };
        let tag = |n: usize| word::tag(&format!("tag{n}"));
        let key = |n: usize| MetadataKey::new(&format!("key{n}")).expect("valid");
        let value = word::text(&format!("v{}", self.pick() % 4));
        let note = Note::new("called twice").expect("valid");
        let pairs = (from..from + pairs).map(|n| (key(n), value.clone()));
        Command::Annotate(Annotate {
            note: self.one_in(7).then_some(Private::Clear(note)),
            add_tags: (from..from + tags).map(tag).collect(),
            remove_tags: (from + 1..from + 3).map(tag).collect(),
            set_metadata: pairs.collect(),
            remove_metadata: (from + 1..from + 3).map(key).collect(),
        })
    }
}
