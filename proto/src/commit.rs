//! The stored bytes: one commit is one record of the log.
//!
//! Decoding accepts everything that was ever encoded. What it does not know (an event of a newer
//! writer, a newer envelope) it names, so that the reader can set the order aside and go on.

pub(crate) mod decode;
pub(crate) mod encode;
mod upcast;

use order::value::{Actor, Note, OrderId, Private, RequestId, Timestamp};
use order::{Event, Order, evolve};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::log::v1;

/// Schema number of the envelope.
pub const SCHEMA: u32 = 1;

/// All events of one accepted command, with their envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// UUIDv7.
    pub commit_id: [u8; 16],
    /// The order, whose stream the commit is in.
    pub order_id: OrderId,
    /// Version of the first event; of an empty commit, that of the event to come.
    pub first_version: u64,
    /// When it happened in the business.
    pub occur_time: Timestamp,
    /// The handler's clock, never before that of the order's previous commit.
    pub record_time: Timestamp,
    /// Who was authenticated; empty where nobody can be.
    pub principal: String,
    /// On whose behalf.
    pub actor: Option<Actor>,
    /// Why, for people; sealed.
    pub reason: Option<Private<Note>>,
    /// Makes the command idempotent.
    pub request_id: Option<RequestId>,
    /// Of the request; see the proto file.
    pub fingerprint: Option<[u8; 32]>,
    /// Ties calls together.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: String,
    /// SHA-256 of the stored bytes of the order's previous commit; `None` in the first.
    pub previous_hash: Option<[u8; 32]>,
    /// What happened; empty when a command had no effect.
    pub events: Vec<Event>,
}

/// Personal data in the clear: it must be sealed before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("personal data of the group {group} is not sealed")]
pub struct Unsealed {
    /// Name of the group.
    pub group: &'static str,
}

/// Why stored bytes are not a commit that this version can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a commit at all.
    #[error("not a commit: {0}")]
    Malformed(String),
    /// An event that this version does not know.
    #[error("event {index} is of a kind that this version does not know")]
    UnknownEvent {
        /// Index of the event in its commit, from 0.
        index: usize,
    },
    /// An envelope that this version does not know.
    #[error("the envelope has schema {schema}, this version knows {SCHEMA}")]
    NewerSchema {
        /// The envelope's number.
        schema: u32,
    },
    /// A value that no writer ever wrote.
    #[error("{field} holds what no writer wrote")]
    InvalidValue {
        /// The field.
        field: &'static str,
    },
}

/// The stored bytes of a commit.
///
/// # Errors
/// [`Unsealed`]: nothing personal is ever stored in the clear.
pub fn encode(commit: &Commit) -> Result<Vec<u8>, Unsealed> {
    Ok(encode::commit(commit)?.encode_to_vec())
}

/// Reads stored bytes.
///
/// # Errors
/// [`DecodeError`].
pub fn decode(bytes: &[u8]) -> Result<Commit, DecodeError> {
    let wire =
        v1::Commit::decode(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))?;
    decode::commit(wire)
}

/// The hash by which the order's next commit names this one.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What the commit holds, for people: `OrderCreated,LineAdded*12,OrderPlaced`.
#[must_use]
pub fn label(events: &[Event]) -> String {
    let mut label = String::new();
    for run in events.chunk_by(|a, b| a.name() == b.name()) {
        let separator = if label.is_empty() { "" } else { "," };
        let name = run.first().map_or("", Event::name);
        label.push_str(separator);
        label.push_str(name);
        if run.len() > 1 {
            label.push_str(&format!("*{}", run.len()));
        }
    }
    label
}

/// Folds a commit into its order.
pub fn apply(order: &mut Option<Order>, commit: &Commit) {
    for event in &commit.events {
        evolve(order, event, commit.occur_time);
    }
    if let Some(order) = order {
        order.committed(commit.record_time);
    }
}
