//! Stores a decision as one commit, and finds out whether that succeeded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_store::{AppendError, CommitId, Consistency, DataKey, NewRecord, Position, Record};
use order::{Command, Rejection};
use proto::commit::{self, Commit};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::judge::{self, Decision};
use super::{Call, Handler, Stream};
use crate::failure::Failure;
use crate::known::Known;
use crate::outcome::Outcome;

/// Largest commit in bytes: what every log takes in one record.
const COMMIT_BYTES_MAX: usize = 1_000_000;
/// A request below this size cannot make a commit that is too large, whatever it is sealed with.
const SURELY_FITS: usize = 500_000;
/// When to look for a commit whose append was not answered. The log's own retries come before; this
/// gives a late one the time to land.
const LOOKS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(250),
];

/// What became of an append.
pub(crate) enum Appended {
    /// It is in the log.
    Stored(Box<Outcome>),
    /// Another writer was faster; its commits are known now.
    Lost(Stream),
}

/// How personal data of a request is kept.
pub(crate) enum Sealing {
    /// It has none.
    Nothing,
    /// Sealed under the order's key.
    Under(DataKey),
    /// Not at all: the order's key is gone for ever.
    Gone,
}

/// A commit, ready to be stored.
pub(super) struct Draft {
    pub(super) commit: Commit,
    payload: Bytes,
}

impl Handler {
    /// Appends in a task of its own: a caller who hangs up, or whose deadline fires, must not leave
    /// a commit of which this process does not know whether it is stored.
    pub(super) async fn append(
        self: &Arc<Self>,
        stream: Stream,
        call: &Arc<Call>,
        decision: Decision,
    ) -> Result<Appended, Failure> {
        let (this, call) = (Arc::clone(self), Arc::clone(call));
        let task = async move { this.commit(stream, &call, decision).await };
        tokio::spawn(task.in_current_span())
            .await
            .map_err(Failure::internal)?
    }

    async fn commit(
        &self,
        mut stream: Stream,
        call: &Call,
        mut decision: Decision,
    ) -> Result<Appended, Failure> {
        let commit_id = self.commit_id(&decision);
        let sealing = self.sealing(&stream, call, &decision, commit_id).await?;
        self.name_erased_key(&stream, &mut decision).await?;
        let draft = draft(&stream, call, decision, &sealing, commit_id)?;
        let label = commit::label(&draft.commit.events);
        let record = NewRecord {
            commit_id: CommitId(commit_id),
            payload: draft.payload.clone(),
            label,
        };
        let began = Instant::now();
        let answer = self
            .store
            .append(&stream.name, stream.known.last, record)
            .await;
        self.observer.append(began.elapsed());
        let outcome = match answer {
            Ok(position) => Some(store(&mut stream, call, draft, position)),
            Err(error) => self.look_into(error, &mut stream, call, draft).await?,
        };
        self.cache.weigh(&stream.id, stream.known.bytes());
        let Some(outcome) = outcome else {
            stream.fresh = true;
            return Ok(Appended::Lost(stream));
        };
        if matches!(call.request.command, Command::ErasePersonalData) {
            self.destroy_key(&stream.name).await?;
        }
        Ok(Appended::Stored(Box::new(outcome)))
    }

    /// What an error of the log means: stored after all (`Some`), lost to another writer (`None`),
    /// or a failure to tell the caller.
    async fn look_into(
        &self,
        error: AppendError,
        stream: &mut Stream,
        call: &Call,
        draft: Draft,
    ) -> Result<Option<Outcome>, Failure> {
        match error {
            AppendError::Conflict { actual } => {
                self.observer.conflict();
                if went_back(stream.known.last, actual) {
                    self.doubt();
                    *stream.known = Known::default();
                    stream.identity = Some(self.identity().await?);
                }
                let newer = self.newer(stream).await.map_err(Failure::log)?;
                Ok(find(stream, call, draft, &newer))
            }
            AppendError::Unknown { cause } => {
                let newer = self.look_for_newer(stream, &cause).await?;
                Ok(find(stream, call, draft, &newer))
            }
            AppendError::NotStored { cause } | AppendError::Unavailable { cause } => {
                Err(Failure::LogUnavailable { cause })
            }
            AppendError::Full { cause } => Err(Failure::LogFull { cause }),
            AppendError::TooLarge { limit, .. } => Err(too_large(limit)),
        }
    }

    async fn newer(&self, stream: &Stream) -> Result<Vec<Record>, event_store::ReadError> {
        self.store
            .read_stream(&stream.name, stream.known.last, Consistency::Latest)
            .await
    }

    /// The commits after the last known one, as soon as there are any: one of them is ours, or took
    /// its place for good.
    async fn look_for_newer(&self, stream: &Stream, cause: &str) -> Result<Vec<Record>, Failure> {
        for pause in LOOKS {
            sleep(pause).await;
            match self.newer(stream).await {
                Ok(newer) if !newer.is_empty() => return Ok(newer),
                Ok(_nothing_yet) => {}
                Err(error) => tracing::debug!(%error, "failed to look for an unanswered commit"),
            }
        }
        Err(Failure::OutcomeUnknown {
            cause: cause.to_owned(),
        })
    }

    /// A `UUIDv7` of the moment the commit is recorded.
    fn commit_id(&self, decision: &Decision) -> [u8; 16] {
        let millis = decision.moment.now.micros().unsigned_abs() / 1_000;
        let [a, b, c, d, e, f, g, h, i, j, ..] = (self.entropy)();
        let random = [a, b, c, d, e, f, g, h, i, j];
        uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .into_uuid()
            .into_bytes()
    }

    /// How the request's personal data is to be kept. Makes the order's key if it has none: the
    /// last step before the append, so that no refused command leaves a key behind.
    async fn sealing(
        &self,
        stream: &Stream,
        call: &Call,
        decision: &Decision,
        commit_id: [u8; 16],
    ) -> Result<Sealing, Failure> {
        if !call.request.personal {
            return Ok(Sealing::Nothing);
        }
        // A reason for erasing would be unreadable before anyone could read it.
        if stream.known.erased() || matches!(call.request.command, Command::ErasePersonalData) {
            return Ok(Sealing::Gone);
        }
        if call.request.size > SURELY_FITS {
            let trial = Decision {
                events: decision.events.clone(),
                moment: decision.moment,
            };
            let key = Sealing::Under(DataKey::generate());
            draft(stream, call, trial, &key, commit_id)?;
        }
        self.make_key(&stream.name).await
    }
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
    let (events, reason) = super::personal::seal(
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
        fingerprint: super::personal::fingerprint(request, sealing),
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

fn too_large(limit: usize) -> Failure {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    Failure::Rejected(Rejection::LimitExceeded {
        what: "bytes of a commit",
        limit,
    })
}

/// Folds the commit that is stored at `position`, and says what it came to.
fn store(stream: &mut Stream, call: &Call, draft: Draft, position: Position) -> Outcome {
    let hash = commit::hash(&draft.payload);
    let done = stream.known.apply(draft.commit, position, hash);
    judge::outcome(stream, call, &done, stream.known.order.as_ref())
}

/// Folds what is newer, and says what our commit came to if it is there. The log's check lets it
/// stand nowhere but first.
fn find(stream: &mut Stream, call: &Call, draft: Draft, newer: &[Record]) -> Option<Outcome> {
    let own = CommitId(draft.commit.commit_id);
    let outcome = newer
        .first()
        .filter(|record| record.commit_id == own)
        .map(|record| store(stream, call, draft, record.position));
    stream.known.fold(newer);
    outcome
}

/// Whether the stream ends before what was read from it.
fn went_back(known: Option<Position>, actual: Option<Position>) -> bool {
    match (known, actual) {
        (Some(known), Some(actual)) => {
            actual.partition == known.partition && actual.sequence < known.sequence
        }
        (Some(_), None) => true,
        (None, _) => false,
    }
}
