//! Between messages of the server and records of the log.

use std::borrow::Cow;

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, NATS_MESSAGE_ID};
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{CommitId, Partition, Position, Record, StreamId};

/// Header with the label of a record, for people who look with `nats stream view`.
pub(super) const LABEL: HeaderName = HeaderName::from_static("Orders-Events");

/// Longest label that is sent, in bytes: enough for what a person reads on a line or two, and far
/// from the server's limits.
const LABEL_BYTES_MAX: usize = 256;

/// Which subject belongs to which stream, and back.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    prefix: String,
    partitions: u32,
}

impl Subjects {
    pub(super) fn new(prefix: &str, partitions: u32) -> Self {
        Self {
            prefix: prefix.to_owned(),
            partitions,
        }
    }

    pub(super) const fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The subjects of a partition: `<prefix>.<partition>.*`.
    pub(super) fn filter(&self, partition: Partition) -> String {
        format!("{}.{partition}.*", self.prefix)
    }

    /// The partition and the subject of a stream.
    pub(super) fn of(&self, stream: &StreamId) -> (Partition, String) {
        let partition = stream.partition(self.partitions);
        (partition, format!("{}.{partition}.{stream}", self.prefix))
    }

    /// A subject that no stream has: what is asked of it is meant to be refused.
    pub(super) fn probe(&self, partition: Partition) -> String {
        format!("{}.{partition}._probe", self.prefix)
    }

    /// The stream of a subject in `partition`.
    ///
    /// Whoever may publish to the server can put a message under a subject that no append of ours
    /// makes: a token that is no stream id, or the id of a stream that lives in another partition.
    /// Such a message cannot be deleted, so a tail that failed on it would never go on. It becomes
    /// a record of a stream of its own, `foreign-<hash of the subject>`, which a reader then sets
    /// aside like any other record that it cannot read.
    pub(super) fn stream(&self, partition: Partition, subject: &str) -> StreamId {
        let token = subject.rsplit('.').next().unwrap_or_default();
        StreamId::new(token)
            .ok()
            .filter(|stream| self.of(stream) == (partition, subject.to_owned()))
            .unwrap_or_else(|| foreign(subject))
    }

    /// A message as a record.
    ///
    /// A message without a valid `Nats-Msg-Id` was not appended by us; its commit id is the first
    /// 16 bytes of the SHA-256 of its payload.
    pub(super) fn record(
        &self,
        position: Position,
        subject: &str,
        headers: Option<&HeaderMap>,
        payload: Bytes,
    ) -> Record {
        Record {
            stream: self.stream(position.partition, subject),
            position,
            commit_id: headers
                .and_then(commit_id)
                .unwrap_or_else(|| CommitId(digest([&payload[..]]))),
            payload,
        }
    }

    pub(super) fn record_of(&self, partition: Partition, message: StreamMessage) -> Record {
        self.record(
            Position::new(partition, message.sequence),
            &message.subject,
            Some(&message.headers),
            message.payload,
        )
    }
}

#[expect(
    clippy::expect_used,
    reason = "the prefix and hexadecimal digits are within the alphabet"
)]
fn foreign(subject: &str) -> StreamId {
    let hash = CommitId(digest([subject.as_bytes()]));
    StreamId::new(&format!("foreign-{hash}")).expect("a valid stream id")
}

fn commit_id(headers: &HeaderMap) -> Option<CommitId> {
    parse_hex(headers.get(NATS_MESSAGE_ID)?.as_str()).map(CommitId)
}

/// The first 16 bytes of the SHA-256 of all parts in order.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    first
}

/// 16 bytes from 32 hexadecimal digits.
pub(super) fn parse_hex(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
        .map(u128::to_be_bytes)
}

/// 32 hexadecimal digits of 16 bytes.
pub(super) fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// A label as a header can carry it: printable ASCII, cut at [`LABEL_BYTES_MAX`].
pub(super) fn label(text: &str) -> Cow<'_, str> {
    if text.len() <= LABEL_BYTES_MAX && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .take(LABEL_BYTES_MAX)
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text() {
        let id = CommitId([0x0f; 16]);
        assert_eq!(parse_hex(&id.to_string()), Some(id.0));
        assert_eq!(hex(id.0), id.to_string());
        for text in ["", "0f", &"g".repeat(32), &"+".repeat(32)] {
            assert_eq!(parse_hex(text), None);
        }
    }

    #[test]
    fn subjects_lead_back_to_their_stream() {
        let subjects = Subjects::new("orders.v1", 4);
        let stream = StreamId::new("536365").expect("valid");
        let (partition, subject) = subjects.of(&stream);
        assert_eq!(subjects.stream(partition, &subject), stream);
    }

    #[test]
    fn a_foreign_subject_gets_a_stream_of_its_own() {
        let subjects = Subjects::new("orders.v1", 4);
        let (home, _) = subjects.of(&StreamId::new("536365").expect("valid"));
        let elsewhere = (home + 1) % 4;
        for subject in [
            format!("orders.v1.{elsewhere}.536365"),
            format!("orders.v1.{elsewhere}.$"),
        ] {
            let stream = subjects.stream(elsewhere, &subject);
            assert!(stream.as_str().starts_with("foreign-"), "{stream}");
        }
    }

    #[test]
    fn labels_cannot_break_a_header() {
        assert_eq!(label("A\r\nNats-Rollup: all"), "A??Nats-Rollup: all");
        assert_eq!(label(&"ä".repeat(1000)).len(), LABEL_BYTES_MAX);
    }
}
