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
use crate::{Consistency, Head, Partition, Position, ReadError, Record, StreamId, StreamSlice};

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

/// Which part of which stream is read.
struct Source<'a> {
    partition: Partition,
    subject: &'a str,
    after: u64,
    wanted: usize,
}

impl Source<'_> {
    /// The sequence after which the read goes on.
    fn reached(&self, records: &[Record]) -> u64 {
        records
            .last()
            .map_or(self.after, |record| record.position.sequence)
    }
}

impl Inner {
    pub(super) async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        let epoch = self.epochs.current();
        let (partition, subject) = self.subjects.of(stream);
        let mut records = match after {
            Some(position) if position.partition != partition => Vec::new(),
            _of_this_partition => {
                let after = after.map_or(0, |position| position.sequence);
                let source = Source {
                    partition,
                    subject: &subject,
                    after,
                    // One more tells whether there are more.
                    wanted: limit.saturating_add(1),
                };
                self.read_source(&source, consistency).await?
            }
        };
        if let Some(last) = records.last() {
            self.epochs.note(last.position, last.commit_id);
        }
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(StreamSlice {
            records,
            more,
            epoch,
        })
    }

    async fn read_source(
        &self,
        source: &Source<'_>,
        consistency: Consistency,
    ) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        while records.len() < source.wanted {
            if self.read_some(source, &mut records).await? == Progress::Done {
                break;
            }
        }
        if consistency == Consistency::Latest && self.replicated.load(Ordering::Relaxed) {
            self.complete_at_leader(source, &mut records).await?;
        }
        Ok(records)
    }

    /// What a replica gave is a prefix of the stream, however old, if the leader holds its last
    /// record; else it is of another time, and nothing of it counts. The leader has the rest.
    async fn complete_at_leader(
        &self,
        source: &Source<'_>,
        records: &mut Vec<Record>,
    ) -> Result<(), ReadError> {
        if let Some(last) = records.last() {
            let position = last.position;
            let found = self
                .commit_at(position.partition, position.sequence)
                .await?;
            if found != Some(last.commit_id) {
                records.clear();
            }
        }
        while records.len() < source.wanted {
            let after = source.reached(records);
            match self
                .next_at_leader(source.partition, source.subject, after)
                .await?
            {
                Some(record) => records.push(record),
                None => break,
            }
        }
        Ok(())
    }

    pub(super) async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if self.partition(position.partition).is_none() || position.sequence == 0 {
            return Ok(None);
        }
        // A reader fences its checkpoint with this: a replica that lags must not answer.
        if self.replicated.load(Ordering::Relaxed) {
            return self.at_leader(position.partition, position.sequence).await;
        }
        let stream = self.readable(position.partition)?;
        let message = direct(stream.read.direct_get(position.sequence).await)?;
        Ok(message.map(|message| self.subjects.record_of(position.partition, message)))
    }

    /// The record at a sequence, as the leader knows it.
    pub(super) async fn at_leader(
        &self,
        partition: Partition,
        sequence: u64,
    ) -> Result<Option<Record>, ReadError> {
        let stream = self.readable(partition)?;
        let request = stream.read.raw_message_builder().sequence(sequence);
        let message = at_leader(request.send().await)?;
        Ok(message.map(|message| self.subjects.record_of(partition, message)))
    }

    pub(super) async fn head(&self) -> Result<Head, ReadError> {
        self.check_readable()?;
        let infos = self.infos().await?;
        let seen = Seen::new(self.marks(&infos)?);
        let identity = seen.identity;
        let before = std::mem::replace(&mut *self.seen(), seen);
        if before.identity != identity {
            self.epochs.raise("it is another log");
        }
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
        Ok(layout::identity(&self.marks(&infos)?))
    }

    /// The marks of all streams. A log that start would refuse has none: it is out of reach.
    fn marks(&self, infos: &[Info]) -> Result<Vec<Marks>, ReadError> {
        (0..)
            .zip(infos)
            .map(|(partition, info)| layout::check(&self.config, &self.subjects, partition, info))
            .collect::<Result<_, _>>()
            .map_err(unavailable)
    }

    /// The last sequence that a partition has given, as the leader knows it.
    pub(super) async fn last_sequence(&self, partition: Partition) -> Result<u64, ReadError> {
        let info = self.readable(partition)?.read.get_info().await;
        Ok(info.map_err(unavailable)?.state.last_sequence)
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
        source: &Source<'_>,
        records: &mut Vec<Record>,
    ) -> Result<Progress, ReadError> {
        let stream = self.readable(source.partition)?;
        if self.batched_reads {
            return self.read_batch(stream, source, records).await;
        }
        let request = stream.read.direct_get_builder();
        let request = request
            .sequence(source.reached(records) + 1)
            .next_by_subject(source.subject);
        match direct(request.send().await)? {
            Some(message) => {
                records.push(self.subjects.record_of(source.partition, message));
                Ok(Progress::More)
            }
            None => Ok(Progress::Done),
        }
    }

    async fn read_batch(
        &self,
        stream: &PartitionStream,
        source: &Source<'_>,
        records: &mut Vec<Record>,
    ) -> Result<Progress, ReadError> {
        let left = source.wanted - records.len();
        let request = serde_json::to_vec(&BatchRequest {
            seq: source.reached(records) + 1,
            next_by_subj: source.subject,
            batch: u32::try_from(left).map_or(BATCH_RECORDS, |left| left.min(BATCH_RECORDS)),
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
                    records.push(self.subjects.record_of(source.partition, message));
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
        if let Some(cause) = self.link.misfit(partition) {
            return Err(unavailable(cause));
        }
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
