//! From a decision to the commit that is to be stored.

use bytes::Bytes;
use order::{Event, Moment, Rejection};
use proto::commit::{self, Commit};

use super::personal::{self, Sealing};
use super::{Call, Stream};
use crate::failure::Failure;

/// Largest commit in bytes: what every log takes in one record.
const COMMIT_BYTES_MAX: usize = 1_000_000;

/// What is to be stored.
pub(crate) struct Decision {
    pub(crate) events: Vec<Event>,
    pub(crate) moment: Moment,
}

/// A commit, ready to be stored.
pub(super) struct Draft {
    pub(super) commit: Commit,
    pub(super) payload: Bytes,
}

/// Makes the commit, and refuses one that is too large.
pub(super) fn draft(
    stream: &Stream,
    call: &Call,
    decision: Decision,
    sealing: &Sealing,
    commit_id: [u8; 16],
) -> Result<Draft, Failure> {
    let known = &*stream.known;
    let (request, caller) = (&call.request, &call.caller);
    let (events, reason) = personal::seal(
        &stream.id,
        decision.events,
        request.context.reason.as_ref(),
        sealing,
    )?;
    let commit = Commit {
        commit_id,
        order_id: stream.id.clone(),
        first_version: known.version() + 1,
        occur_time: decision.moment.occur_time,
        record_time: decision.moment.now,
        principal: caller.principal.clone(),
        actor: request.context.actor.clone(),
        reason,
        request_id: request.context.request_id.clone(),
        fingerprint: personal::fingerprint(request, sealing),
        correlation_id: caller.correlation_id.clone(),
        traceparent: caller.traceparent.clone(),
        previous_hash: known.last_hash,
        events,
    };
    let payload = commit::encode(&commit).map_err(Failure::internal)?;
    if payload.len() > COMMIT_BYTES_MAX {
        return Err(too_large(COMMIT_BYTES_MAX));
    }
    Ok(Draft {
        commit,
        payload: payload.into(),
    })
}

pub(super) fn too_large(limit: usize) -> Failure {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    Failure::Rejected(Rejection::LimitExceeded {
        what: "bytes of a commit",
        limit,
    })
}
