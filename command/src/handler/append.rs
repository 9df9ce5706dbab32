//! Stores a decision as one commit, and finds out whether that succeeded.

use std::sync::Arc;
use std::time::Duration;

use event_store::{AppendError, CommitId, DataKey, NewRecord, Position, Record, StreamSlice};
use order::Command;
use proto::commit;
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::draft::{Decision, Draft, draft, too_large};
use super::load::drop_lost;
use super::personal::Sealing;
use super::{Call, Handler, Stream, judge};
use crate::failure::Failure;
use crate::outcome::Outcome;

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
        self.name_erased_key(&stream, &mut decision.events).await?;
        let draft = draft(&stream, call, decision, &sealing, commit_id)?;
        let label = commit::label(&draft.commit.events);
        let record = NewRecord {
            commit_id: CommitId(commit_id),
            payload: draft.payload.clone(),
            label,
        };
        let began = Instant::now();
        let expected = stream.known.last.map(|(position, _)| position);
        let answer = self
            .store
            .append(&stream.name, expected, stream.known.epoch, record)
            .await;
        self.observer.append(began.elapsed());
        let outcome = match answer {
            Ok(position) => Some(store(&mut stream, call, draft, position)),
            Err(error) => self.look_into(error, &mut stream, call, draft).await?,
        };
        self.cache.weigh(&stream.id, stream.known.bytes());
        let Some(outcome) = outcome else {
            return Ok(Appended::Lost(self.refresh(stream).await?));
        };
        if matches!(call.request.command, Command::ErasePersonalData) {
            self.destroy_key(&stream.name).await?;
        }
        Ok(Appended::Stored(Box::new(outcome)))
    }

    /// What an error of the log means: stored after all (`Some`), not stored and to be decided again
    /// on the newest state (`None`), or a failure to tell the caller.
    async fn look_into(
        &self,
        error: AppendError,
        stream: &mut Stream,
        call: &Call,
        draft: Draft,
    ) -> Result<Option<Outcome>, Failure> {
        match error {
            AppendError::Conflict { .. } => {
                self.observer.conflict();
                let newer = self.newer(stream).await.map_err(Failure::log)?;
                Ok(newer.and_then(|newer| find(stream, call, draft, &newer)))
            }
            AppendError::StaleEpoch { .. } => Ok(None),
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

    /// The commits after the last known one, as soon as there are any: one of them is ours, or took
    /// its place for good. When the log does not hold the last known one any more, nothing can tell:
    /// ours may stand on another history.
    async fn look_for_newer(
        &self,
        stream: &mut Stream,
        cause: &str,
    ) -> Result<StreamSlice, Failure> {
        for pause in LOOKS {
            sleep(pause).await;
            match self.newer(stream).await {
                Ok(Some(newer)) if !newer.records.is_empty() => return Ok(newer),
                Ok(Some(_nothing_yet)) => {}
                Ok(None) => {
                    drop_lost(stream);
                    break;
                }
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

/// Folds the commit that is stored at `position`, and says what it came to.
fn store(stream: &mut Stream, call: &Call, draft: Draft, position: Position) -> Outcome {
    let hash = commit::hash(&draft.payload);
    let done = stream.known.apply(draft.commit, position, hash);
    judge::outcome(stream, call, &done, stream.known.order.as_ref())
}

/// Folds what is newer, and says what our commit came to if it is there. The log's check lets it
/// stand nowhere but first.
fn find(stream: &mut Stream, call: &Call, draft: Draft, newer: &StreamSlice) -> Option<Outcome> {
    let own = CommitId(draft.commit.commit_id);
    let outcome = newer
        .records
        .first()
        .filter(|record: &&Record| record.commit_id == own)
        .map(|record| store(stream, call, draft, record.position));
    stream.known.fold(&newer.records);
    stream.known.epoch = newer.epoch;
    outcome
}
