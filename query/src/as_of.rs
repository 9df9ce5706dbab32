//! An order as it was, folded from the log: exact, whatever the read model holds.

use order::Order;
use order::value::{OrderId, Timestamp};
use proto::commit::{self, Commit};
use proto::v1;

use crate::failure::Failure;
use crate::stream::{Commits, Mark, erases};
use crate::{Sources, time};

/// Up to where the history is folded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AsOf {
    Version(u64),
    /// What was recorded by then.
    Time(Timestamp),
}

impl AsOf {
    pub(crate) fn parse(as_of: v1::get_order_request::AsOf) -> Result<Self, Failure> {
        use v1::get_order_request::AsOf as Asked;
        match as_of {
            Asked::Version(version) => u64::try_from(version)
                .ok()
                .filter(|version| *version >= 1)
                .map(Self::Version)
                .ok_or_else(|| Failure::field("version", "1 or more")),
            Asked::Time(asked) => {
                let micros =
                    time::micros(&asked).ok_or_else(|| Failure::field("time", time::RULE))?;
                Ok(Self::Time(Timestamp::from_micros(micros)))
            }
        }
    }
}

/// An order as it was.
pub(crate) struct Past<'a> {
    pub(crate) order: Order,
    /// Whether a commit up to then, or the one in which it ends, erased the personal data.
    erased: bool,
    /// What was not read.
    rest: Commits<'a>,
}

impl Past<'_> {
    /// Whether the personal data was erased then or at any time since.
    pub(crate) async fn is_erased(&mut self) -> Result<bool, Failure> {
        Ok(self.erased || self.rest.is_erased_later().await?)
    }
}

impl Sources {
    /// Folds the order's stream. Commits behind the last one wanted need not be readable.
    pub(crate) async fn past(&self, order_id: &OrderId, as_of: AsOf) -> Result<Past<'_>, Failure> {
        let mut rest = Commits::after(self, order_id, Mark::default())?;
        let mut order: Option<Order> = None;
        let mut erased = false;
        loop {
            let version = order.as_ref().map_or(0, |order| order.version);
            if let (AsOf::Version(wanted), Some(order)) = (as_of, &order)
                && version >= wanted
            {
                let order = order.clone();
                return Ok(Past {
                    order,
                    erased,
                    rest,
                });
            }
            let Some((_, commit)) = rest.next().await? else {
                break;
            };
            if is_later(as_of, &commit) {
                // A commit is read to see that it is too late; it may be the one that erased.
                erased |= erases(&commit);
                break;
            }
            erased |= erases(&commit);
            apply_up_to(&mut order, &commit, as_of);
        }
        match (order, as_of) {
            (Some(order), AsOf::Time(_)) => Ok(Past {
                order,
                erased,
                rest,
            }),
            (Some(order), AsOf::Version(_)) => Err(Failure::VersionAhead {
                current: order.version,
            }),
            (None, _) => Err(Failure::not_found(order_id.as_str())),
        }
    }
}

/// Record times of one order never go back.
fn is_later(as_of: AsOf, commit: &Commit) -> bool {
    match as_of {
        AsOf::Time(until) => commit.record_time > until,
        AsOf::Version(_) => false,
    }
}

fn apply_up_to(order: &mut Option<Order>, commit: &Commit, as_of: AsOf) {
    let AsOf::Version(version) = as_of else {
        return commit::apply(order, commit);
    };
    let left = version.saturating_sub(order.as_ref().map_or(0, |order| order.version));
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    for event in commit.events.iter().take(left) {
        order::evolve(order, event, commit.occur_time);
    }
    if let Some(order) = order {
        order.committed(commit.record_time);
    }
}
