//! The key store beside the log: a stream of its own, from which one message can be erased.
//!
//! ```text
//!   subject <name>.v1.<stream id>      live:    key                  (1 + 16 + 32 bytes)
//!                                      erasing: key, tombstone
//!                                      erased:       tombstone       (1 byte)
//! ```
//!
//! The tombstone is written before the key is erased, expecting the key's sequence. Whatever
//! crashes in between, the stream has a tombstone from then on and never gets a key again; the
//! next erase finishes the work. The server overwrites an erased message in its file. On
//! replicated streams the bytes also pass through the servers' Raft logs, and leave those only
//! when they are compacted, minutes later.
//!
//! Every read goes through the leader: a replica that lags could still show an erased key.

use std::error::Error as _;
use std::sync::Arc;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{Config, RawMessageError, RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode};
use async_trait::async_trait;
use backoff::backoff::Backoff as _;
use zeroize::Zeroizing;

use super::compare;
use super::config::{ConnectError, JetStreamConfig};
use super::connection::Connection;
use super::{Inner, append, delays, handle, layout, set_up};
use crate::{DataKey, KeyError, KeyId, KeyState, KeyStore, StreamId};

/// First byte of a message that holds a key: id and secret follow.
const LIVE: u8 = 1;

/// The only byte of a tombstone.
const ERASED: u8 = 0;

/// Room for keys, as a share of the room for records of all partitions: one half. With an
/// eighth, keys of the smallest orders filled it when the log was full to 30 %: a key takes about 0.42
/// of the room of its order's records. With a half, the log fills first.
const SHARE_OF_LOG: i64 = 2;

/// The key store of a log in NATS JetStream; made by [`JetStream::keys`](super::JetStream::keys).
#[derive(Debug)]
pub struct JetStreamKeys {
    inner: Arc<Inner>,
    name: String,
    subject_prefix: String,
    stream: Stream<()>,
    connection: Connection,
}

/// The last message under a stream's subject.
enum Stored {
    Nothing,
    Key { sequence: u64, key: DataKey },
    Tombstone,
}

/// What one publish to a key's subject came to.
enum Published {
    Stored,
    /// Another message is there, or the answer was lost: read.
    Look(String),
}

impl JetStreamKeys {
    pub(super) async fn open(inner: &Arc<Inner>) -> Result<Self, ConnectError> {
        let config = &inner.config;
        let name = format!("{}-KEYS", config.stream);
        let connection = Connection::new(inner.read.client().clone(), config.ack_timeout);
        let context = &connection.context;
        let wanted = wanted(config, &name);
        let info = match layout::find(context, &name).await? {
            Some(info) => info,
            None => {
                refuse_creation(inner, &name).await?;
                set_up::create(context, wanted.clone()).await?
            }
        };
        let differences = compare::compare(&wanted, &info.config);
        compare::refuse(&name, &differences.refused)?;
        for warning in differences.tolerated {
            tracing::warn!(warning, "the key store is configured otherwise");
        }
        Ok(Self {
            inner: inner.clone(),
            stream: handle(context, &name).await?,
            subject_prefix: subject_prefix(&name),
            name,
            connection,
        })
    }

    fn subject(&self, stream: &StreamId) -> String {
        format!("{}.{stream}", self.subject_prefix)
    }

    async fn last(&self, subject: &str) -> Result<Stored, KeyError> {
        self.check_reachable()?;
        let request = self.stream.raw_message_builder().last_by_subject(subject);
        match found(request.send().await)? {
            Some(message) => parse(&message),
            None => Ok(Stored::Nothing),
        }
    }

    /// Publishes, expecting that the subject ends at `expected` (0: is empty).
    async fn publish(
        &self,
        subject: &str,
        expected: u64,
        payload: Vec<u8>,
    ) -> Result<Published, KeyError> {
        self.check_reachable()?;
        let message = PublishMessage::build()
            .expected_stream(&self.name)
            .expected_last_subject_sequence(expected)
            .payload(payload.into());
        let outcome = match self
            .connection
            .context
            .send_publish(subject.to_owned(), message)
            .await
        {
            Ok(ack) => ack.await,
            Err(error) => return Err(unavailable(error)),
        };
        match outcome {
            Ok(_) => Ok(Published::Stored),
            Err(error) if is_certain(&error) => {
                let cause = error.source().map(ToString::to_string);
                let cause = cause.unwrap_or_else(|| error.to_string());
                if is_full(&error, &cause) {
                    return Err(KeyError::Full { cause });
                }
                Err(unavailable(cause))
            }
            Err(error) => Ok(Published::Look(error.to_string())),
        }
    }

    /// Erases every message before the tombstone, until the tombstone is the first one.
    async fn erase_before_tombstone(&self, subject: &str) -> Result<(), KeyError> {
        loop {
            let request = self
                .stream
                .raw_message_builder()
                .sequence(1)
                .next_by_subject(subject);
            let first = found(request.send().await)?;
            let first = first.ok_or_else(|| unavailable("the tombstone of a key is gone"))?;
            if matches!(parse(&first)?, Stored::Tombstone) {
                return Ok(());
            }
            // Without `no_erase` the server overwrites the bytes before it answers.
            if let Err(error) = self.stream.delete_message(first.sequence).await {
                tracing::warn!(%error, "a key could not be erased");
                return Err(unavailable(error));
            }
        }
    }

    fn check_reachable(&self) -> Result<(), KeyError> {
        if self.connection.is_connected() {
            return Ok(());
        }
        Err(unavailable("the connection to the server is lost"))
    }
}

#[async_trait]
impl KeyStore for JetStreamKeys {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        let subject = self.subject(stream);
        let made = DataKey::generate();
        let mut delays = delays(Some(self.inner.config.settle_timeout));
        loop {
            match self.last(&subject).await? {
                Stored::Key { key, .. } => return Ok(KeyState::Live(key)),
                Stored::Tombstone => return Ok(KeyState::Erased),
                Stored::Nothing => {}
            }
            let cause = match self.publish(&subject, 0, live(&made)).await? {
                Published::Stored => return Ok(KeyState::Live(made)),
                Published::Look(cause) => cause,
            };
            match delays.next_backoff() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(unavailable(cause)),
            }
        }
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        Ok(match self.last(&self.subject(stream)).await? {
            Stored::Nothing => KeyState::Absent,
            Stored::Key { key, .. } => KeyState::Live(key),
            Stored::Tombstone => KeyState::Erased,
        })
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        let subject = self.subject(stream);
        let mut delays = delays(Some(self.inner.config.settle_timeout));
        loop {
            let expected = match self.last(&subject).await? {
                Stored::Tombstone => return self.erase_before_tombstone(&subject).await,
                Stored::Key { sequence, .. } => sequence,
                Stored::Nothing => 0,
            };
            // Stored or not, the next look decides.
            let cause = match self.publish(&subject, expected, vec![ERASED]).await? {
                Published::Stored => continue,
                Published::Look(cause) => cause,
            };
            match delays.next_backoff() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(unavailable(cause)),
            }
        }
    }
}

/// A log with records whose keys are gone: what was sealed is unreadable, and must not be followed
/// by anything unsealed.
async fn refuse_creation(inner: &Inner, name: &str) -> Result<(), ConnectError> {
    let head = inner.head().await.map_err(ConnectError::unavailable)?;
    if head.last.iter().any(|position| position.sequence > 0) {
        return Err(ConnectError::misconfigured(format!(
            "the key store {name} is missing while the log holds records: restore it from a \
             backup; to give up what its keys sealed, create the stream by hand"
        )));
    }
    if !inner.config.create {
        return Err(ConnectError::misconfigured(format!(
            "the key store {name} is missing and may not be created here; create it, or allow it \
             with nats.create"
        )));
    }
    Ok(())
}

/// `ORDERS-KEYS` has the subjects `orders-keys.v1.<stream id>`.
fn subject_prefix(name: &str) -> String {
    format!("{}.v1", name.to_lowercase())
}

fn wanted(config: &JetStreamConfig, name: &str) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![format!("{}.*", subject_prefix(name))],
        max_bytes: (config.max_bytes / SHARE_OF_LOG)
            .saturating_mul(i64::from(config.partitions))
            .max(1),
        duplicate_window: std::time::Duration::from_secs(120),
        ..layout::base(config)
    }
}

fn live(key: &DataKey) -> Vec<u8> {
    [&[LIVE][..], &key.id.0, key.secret()].concat()
}

fn parse(message: &StreamMessage) -> Result<Stored, KeyError> {
    match &message.payload[..] {
        [ERASED] => Ok(Stored::Tombstone),
        [LIVE, rest @ ..] if rest.len() == 48 => {
            let mut id = [0; 16];
            let mut secret = Zeroizing::new([0; 32]);
            id.copy_from_slice(&rest[..16]);
            secret.copy_from_slice(&rest[16..]);
            Ok(Stored::Key {
                sequence: message.sequence,
                key: DataKey::from_parts(KeyId(id), *secret),
            })
        }
        _ => Err(unavailable(format!(
            "message {} of the key store holds no key",
            message.sequence
        ))),
    }
}

fn found(
    answer: Result<StreamMessage, RawMessageError>,
) -> Result<Option<StreamMessage>, KeyError> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}

/// Whether the server certainly did not store, and will not when asked again.
fn is_certain(error: &PublishError) -> bool {
    let code = error
        .source()
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .map(jetstream::Error::error_code);
    error.kind() == PublishErrorKind::StreamNotFound
        || matches!(
            code,
            Some(
                ErrorCode::STREAM_STORE_FAILED
                    | ErrorCode::STREAM_NOT_MATCH
                    | ErrorCode::STREAM_SEALED
                    | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                    | ErrorCode::INSUFFICIENT_RESOURCES
                    | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            )
        )
}

/// Whether the server has no room; one code stands for every failure of the store.
fn is_full(error: &PublishError, cause: &str) -> bool {
    match append::code(error) {
        Some(ErrorCode::STREAM_STORE_FAILED) => cause.contains("maximum"),
        Some(
            ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
        ) => true,
        Some(_) | None => false,
    }
}

fn unavailable(cause: impl std::fmt::Display) -> KeyError {
    KeyError::Unavailable {
        cause: cause.to_string(),
    }
}
