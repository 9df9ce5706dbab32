//! Appending: one publish, and what its answer means.

use std::error::Error as _;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{
    HeaderValue, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID,
};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use backoff::backoff::Backoff as _;

use super::message::{LABEL, hex, label};
use super::{Inner, MAX_RECORD_BYTES, delays, read};
use crate::{AppendError, Epoch, NewRecord, Partition, Position, ReadError, StreamId};

/// How often one append is sent at most. A server that answers thrice with doubt, while the stream
/// shows nothing new, will not answer better the fourth time.
const PUBLISHES_MAX: u32 = 3;

/// The one look for an append that a silent log did not acknowledge: its caller has waited an ack
/// timeout already.
const SUSPECT_LOOK: Duration = Duration::from_millis(100);

/// Where an append goes, and the message, the same for every attempt.
struct Outgoing<'a> {
    partition: Partition,
    stream_name: &'a str,
    subject: String,
    /// Sequence of the stream's last record; 0 for none.
    expected: u64,
    /// In which that was learned.
    epoch: Epoch,
    record: &'a NewRecord,
}

/// What one publish came to.
enum Attempt {
    Stored(u64),
    /// Certainly not stored.
    Refused(AppendError),
    /// Only the stream can tell.
    Doubtful(String),
}

/// What the stream says of a doubtful append.
enum Settled {
    Stored(u64),
    Conflict(Option<Position>),
    /// It still ends where the append expected.
    NothingNew,
}

impl Inner {
    pub(super) async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: &NewRecord,
    ) -> Result<Position, AppendError> {
        let (partition, subject) = self.subjects.of(stream);
        if record.payload.len() > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge {
                size: record.payload.len(),
                limit: MAX_RECORD_BYTES,
            });
        }
        self.check_reachable(partition)?;
        self.check_epoch(epoch)?;
        if expected.is_some_and(|position| position.partition != partition) {
            let actual = self.last_position(partition, &subject).await;
            let actual = actual.map_err(|error| unavailable(error.to_string()))?;
            return Err(AppendError::Conflict { actual });
        }
        let Some(target) = self.partition(partition) else {
            return Err(unavailable(format!("there is no partition {partition}")));
        };
        let outgoing = Outgoing {
            partition,
            stream_name: &target.name,
            subject,
            expected: expected.map_or(0, |position| position.sequence),
            epoch,
            record,
        };
        let stored = match self.publish(&outgoing).await {
            Attempt::Stored(sequence) => Position::new(partition, sequence),
            Attempt::Refused(error) => {
                if let AppendError::Full { cause } = &error {
                    let cause = format!("the log is full: {cause}");
                    self.link.note_full(partition, Some(&cause));
                }
                return Err(error);
            }
            // Rare, and large: off the path of the append that is simply stored.
            Attempt::Doubtful(cause) => Box::pin(self.settle(&outgoing, cause)).await?,
        };
        if self.epochs.current() != epoch {
            return Err(moved());
        }
        self.epochs.note(stored, record.commit_id);
        Ok(stored)
    }

    fn check_epoch(&self, epoch: Epoch) -> Result<(), AppendError> {
        let current = self.epochs.current();
        if epoch == current {
            return Ok(());
        }
        Err(AppendError::StaleEpoch { current })
    }

    /// Finds out what became of an append, and sends it again while the stream shows nothing new.
    ///
    /// A late twin of our own publish is harmless: it carries the same expectation, which no longer
    /// holds once either was stored.
    async fn settle(
        &self,
        outgoing: &Outgoing<'_>,
        mut cause: String,
    ) -> Result<Position, AppendError> {
        let mut delays = delays(Some(self.config.settle_timeout));
        let mut publishes = 1;
        loop {
            // What was expected may have become another record: this look could not tell.
            if self.epochs.current() != outgoing.epoch {
                return Err(moved());
            }
            // It was waited for once already: nobody waits twice for a log that says nothing.
            let suspect = self.link.silence(outgoing.partition).is_some();
            match self.look_in_time(outgoing, suspect).await {
                Ok(Settled::Stored(sequence)) => {
                    self.link.note_answer(outgoing.partition);
                    return Ok(Position::new(outgoing.partition, sequence));
                }
                Ok(Settled::Conflict(actual)) => return Err(AppendError::Conflict { actual }),
                Ok(Settled::NothingNew) if !suspect && publishes < PUBLISHES_MAX => {
                    publishes += 1;
                    if self.append.is_connected() {
                        match self.publish(outgoing).await {
                            Attempt::Stored(sequence) => {
                                return Ok(Position::new(outgoing.partition, sequence));
                            }
                            Attempt::Refused(error) => cause = error.to_string(),
                            Attempt::Doubtful(doubt) => cause = doubt,
                        }
                    }
                }
                Ok(Settled::NothingNew) => {}
                Err(error) => tracing::debug!(%error, "could not look for a doubtful append"),
            }
            if suspect {
                return Err(AppendError::Unknown { cause });
            }
            match delays.next_backoff() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(AppendError::Unknown { cause }),
            }
        }
    }

    async fn look_in_time(
        &self,
        outgoing: &Outgoing<'_>,
        suspect: bool,
    ) -> Result<Settled, ReadError> {
        let patience = if suspect {
            SUSPECT_LOOK
        } else {
            self.config.settle_timeout
        };
        let looked = tokio::time::timeout(patience, self.look(outgoing)).await;
        looked.unwrap_or_else(|_elapsed| Err(read::unavailable("no answer")))
    }

    /// Looks behind the expected position, through the leader.
    ///
    /// Our record can only be the first one after it: nowhere else did its expectation hold.
    async fn look(&self, outgoing: &Outgoing<'_>) -> Result<Settled, ReadError> {
        let Outgoing {
            partition,
            subject,
            expected,
            record,
            ..
        } = outgoing;
        if let Some(next) = self.next_at_leader(*partition, subject, *expected).await? {
            if next.commit_id == record.commit_id {
                return Ok(Settled::Stored(next.position.sequence));
            }
            let last = self.last_position(*partition, subject).await?;
            return Ok(Settled::Conflict(last.or(Some(next.position))));
        }
        let last = self.last_position(*partition, subject).await?;
        let last_sequence = last.map_or(0, |position| position.sequence);
        if last_sequence >= *expected {
            // Beyond it: stored between the two reads. The next look sees what.
            return Ok(Settled::NothingNew);
        }
        let identity = self.head().await.map(|head| head.identity);
        tracing::error!(
            subject,
            expected,
            last_sequence,
            known_identity = %self.identity(),
            ?identity,
            "the log went back behind what was read from it"
        );
        Ok(Settled::Conflict(last))
    }

    async fn publish(&self, outgoing: &Outgoing<'_>) -> Attempt {
        let partition = outgoing.partition;
        let message = message(outgoing);
        let losses = self.link.losses();
        let sent = self
            .append
            .context
            .send_publish(outgoing.subject.clone(), message);
        let ack = match sent.await {
            Ok(ack) => ack,
            Err(error) => return not_sent(&error, outgoing),
        };
        match ack.await {
            // A duplicate without a sequence is one that is still on its way to being stored.
            Ok(ack) if ack.sequence > 0 => {
                self.link.note_answer(partition);
                Attempt::Stored(ack.sequence)
            }
            Ok(_) => Attempt::Doubtful("a duplicate that is not stored yet".to_owned()),
            Err(error) => {
                let attempt = not_acknowledged(&error, outgoing);
                match error.kind() {
                    PublishErrorKind::TimedOut if losses == self.link.losses() => {
                        let limit = self.config.ack_timeout;
                        let cause = format!("no acknowledgement within {limit:?}");
                        self.link.note_silence(partition, &cause);
                    }
                    PublishErrorKind::StreamNotFound => {
                        let cause = format!("no server leads stream {}", outgoing.stream_name);
                        self.epochs.raise("an append met no stream");
                        self.link.note_fit(partition, Some(&cause));
                    }
                    PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {}
                    _ => self.link.note_answer(partition),
                }
                attempt
            }
        }
    }

    /// While the way to the log is known to be blocked, an append is refused at once: sent anyway,
    /// it would hang, and might land long after the caller gave up.
    fn check_reachable(&self, partition: Partition) -> Result<(), AppendError> {
        if let Some(cause) = self.link.refusal(partition) {
            return Err(AppendError::Unavailable { cause });
        }
        if self.append.is_connected() {
            return Ok(());
        }
        Err(unavailable(
            "the connection to the server is lost".to_owned(),
        ))
    }
}

fn message(outgoing: &Outgoing<'_>) -> PublishMessage {
    let record = outgoing.record;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, hex(record.commit_id.0));
    headers.insert(NATS_EXPECTED_STREAM, outgoing.stream_name);
    headers.insert(
        NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
        HeaderValue::from(outgoing.expected),
    );
    if !record.label.is_empty() {
        headers.insert(LABEL, &*label(&record.label));
    }
    PublishMessage::build()
        .headers(headers)
        .payload(record.payload.clone())
}

/// The message never left this process.
fn not_sent(error: &PublishError, outgoing: &Outgoing<'_>) -> Attempt {
    Attempt::Refused(match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => AppendError::TooLarge {
            size: outgoing.record.payload.len(),
            limit: MAX_RECORD_BYTES,
        },
        PublishErrorKind::TimedOut => not_stored("the connection takes no more writes"),
        PublishErrorKind::MaxAckPending => not_stored("too many appends wait for the server"),
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::Other => not_stored(&error.to_string()),
    })
}

fn not_acknowledged(error: &PublishError, outgoing: &Outgoing<'_>) -> Attempt {
    match error.kind() {
        PublishErrorKind::StreamNotFound => Attempt::Refused(not_stored(&format!(
            "no server leads stream {}",
            outgoing.stream_name
        ))),
        PublishErrorKind::Other => refused_or_doubtful(error, outgoing),
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::MaxPayloadExceeded => Attempt::Doubtful(error.to_string()),
    }
}

/// The client names only one code; the others stand in the source of the error.
fn refused_or_doubtful(error: &PublishError, outgoing: &Outgoing<'_>) -> Attempt {
    let text = text(error);
    match code(error) {
        Some(
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED,
        ) => Attempt::Refused(AppendError::Full { cause: text }),
        // One code for every failure of the store; only its limits are certain not to have stored.
        Some(ErrorCode::STREAM_STORE_FAILED) if text.contains("maximum") => {
            Attempt::Refused(AppendError::Full { cause: text })
        }
        Some(
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM,
        ) => Attempt::Refused(AppendError::TooLarge {
            size: outgoing.record.payload.len(),
            limit: MAX_RECORD_BYTES,
        }),
        Some(ErrorCode::STREAM_NOT_MATCH | ErrorCode::STREAM_SEALED) => {
            Attempt::Refused(not_stored(&text))
        }
        Some(_) | None => Attempt::Doubtful(text),
    }
}

/// The server's code, if the server answered at all.
pub(super) fn code(error: &PublishError) -> Option<ErrorCode> {
    let source = error.source()?;
    Some(source.downcast_ref::<jetstream::Error>()?.error_code())
}

fn text(error: &PublishError) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// The epoch rose while the record was on its way.
fn moved() -> AppendError {
    AppendError::Unknown {
        cause: "the log may have changed while it stored the record".to_owned(),
    }
}

fn not_stored(cause: &str) -> AppendError {
    AppendError::NotStored {
        cause: cause.to_owned(),
    }
}

const fn unavailable(cause: String) -> AppendError {
    AppendError::Unavailable { cause }
}
