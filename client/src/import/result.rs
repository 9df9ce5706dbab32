//! The result of each step, as the lanes report it.

use proto::v1;

use super::ledger::{Standing, Sums};
use super::reject::{Reject, StepReject};

/// The result of one step of the plan.
#[derive(Debug)]
pub(super) enum StepResult {
    Placed {
        rows: u64,
        lines: u64,
        accepted: Accepted,
    },
    Cancelled(Accepted),
    Rejected(Vec<Reject>),
    LifeStep(Accepted),
    LifeStepRejected(StepReject),
    /// Not a step: the states of an order after its last one.
    Ended(Standing),
}

/// What an accepted command did.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) events: u64,
    pub(super) replayed: bool,
    pub(super) time: i64,
    pub(super) moved: Sums,
}

impl Accepted {
    pub(super) fn new(receipt: &v1::Receipt, time: i64, moved: Sums) -> Self {
        Self {
            events: u64::try_from(receipt.event_count).unwrap_or(0),
            replayed: receipt.replayed,
            time,
            moved,
        }
    }
}
