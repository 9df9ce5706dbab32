//! An order as it was, folded from the log: exact, whatever the view holds.

use event_store::{ALL, Consistency, Record, StreamId};
use order::value::{OrderId, Timestamp};
use order::{Event, Order};
use proto::commit::{self, Commit};
use proto::{api, error, v1};
use tonic::{Code, Status};

use crate::mask::Mask;
use crate::{Sources, fault, time};

/// Up to where the history is folded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AsOf {
    Version(u64),
    /// What was recorded by then.
    Time(Timestamp),
}

impl AsOf {
    pub(crate) fn parse(as_of: v1::get_order_request::AsOf) -> Result<Self, Status> {
        use v1::get_order_request::AsOf as Asked;
        match as_of {
            Asked::Version(version) => u64::try_from(version)
                .ok()
                .filter(|version| *version >= 1)
                .map(Self::Version)
                .ok_or_else(|| fault::field("version", "1 or more")),
            Asked::Time(asked) => {
                let micros =
                    time::micros(&asked).ok_or_else(|| fault::field("time", time::RULE))?;
                Ok(Self::Time(Timestamp::from_micros(micros)))
            }
        }
    }
}

impl Sources {
    /// Folds the order's stream. Commits behind the last one wanted need not be readable.
    pub(crate) async fn as_of(
        &self,
        order_id: &OrderId,
        as_of: AsOf,
        mask: &Mask,
    ) -> Result<v1::Order, Status> {
        let records = self.records(order_id).await?;
        let folded = match as_of {
            AsOf::Version(version) => Some(at_version(&records, version)?),
            AsOf::Time(until) => at_time(&records, until)?,
        };
        let mut order = folded.ok_or_else(|| fault::not_found(order_id.as_str()))?;
        if !is_erased(&records) {
            self.open_order(order_id.as_str(), &mut order, mask).await?;
        }
        Ok(mask.apply(api::order(order_id, &order)))
    }

    /// All records of an order, oldest first; at least one.
    pub(crate) async fn records(&self, order_id: &OrderId) -> Result<Vec<Record>, Status> {
        let stream = StreamId::new(order_id.as_str()).map_err(fault::view)?;
        let read = self
            .log
            .read_stream(&stream, None, ALL, Consistency::Latest);
        let records = read.await.map_err(fault::log)?.records;
        if records.is_empty() {
            return Err(fault::not_found(order_id.as_str()));
        }
        Ok(records)
    }
}

fn at_version(records: &[Record], version: u64) -> Result<Order, Status> {
    let mut order = None;
    for record in records {
        let commit = commit::decode(&record.payload).map_err(fault::unreadable)?;
        apply_up_to(&mut order, &commit, version);
        if let Some(order) = order.take_if(|order: &mut Order| order.version >= version) {
            return Ok(order);
        }
    }
    Err(ahead(order.map_or(0, |order| order.version)))
}

/// Record times of one order never go back.
fn at_time(records: &[Record], until: Timestamp) -> Result<Option<Order>, Status> {
    let mut order = None;
    for record in records {
        let commit = commit::decode(&record.payload).map_err(fault::unreadable)?;
        if commit.record_time > until {
            break;
        }
        commit::apply(&mut order, &commit);
    }
    Ok(order)
}

fn apply_up_to(order: &mut Option<Order>, commit: &Commit, version: u64) {
    let left = version.saturating_sub(order.as_ref().map_or(0, |order| order.version));
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    for event in commit.events.iter().take(left) {
        order::evolve(order, event, commit.occur_time);
    }
    if let Some(order) = order {
        order.committed(commit.record_time);
    }
}

/// Whether the personal data was erased at any time. The key may live on for a moment after that
/// was recorded.
pub(crate) fn is_erased(records: &[Record]) -> bool {
    let erases = |event: &Event| matches!(event, Event::PersonalDataErased { .. });
    let commits = records
        .iter()
        .rev()
        .map(|record| commit::decode(&record.payload));
    commits
        .flatten()
        .any(|commit| commit.events.iter().any(erases))
}

fn ahead(current: u64) -> Status {
    error::status(
        Code::OutOfRange,
        "VERSION_AHEAD",
        &format!("the order is at version {current}"),
        [("current_version", current.to_string())],
    )
}
