//! Tailing: every position in order, over restarts of the server, or a named error.
//!
//! ```text
//!            attach: fits? ──▶ consumer from reached + 1 ──▶ fence holds? ──▶ entries
//!               ▲                                                               │
//!               └── backoff ◀── lost, late, restarted, out of step, new epoch ◀─┘
//! ```
//!
//! A consumer is cheap and disposable: whatever looks wrong with one, it is dropped and another one
//! made, which starts behind the last entry that was delivered. The client library's own ordered
//! consumers are not used: made anew before their first delivery they start at sequence 1.
//!
//! The fence is looked at once the consumer is there and before its first record: a log that is
//! rolled back between the two looks is then seen by the next session.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use futures::stream::{self, StreamExt as _};
use tokio::sync::watch;

use super::{Inner, PartitionStream, delays};
use crate::{
    Bookmark, CommitId, Entry, LogIdentity, Missing, Partition, Position, ReadError, Record, Tail,
    TailError,
};

/// Bound of each request that makes a consumer.
pub(super) const ATTACH_TIMEOUT: Duration = Duration::from_secs(2);

/// Records asked for at once: at 4,000 a tail reads a fifth faster, at eight times the memory.
const PULL_RECORDS: usize = 500;

/// A pull request lives this long; the next one follows by itself.
const PULL_EXPIRES: Duration = Duration::from_secs(10);

/// After two of these without a sign of life the consumer is made anew.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// When the server forgets a consumer that nobody pulls from.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(60);

/// Between two looks that must both miss a commit before it counts as lost: a leader that was just
/// replaced may not hold the newest commits, and does not know it yet.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// All partitions from `after` on, merged; ends after the first error.
pub(super) fn tail(inner: &Arc<Inner>, after: &Bookmark) -> Tail {
    let expected = inner.identity();
    let partitions = (0..inner.subjects.partitions()).map(|partition| {
        let tail = PartitionTail {
            inner: inner.clone(),
            partition,
            expected,
            reached: after.sequence(partition),
            last: after
                .commit_id(partition)
                .map(|commit_id| (after.sequence(partition), commit_id)),
            holes: VecDeque::new(),
            session: None,
            delays: delays(None),
            wake: inner.epochs.wake(),
        };
        stream::unfold(tail, |mut tail| async move {
            let item = tail.next().await;
            Some((item, tail))
        })
        .boxed()
    });
    let merged = stream::select_all(partitions);
    stream::unfold(Some(merged), |merged| async move {
        let mut merged = merged?;
        let item = merged.next().await?;
        let rest = item.is_ok().then_some(merged);
        Some((item, rest))
    })
    .boxed()
}

/// The tail of one partition.
struct PartitionTail {
    inner: Arc<Inner>,
    partition: Partition,
    /// The log that it belongs to, for as long as it lives.
    expected: LogIdentity,
    /// Sequence of the last entry that was delivered.
    reached: u64,
    /// The last record that was delivered: what the log must still hold.
    last: Option<(u64, CommitId)>,
    /// Sequences after `reached` that the leader does not have, and the record behind them.
    holes: VecDeque<Hole>,
    session: Option<Session>,
    delays: ExponentialBackoff,
    wake: watch::Receiver<()>,
}

/// Sequences without a record.
struct Hole {
    /// The last one of them.
    to: u64,
    /// The record behind, unless the log ends with the hole.
    then: Option<Record>,
}

/// One consumer's life.
struct Session {
    messages: pull::Stream,
    /// Sequence of the consumer's last delivery: a lost one leaves a hole in these.
    delivered: u64,
}

/// Why a session could not begin, or ended.
enum Broken {
    /// Another one may do better.
    Retry(String),
    /// The log is not what it was.
    Ended(TailError),
}

impl From<ReadError> for Broken {
    fn from(error: ReadError) -> Self {
        Self::Retry(error.to_string())
    }
}

impl PartitionTail {
    async fn next(&mut self) -> Result<Entry, TailError> {
        let closing = self.inner.closing.clone();
        closing
            .run_until_cancelled(self.next_of_open_log())
            .await
            .unwrap_or(Err(TailError::Closed))
    }

    async fn next_of_open_log(&mut self) -> Result<Entry, TailError> {
        loop {
            if let Some(entry) = self.next_of_hole() {
                return Ok(self.deliver(entry));
            }
            match self.try_next().await {
                Ok(Some(record)) => return Ok(self.deliver(Entry::Record(record))),
                Ok(None) => {}
                Err(Broken::Ended(error)) => return Err(error),
                Err(Broken::Retry(cause)) => {
                    self.session = None;
                    let delay = self.delays.next_backoff().unwrap_or(HEARTBEAT);
                    tracing::debug!(
                        partition = self.partition,
                        cause,
                        ?delay,
                        "tail interrupted"
                    );
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    fn deliver(&mut self, entry: Entry) -> Entry {
        self.reached = entry.position().sequence;
        if let Entry::Record(record) = &entry {
            self.last = Some((self.reached, record.commit_id));
            self.inner.epochs.note(record.position, record.commit_id);
        }
        self.delays.reset();
        entry
    }

    /// What is known to be next without asking.
    fn next_of_hole(&mut self) -> Option<Entry> {
        let hole = self.holes.front_mut()?;
        let position = Position::new(self.partition, self.reached + 1);
        if position.sequence <= hole.to {
            return Some(Entry::Missing(Missing {
                position,
                stream: None,
                cause: "the log has no record there".to_owned(),
            }));
        }
        let then = self.holes.pop_front()?.then;
        then.map(Entry::Record)
    }

    /// The next record; `None` when there is a hole before it.
    async fn try_next(&mut self) -> Result<Option<Record>, Broken> {
        loop {
            if self.session.is_none() {
                self.session = Some(self.attach().await?);
                if !self.holes.is_empty() {
                    return Ok(None);
                }
            }
            let Some(session) = &mut self.session else {
                continue;
            };
            let message = tokio::select! {
                biased;
                _ = self.wake.changed() => {
                    return Err(Broken::Retry("the log may have changed".to_owned()));
                }
                message = session.messages.next() => message,
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(Broken::Retry(error.to_string())),
                None => return Err(Broken::Retry("the consumer ended".to_owned())),
            };
            let (sequence, delivery) = sequences(&message)?;
            if delivery != session.delivered + 1 {
                return Err(Broken::Retry(format!(
                    "delivery {delivery} followed on {}",
                    session.delivered
                )));
            }
            session.delivered = delivery;
            if sequence <= self.reached {
                continue;
            }
            let record = self.record(sequence, message);
            if sequence == self.reached + 1 {
                return Ok(Some(record));
            }
            self.confirm_hole(sequence).await?;
            self.holes.push_back(Hole {
                to: sequence - 1,
                then: Some(record),
            });
            return Ok(None);
        }
    }

    fn record(&self, sequence: u64, message: Message) -> Record {
        let message = message.message;
        self.inner.subjects.record(
            Position::new(self.partition, sequence),
            &message.subject,
            message.headers.as_ref(),
            message.payload,
        )
    }

    /// Makes a consumer that begins behind what was delivered, once it is certain that this is still
    /// the same log and that it still holds what was delivered last.
    async fn attach(&mut self) -> Result<Session, Broken> {
        self.wake.mark_unchanged();
        if !self.inner.tail.is_connected() {
            return Err(Broken::Retry("not connected".to_owned()));
        }
        self.check_identity().await?;
        let stream = self.stream()?;
        let consumer = stream.tail.create_consumer(pull::Config {
            name: Some(consumer_name(&self.inner.config.node)),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.reached + 1,
            },
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE_THRESHOLD,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        });
        let consumer = consumer
            .await
            .map_err(|error| refused(&error.kind(), &error))?;
        self.check_fence().await?;
        self.find_hole_at_the_end().await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(PULL_RECORDS)
            .expires(PULL_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| Broken::Retry(error.to_string()))?;
        tracing::debug!(
            partition = self.partition,
            after = self.reached,
            "tail attached"
        );
        Ok(Session {
            messages,
            delivered: 0,
        })
    }

    /// Another stream under the same name is another log; its identity is made of all streams. A
    /// stream that start would refuse is none: the tail waits for the right one.
    async fn check_identity(&self) -> Result<(), Broken> {
        let (marks, _) = self.inner.check_stream(self.partition).await?;
        if self
            .inner
            .marks_match(self.partition, Some(&marks), self.expected)
        {
            return Ok(());
        }
        let found = self.inner.current_identity().await?;
        if found == self.expected {
            return Ok(());
        }
        Err(Broken::Ended(TailError::Replaced {
            expected: self.expected,
            found,
        }))
    }

    /// Whether the leader holds what was delivered last.
    async fn check_fence(&self) -> Result<(), Broken> {
        let Some((sequence, expected)) = self.last else {
            return Ok(());
        };
        let look = || self.inner.commit_at(self.partition, sequence);
        if look().await? == Some(expected) {
            return Ok(());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        let found = look().await?;
        if found == Some(expected) {
            return Ok(());
        }
        Err(Broken::Ended(TailError::RolledBack {
            position: Position::new(self.partition, sequence),
            expected,
            found,
        }))
    }

    /// A consumer tells of a hole when it delivers the record behind it. At the end of the log there
    /// is none, so the leader is asked.
    async fn find_hole_at_the_end(&mut self) -> Result<(), Broken> {
        let last = self.inner.last_sequence(self.partition).await?;
        self.holes.clear();
        if last > self.reached && self.next_at_leader().await?.is_none() {
            self.holes.push_back(Hole {
                to: last,
                then: None,
            });
        }
        Ok(())
    }

    /// The consumer skipped sequences. Asks the leader whether the log has them: if so the
    /// consumer was wrong, and another one may be right.
    async fn confirm_hole(&self, found: u64) -> Result<(), Broken> {
        match self.next_at_leader().await? {
            Some(next) if next.position.sequence == found => Ok(()),
            Some(next) => Err(Broken::Retry(format!(
                "the consumer skipped {}",
                next.position
            ))),
            None => Err(Broken::Retry(format!(
                "the leader does not have sequence {found}"
            ))),
        }
    }

    async fn next_at_leader(&self) -> Result<Option<Record>, ReadError> {
        let every_stream = self.inner.subjects.filter(self.partition);
        self.inner
            .next_at_leader(self.partition, &every_stream, self.reached)
            .await
    }

    fn stream(&self) -> Result<&PartitionStream, Broken> {
        let stream = self.inner.partition(self.partition);
        stream.ok_or_else(|| Broken::Retry("no such partition".to_owned()))
    }
}

fn refused(kind: &ConsumerErrorKind, error: &dyn std::fmt::Display) -> Broken {
    if let ConsumerErrorKind::JetStream(cause) = kind
        && cause.error_code() == ErrorCode::MAXIMUM_CONSUMERS_LIMIT
    {
        tracing::warn!("the server allows no further consumer; the tail waits for one");
    }
    Broken::Retry(error.to_string())
}

/// Sequence in the stream, and of the delivery.
fn sequences(message: &Message) -> Result<(u64, u64), Broken> {
    let info = message
        .info()
        .map_err(|error| Broken::Retry(error.to_string()))?;
    Ok((info.stream_sequence, info.consumer_sequence))
}

/// A name of its own for every consumer: a fixed one would collide with its own predecessor.
fn consumer_name(node: &str) -> String {
    let plain: String = node
        .chars()
        .take(32)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("orders-{plain}-{:016x}", rand::random::<u64>())
}
