//! Tailing: every record in order, over restarts of the server, or a named error.
//!
//! ```text
//!            attach: identity? head? ──▶ consumer from seen + 1 ──▶ records
//!               ▲                                                     │
//!               └──── backoff ◀── lost, late, restarted, out of step ─┘
//! ```
//!
//! A consumer is cheap and disposable: whatever looks wrong with one, it is dropped and another one
//! made, which starts behind the last record that was delivered. The client library's own ordered
//! consumers are not used: made anew before their first delivery they start at sequence 1.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{ConsumerErrorKind, Info};
use async_nats::jetstream::{Message, stream::RawMessageErrorKind};
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use futures::stream::{self, StreamExt as _};
use tokio::sync::watch;

use super::layout::Marks;
use super::{Inner, PartitionStream, delays};
use crate::{LogIdentity, Partition, Position, Positions, Record, Tail, TailError};

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

/// All partitions from `after` on, merged; ends after the first error.
pub(super) fn tail(inner: &Arc<Inner>, after: &Positions) -> Tail {
    let expected = inner.identity();
    let partitions = (0..inner.subjects.partitions()).map(|partition| {
        let tail = PartitionTail {
            inner: inner.clone(),
            partition,
            expected,
            seen: after.sequence(partition),
            session: None,
            delays: delays(None),
            connections: inner.tail_connections.clone(),
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
    /// Sequence of the last record that was delivered.
    seen: u64,
    session: Option<Session>,
    delays: ExponentialBackoff,
    connections: watch::Receiver<u64>,
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

impl PartitionTail {
    async fn next(&mut self) -> Result<Record, TailError> {
        let closing = self.inner.closing.clone();
        closing
            .run_until_cancelled(self.next_of_open_log())
            .await
            .unwrap_or(Err(TailError::Closed))
    }

    async fn next_of_open_log(&mut self) -> Result<Record, TailError> {
        loop {
            match self.try_next().await {
                Ok(record) => return Ok(record),
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

    async fn try_next(&mut self) -> Result<Record, Broken> {
        loop {
            if self.session.is_none() {
                self.session = Some(self.attach().await?);
            }
            let Some(session) = &mut self.session else {
                continue;
            };
            let message = tokio::select! {
                biased;
                message = session.messages.next() => message,
                _ = self.connections.changed() => {
                    return Err(Broken::Retry("the connection was made anew".to_owned()));
                }
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
            if sequence <= self.seen {
                continue;
            }
            if sequence != self.seen + 1 {
                return Err(self.explain_hole(sequence).await);
            }
            self.seen = sequence;
            self.delays.reset();
            return Ok(self.record(sequence, message));
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

    /// Makes a consumer that begins behind what was seen, once it is certain that this is still
    /// the same log and that it still has what follows.
    async fn attach(&mut self) -> Result<Session, Broken> {
        self.connections.mark_unchanged();
        if !self.inner.tail.is_connected() {
            return Err(Broken::Retry("not connected".to_owned()));
        }
        let stream = self.stream()?;
        let info = stream.tail.get_info().await;
        let info = info.map_err(|error| Broken::Retry(error.to_string()))?;
        self.check_identity(&info).await?;
        self.check_range(&info)?;
        let consumer = stream.tail.create_consumer(pull::Config {
            name: Some(consumer_name(&self.inner.config.node)),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.seen + 1,
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
            after = self.seen,
            "tail attached"
        );
        Ok(Session {
            messages,
            delivered: 0,
        })
    }

    /// Another stream under the same name is another log; its identity is made of all streams.
    async fn check_identity(&self, info: &Info) -> Result<(), Broken> {
        let marks = Marks::read(&info.config);
        if self
            .inner
            .marks_match(self.partition, marks.as_ref(), self.expected)
        {
            return Ok(());
        }
        match self.inner.current_identity().await {
            Ok(found) if found == self.expected => Ok(()),
            Ok(found) => Err(Broken::Ended(TailError::Replaced {
                expected: self.expected,
                found,
            })),
            Err(error) => Err(Broken::Retry(error.to_string())),
        }
    }

    fn check_range(&self, info: &Info) -> Result<(), Broken> {
        let state = &info.state;
        if state.last_sequence < self.seen {
            return Err(Broken::Ended(TailError::RolledBack {
                seen: self.position(self.seen),
                head: self.position(state.last_sequence),
            }));
        }
        if state.messages > 0 && state.first_sequence > self.seen + 1 {
            return Err(self.gap(state.first_sequence));
        }
        Ok(())
    }

    /// The consumer skipped sequences. Asks the leader whether the log has them: if so the
    /// consumer was wrong, and another one may be right.
    async fn explain_hole(&self, found: u64) -> Broken {
        let missing = self.seen + 1;
        let stream = match self.stream() {
            Ok(stream) => stream,
            Err(broken) => return broken,
        };
        match stream.tail.get_raw_message(missing).await {
            Ok(_) => Broken::Retry(format!("the consumer skipped sequence {missing}")),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => self.gap(found),
            Err(error) => Broken::Retry(error.to_string()),
        }
    }

    fn gap(&self, found: u64) -> Broken {
        Broken::Ended(TailError::Gap {
            after: self.position(self.seen),
            found: self.position(found),
        })
    }

    const fn position(&self, sequence: u64) -> Position {
        Position::new(self.partition, sequence)
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
