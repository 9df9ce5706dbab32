//! From the runner's words to those of the API.

use std::collections::BTreeMap;

use event_store::{LogIdentity, Position, Positions};
use order::value::Timestamp;
use proto::{api, v1};
use read_model::{Parked, Progress, Work};

use crate::Outcome;

/// Counts are never as large as the API's numbers can be.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `0:1742,1:9`.
pub(super) fn position(positions: &BTreeMap<u32, u64>) -> String {
    let positions = positions.iter();
    let positions: Positions = positions
        .map(|(&partition, &sequence)| Position::new(partition, sequence))
        .collect();
    positions.to_string()
}

pub(super) fn read_model(progress: &Progress) -> v1::ReadModel {
    let elapsed = |since: Option<tokio::time::Instant>| since.map(|since| since.elapsed());
    let (unknown, behind) = (
        elapsed(progress.head_unknown_since),
        elapsed(progress.behind_since),
    );
    v1::ReadModel {
        serving: progress.serving,
        generation: progress.generation.clone(),
        generations: Vec::new(),
        quarantined: Vec::new(),
        position: position(&progress.positions),
        head: position(&progress.head),
        head_unknown_for: unknown.and_then(|it| it.try_into().ok()),
        lag_commits: count(progress.lag_commits()),
        behind_for: behind.and_then(|it| it.try_into().ok()),
        digest: progress.digest.to_string(),
        log_identity: LogIdentity(progress.identity).to_string(),
        parked: count(progress.parked),
        trouble: progress.trouble.clone().unwrap_or_default(),
        work: progress.work.as_ref().map(work),
        damaged_count: count(progress.healed.damaged),
        rolled_back_count: count(progress.healed.rolled_back),
        different_count: count(progress.healed.different),
        last_finding: progress.healed.last.clone(),
        record_time: Some(api::timestamp(Timestamp::from_micros(progress.record_time))),
    }
}

pub(super) fn work(work: &Work) -> v1::ReadModelWork {
    v1::ReadModelWork {
        task: work.task.name().to_owned(),
        done: count(work.done),
        total: count(work.total),
        per_second: work.rate(),
        remaining: work.remaining().and_then(|left| left.try_into().ok()),
    }
}

/// The end of a rebuild; `None` for other ends.
pub(super) fn rebuilt(outcome: &Outcome) -> Option<v1::RebuildOutcome> {
    match outcome {
        Outcome::Promoted {
            generation,
            digest,
            same,
        } => Some(v1::RebuildOutcome {
            generation: generation.clone(),
            digest: digest.to_string(),
            different: !same,
        }),
        Outcome::Equal { .. } | Outcome::Differs(_) | Outcome::GivenUp(_) => None,
    }
}

/// The end of a verification, with the differences of one order or of all; `None` for other ends.
pub(super) fn verified(outcome: &Outcome, order_id: &str) -> Option<v1::VerifyOutcome> {
    match outcome {
        Outcome::Equal { digest } => Some(v1::VerifyOutcome {
            equal: true,
            digest: digest.to_string(),
            differences: Vec::new(),
            difference_count: 0,
        }),
        Outcome::Differs(found) => {
            let listed = found.listed.iter();
            let wanted = listed.filter(|it| order_id.is_empty() || it.order_id == order_id);
            let differences = wanted.map(|it| v1::KeyDifference {
                kind: it.kind.to_owned(),
                order_id: it.order_id.clone(),
                key: it.key.clone(),
                what: it.what.clone(),
            });
            Some(v1::VerifyOutcome {
                equal: false,
                digest: String::new(),
                differences: differences.collect(),
                difference_count: count(found.total()),
            })
        }
        Outcome::Promoted { .. } | Outcome::GivenUp(_) => None,
    }
}

pub(super) fn parked(order_id: String, parked: &Parked) -> v1::ParkedOrder {
    v1::ParkedOrder {
        order_id,
        cause: parked.cause.name().to_owned(),
        detail: parked.detail.clone(),
        position: parked.position.clone(),
        commit_id: parked.commit_id.clone(),
        since: Some(api::timestamp(Timestamp::from_micros(parked.since))),
        attempts: i32::try_from(parked.attempts).unwrap_or(i32::MAX),
        behind: parked.behind.clone(),
        behind_count: count(parked.behind_count),
    }
}
