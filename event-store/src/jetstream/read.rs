//! Reading: one stream, one position, the head.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    DirectGetError, DirectGetErrorKind, Info, RawMessageError, RawMessageErrorKind,
};
use async_nats::{Message, StatusCode};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::try_join_all;
use serde::Serialize;

use super::layout::{self, Marks};
use super::{Inner, PartitionStream, Seen};
use crate::{Consistency, Head, Partition, Position, ReadError, Record, StreamId};

/// Records per batched direct get. Few streams are longer, and one answer stays below what a
/// connection's queue holds many times over.
const BATCH_RECORDS: u32 = 256;

/// Bytes after which the server ends a batch, so that a stream of large records comes in pieces.
const BATCH_BYTES: u32 = 8 << 20;

/// A request for the next messages of one subject from a sequence on.
#[derive(Serialize)]
struct BatchRequest<'a> {
    seq: u64,
    next_by_subj: &'a str,
    batch: u32,
    max_bytes: u32,
}

/// Whether there may be more behind what was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

impl Inner {
    pub(super) async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        consistency: Consistency,
    ) -> Result<Vec<Record>, ReadError> {
        let (partition, subject) = self.subjects.of(stream);
        let mut after = match after {
            Some(position) if position.partition != partition => return Ok(Vec::new()),
            Some(position) => position.sequence,
            None => 0,
        };
        let mut records = Vec::new();
        loop {
            let progress = self
                .read_some(partition, &subject, after, &mut records)
                .await?;
            after = last_sequence(&records, after);
            if progress == Progress::Done {
                break;
            }
        }
        // What a replica gave is a prefix of the stream, however old; the leader has the rest.
        if consistency == Consistency::Latest && self.replicated.load(Ordering::Relaxed) {
            while let Some(record) = self.next_at_leader(partition, &subject, after).await? {
                after = record.position.sequence;
                records.push(record);
            }
        }
        Ok(records)
    }

    pub(super) async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        let Some(stream) = self.partition(position.partition) else {
            return Ok(None);
        };
        if position.sequence == 0 {
            return Ok(None);
        }
        self.check_readable()?;
        // A reader fences its checkpoint with this: a replica that lags must not answer.
        let message = if self.replicated.load(Ordering::Relaxed) {
            let request = stream
                .read
                .raw_message_builder()
                .sequence(position.sequence);
            at_leader(request.send().await)?
        } else {
            direct(stream.read.direct_get(position.sequence).await)?
        };
        Ok(message.map(|message| self.subjects.record_of(position.partition, message)))
    }

    pub(super) async fn head(&self) -> Result<Head, ReadError> {
        self.check_readable()?;
        let infos = self.infos().await?;
        let marks: Vec<_> = infos
            .iter()
            .filter_map(|i| Marks::read(&i.config))
            .collect();
        let seen = Seen::new(marks);
        let identity = seen.identity;
        *self.seen() = seen;
        self.note_replicas(&infos);
        let last = (0..)
            .zip(&infos)
            .map(|(partition, info)| Position::new(partition, info.state.last_sequence))
            .collect();
        Ok(Head { identity, last })
    }

    async fn infos(&self) -> Result<Vec<Info>, ReadError> {
        try_join_all(self.partitions.iter().map(|stream| async {
            stream
                .read
                .get_info()
                .await
                .map_err(|error| ReadError::Unavailable {
                    cause: format!("stream {} does not answer: {error}", stream.name),
                })
        }))
        .await
    }

    /// The identity of the log that answers now.
    pub(super) async fn current_identity(&self) -> Result<crate::LogIdentity, ReadError> {
        let infos = self.infos().await?;
        let marks: Vec<_> = infos
            .iter()
            .filter_map(|i| Marks::read(&i.config))
            .collect();
        Ok(layout::identity(&marks))
    }

    /// The first record of a subject after a sequence, as the leader knows it.
    pub(super) async fn next_at_leader(
        &self,
        partition: Partition,
        subject: &str,
        after: u64,
    ) -> Result<Option<Record>, ReadError> {
        let stream = self.readable(partition)?;
        let request = stream.read.raw_message_builder();
        let request = request.sequence(after + 1).next_by_subject(subject);
        let message = at_leader(request.send().await)?;
        Ok(message.map(|message| self.subjects.record_of(partition, message)))
    }

    /// Where a subject ends, as the leader knows it.
    pub(super) async fn last_position(
        &self,
        partition: Partition,
        subject: &str,
    ) -> Result<Option<Position>, ReadError> {
        let stream = self.readable(partition)?;
        let request = stream.read.raw_message_builder().last_by_subject(subject);
        let message = at_leader(request.send().await)?;
        Ok(message.map(|message| Position::new(partition, message.sequence)))
    }

    async fn read_some(
        &self,
        partition: Partition,
        subject: &str,
        after: u64,
        records: &mut Vec<Record>,
    ) -> Result<Progress, ReadError> {
        let stream = self.readable(partition)?;
        if self.batched_reads {
            return self
                .read_batch(stream, partition, subject, after, records)
                .await;
        }
        let request = stream.read.direct_get_builder();
        let request = request.sequence(after + 1).next_by_subject(subject);
        match direct(request.send().await)? {
            Some(message) => {
                records.push(self.subjects.record_of(partition, message));
                Ok(Progress::More)
            }
            None => Ok(Progress::Done),
        }
    }

    async fn read_batch(
        &self,
        stream: &PartitionStream,
        partition: Partition,
        subject: &str,
        after: u64,
        records: &mut Vec<Record>,
    ) -> Result<Progress, ReadError> {
        let request = serde_json::to_vec(&BatchRequest {
            seq: after + 1,
            next_by_subj: subject,
            batch: BATCH_RECORDS,
            max_bytes: BATCH_BYTES,
        })
        .map_err(unavailable)?;
        let client = self.read.client();
        let inbox = client.new_inbox();
        let mut replies = client.subscribe(inbox.clone()).await.map_err(unavailable)?;
        let api = format!("$JS.API.DIRECT.GET.{}", stream.name);
        let sent = client.publish_with_reply(api, inbox, Bytes::from(request));
        sent.await.map_err(unavailable)?;
        loop {
            let reply = tokio::time::timeout(self.config.read_timeout, replies.next());
            let reply = reply
                .await
                .map_err(|_elapsed| silence(self.config.read_timeout))?;
            let reply = reply.ok_or_else(|| unavailable("the connection was closed"))?;
            match reply.status {
                None | Some(StatusCode::OK) => {
                    // A server that knows no batches sends one message and no end.
                    let is_batch = reply_number(&reply, "Nats-Num-Pending").is_some();
                    let message = StreamMessage::try_from(reply).map_err(unavailable)?;
                    records.push(self.subjects.record_of(partition, message));
                    if !is_batch {
                        return Ok(Progress::More);
                    }
                }
                Some(StatusCode::NOT_FOUND) => return Ok(Progress::Done),
                Some(status) if status.as_u16() == 204 => {
                    return Ok(match reply_number(&reply, "Nats-Num-Pending") {
                        Some(0) => Progress::Done,
                        Some(_) | None => Progress::More,
                    });
                }
                Some(status) => {
                    let text = reply.description.as_deref().unwrap_or("no description");
                    let name = &stream.name;
                    return Err(unavailable(format!("stream {name}: {status} {text}")));
                }
            }
        }
    }

    fn readable(&self, partition: Partition) -> Result<&PartitionStream, ReadError> {
        self.check_readable()?;
        self.partition(partition)
            .ok_or_else(|| unavailable(format!("there is no partition {partition}")))
    }

    /// While disconnected the client would queue a request and let it run into its timeout.
    fn check_readable(&self) -> Result<(), ReadError> {
        if self.closing.is_cancelled() {
            return Err(unavailable("the log was closed"));
        }
        if self.read.is_connected() {
            return Ok(());
        }
        Err(unavailable("the connection to the server is lost"))
    }
}

fn last_sequence(records: &[Record], otherwise: u64) -> u64 {
    records
        .last()
        .map_or(otherwise, |record| record.position.sequence)
}

fn reply_number(reply: &Message, header: &str) -> Option<u64> {
    reply
        .headers
        .as_ref()?
        .get_last(header)?
        .as_str()
        .parse()
        .ok()
}

fn at_leader(
    answer: Result<StreamMessage, RawMessageError>,
) -> Result<Option<StreamMessage>, ReadError> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

fn direct(
    answer: Result<StreamMessage, DirectGetError>,
) -> Result<Option<StreamMessage>, ReadError> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind() {
            DirectGetErrorKind::NotFound => Ok(None),
            DirectGetErrorKind::InvalidSubject
            | DirectGetErrorKind::TimedOut
            | DirectGetErrorKind::Request
            | DirectGetErrorKind::ErrorResponse(..)
            | DirectGetErrorKind::Other => Err(unavailable(error)),
        },
    }
}

fn silence(limit: Duration) -> ReadError {
    unavailable(format!("no answer within {limit:?}"))
}

pub(super) fn unavailable(cause: impl std::fmt::Display) -> ReadError {
    ReadError::Unavailable {
        cause: cause.to_string(),
    }
}
