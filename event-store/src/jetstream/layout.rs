//! The streams of a log: how they are made, what they must look like, and whose they are.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, InfoError, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{self, Context, ErrorCode};

use super::compare;
use super::config::{ConnectError, JetStreamConfig};
use super::message::{Subjects, digest, hex, parse_hex};
use crate::{LogIdentity, Partition};

/// The number of this layout. Another one is another program's log.
const FORMAT: u32 = 1;

/// How long the server remembers commit ids. An optimisation of retries, never their guard.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// First server that keeps metadata with a stream.
const HAS_METADATA: (i64, i64, i64) = (2, 10, 0);

/// What is written on one stream of a log, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Shared by the streams of one log; random.
    pub(super) log_id: [u8; 16],
    /// This stream's own; random.
    pub(super) stream_id: [u8; 16],
    /// Which partition it holds.
    pub(super) partition: Partition,
    /// How many there are.
    pub(super) partitions: u32,
    /// See [`FORMAT`].
    pub(super) format: u32,
}

impl Marks {
    pub(super) fn new(log_id: [u8; 16], partition: Partition, partitions: u32) -> Self {
        Self {
            log_id,
            stream_id: rand::random(),
            partition,
            partitions,
            format: FORMAT,
        }
    }

    fn fields(&self) -> [(&'static str, String); 5] {
        [
            ("orders-log-id", hex(self.log_id)),
            ("orders-stream-id", hex(self.stream_id)),
            ("orders-partition", self.partition.to_string()),
            ("orders-partitions", self.partitions.to_string()),
            ("orders-format", self.format.to_string()),
        ]
    }

    /// Reads the metadata, else the description, where servers before 2.10 keep it.
    pub(super) fn read(config: &Config) -> Option<Self> {
        let described: HashMap<_, _> = config
            .description
            .iter()
            .flat_map(|text| text.split_whitespace())
            .filter_map(|word| word.split_once('='))
            .collect();
        let field = |name: &str| {
            let kept = config.metadata.get(name).map(String::as_str);
            kept.or_else(|| described.get(name).copied())
        };
        Some(Self {
            log_id: parse_hex(field("orders-log-id")?)?,
            stream_id: parse_hex(field("orders-stream-id")?)?,
            partition: field("orders-partition")?.parse().ok()?,
            partitions: field("orders-partitions")?.parse().ok()?,
            format: field("orders-format")?.parse().ok()?,
        })
    }

    pub(super) fn write(&self, config: &mut Config, has_metadata: bool) {
        if has_metadata {
            config.metadata = self.fields().map(|(k, v)| (k.to_owned(), v)).into();
        } else {
            let words = self.fields().map(|(name, value)| format!("{name}={value}"));
            config.description = Some(words.join(" "));
        }
    }
}

/// The identity of the log that these streams, in order, are.
pub(super) fn identity(marks: &[Marks]) -> LogIdentity {
    let parts: Vec<_> = marks
        .iter()
        .flat_map(|m| {
            [
                m.log_id.to_vec(),
                m.stream_id.to_vec(),
                m.partition.to_be_bytes().to_vec(),
                m.partitions.to_be_bytes().to_vec(),
                m.format.to_be_bytes().to_vec(),
            ]
        })
        .collect();
    LogIdentity(digest(parts.iter().map(Vec::as_slice)))
}

/// The names of the streams, one per partition.
pub(super) fn names(stream: &str, partitions: u32) -> Vec<String> {
    match partitions {
        1 => vec![stream.to_owned()],
        n => (0..n)
            .map(|partition| format!("{stream}-{partition}"))
            .collect(),
    }
}

pub(super) fn wrong_partitions(stream: &str, found: u32, configured: u32) -> ConnectError {
    ConnectError::misconfigured(format!(
        "stream {stream} belongs to a log of {found} partitions, {configured} are configured; the \
         number is fixed when a log is made: configure {found}, or begin a log under another \
         stream name"
    ))
}

pub(super) async fn find(context: &Context, name: &str) -> Result<Option<Info>, ConnectError> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(cause) => match cause.error_code() {
                ErrorCode::STREAM_NOT_FOUND => Ok(None),
                ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                    Err(ConnectError::misconfigured(
                        "JetStream is not enabled; start nats-server with -js, and enable it for \
                         the account",
                    ))
                }
                _ => Err(ConnectError::unavailable(format!("stream {name}: {cause}"))),
            },
            GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => {
                Err(ConnectError::misconfigured(format!(
                    "{name:?} cannot be the name of a stream; use letters, digits, _ and -"
                )))
            }
            GetStreamErrorKind::Request => Err(ConnectError::unavailable(format!(
                "JetStream does not answer ({error}); is it enabled (nats-server -js), and does \
                 its cluster have a leader?"
            ))),
        },
    }
}

pub(super) fn check_marks(
    config: &JetStreamConfig,
    names: &[String],
    infos: &[Info],
) -> Result<Vec<Marks>, ConnectError> {
    let mut marks: Vec<Marks> = Vec::new();
    for ((partition, name), info) in (0..).zip(names).zip(infos) {
        let own = marks_of(config, partition, info)?;
        if marks
            .first()
            .is_some_and(|first| first.log_id != own.log_id)
        {
            return Err(ConnectError::misconfigured(format!(
                "stream {name} belongs to another log than {}",
                names[0]
            )));
        }
        marks.push(own);
    }
    Ok(marks)
}

/// Whether one stream is what start would accept: marked as one of this program's, as this partition
/// of so many, and configured as it must be.
pub(super) fn check(
    config: &JetStreamConfig,
    subjects: &Subjects,
    partition: Partition,
    info: &Info,
) -> Result<Marks, ConnectError> {
    let marks = marks_of(config, partition, info)?;
    let wanted = wanted(config, subjects, partition);
    let differences = compare::compare(&wanted, &info.config);
    compare::refuse(&wanted.name, &differences.refused)?;
    Ok(marks)
}

fn marks_of(
    config: &JetStreamConfig,
    partition: Partition,
    info: &Info,
) -> Result<Marks, ConnectError> {
    let name = &info.config.name;
    let own = Marks::read(&info.config).ok_or_else(|| {
        ConnectError::misconfigured(format!(
            "stream {name} does not say which log it is: neither its metadata nor its \
             description holds orders-log-id; it is not a log of this program"
        ))
    })?;
    if own.partitions != config.partitions {
        return Err(wrong_partitions(name, own.partitions, config.partitions));
    }
    if own.format != FORMAT || own.partition != partition {
        return Err(ConnectError::misconfigured(format!(
            "stream {name} is marked as partition {} in format {}, not as {partition} in \
             format {FORMAT}",
            own.partition, own.format
        )));
    }
    Ok(own)
}

/// Whether the server says that there is no such stream.
pub(super) fn is_missing(error: &InfoError) -> bool {
    error
        .source()
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .is_some_and(|cause| cause.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

pub(super) fn has_metadata(client: &Client) -> bool {
    let (major, minor, patch) = HAS_METADATA;
    client.is_server_compatible(major, minor, patch)
}

pub(super) fn wanted(
    config: &JetStreamConfig,
    subjects: &Subjects,
    partition: Partition,
) -> Config {
    Config {
        name: names(&config.stream, config.partitions)
            .swap_remove(usize::try_from(partition).unwrap_or(0)),
        subjects: vec![subjects.filter(partition)],
        duplicate_window: DUPLICATE_WINDOW,
        allow_direct: true,
        deny_delete: true,
        ..base(config)
    }
}

/// What the streams of a log and of its keys have in common: nothing leaves by itself.
pub(super) fn base(config: &JetStreamConfig) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_bytes: config.max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        num_replicas: config.replicas,
        deny_purge: true,
        ..Config::default()
    }
}
