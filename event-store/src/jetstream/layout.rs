//! The streams of a log: how they are made, what they must look like, and whose they are.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, InfoError, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{self, Context, ErrorCode};

use super::compare::{self, Differences};
use super::config::{ConnectError, JetStreamConfig};
use super::message::{Subjects, digest, hex, parse_hex};
use crate::{LogIdentity, Partition};

/// The number of this layout. Another one is another program's log.
const FORMAT: u32 = 1;

/// How long the server remembers commit ids. An optimisation of retries, never their guard.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Tries to make a stream while the server says that it has no room, and the pause between two:
/// several nodes that start together are through in much less than a second.
const CREATE_ATTEMPTS: u32 = 6;
const CREATE_PAUSE: Duration = Duration::from_millis(150);

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
    fn new(log_id: [u8; 16], partition: Partition, partitions: u32) -> Self {
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

    fn write(&self, config: &mut Config, has_metadata: bool) {
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

/// A log whose streams are there and fit.
pub(super) struct Found {
    pub(super) infos: Vec<Info>,
    pub(super) marks: Vec<Marks>,
    pub(super) warnings: Vec<String>,
}

/// Gets the streams, makes those that are missing where that is allowed, and compares.
pub(super) async fn set_up(
    context: &Context,
    config: &JetStreamConfig,
    subjects: &Subjects,
) -> Result<Found, ConnectError> {
    check_partitions(config)?;
    refuse_other_shape(context, config).await?;
    let names = names(&config.stream, config.partitions);
    let mut found = Vec::new();
    for name in &names {
        found.push(find(context, name).await?);
    }
    let infos = create_missing(context, config, subjects, found).await?;
    let marks = check_marks(config, &names, &infos)?;
    let mut warnings = Vec::new();
    for (partition, info) in (0..).zip(&infos) {
        let wanted = wanted(config, subjects, partition);
        let Differences { refused, tolerated } = compare::compare(&wanted, &info.config);
        compare::refuse(&wanted.name, &refused)?;
        warnings.extend(tolerated);
    }
    Ok(Found {
        infos,
        marks,
        warnings,
    })
}

fn check_partitions(config: &JetStreamConfig) -> Result<(), ConnectError> {
    if config.partitions == 0 || !(1..=5).contains(&config.replicas) || config.max_bytes <= 0 {
        return Err(ConnectError::misconfigured(
            "partitions must be at least 1, replicas 1 to 5, and max_bytes above 0",
        ));
    }
    Ok(())
}

/// A log of one partition has another stream name than one of many: look for the other kind, so
/// that a changed number does not silently begin a second log.
async fn refuse_other_shape(
    context: &Context,
    config: &JetStreamConfig,
) -> Result<(), ConnectError> {
    let other = match config.partitions {
        1 => format!("{}-0", config.stream),
        _ => config.stream.clone(),
    };
    let Some(info) = find(context, &other).await? else {
        return Ok(());
    };
    match Marks::read(&info.config) {
        None => Ok(()),
        Some(marks) => Err(wrong_partitions(
            &other,
            marks.partitions,
            config.partitions,
        )),
    }
}

fn wrong_partitions(stream: &str, found: u32, configured: u32) -> ConnectError {
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

async fn create_missing(
    context: &Context,
    config: &JetStreamConfig,
    subjects: &Subjects,
    found: Vec<Option<Info>>,
) -> Result<Vec<Info>, ConnectError> {
    let names = names(&config.stream, config.partitions);
    refuse_other_number(config, &found)?;
    if let Some((name, _)) = names.iter().zip(&found).find(|(_, info)| info.is_none()) {
        refuse_creation(config, name, &found)?;
    }
    let known = found
        .iter()
        .flatten()
        .find_map(|info| Marks::read(&info.config));
    let mut log_id = known.map_or_else(rand::random, |marks| marks.log_id);
    let mut infos = Vec::new();
    for (partition, info) in (0..).zip(found) {
        let info = match info {
            Some(info) => info,
            None => {
                let mut wanted = wanted(config, subjects, partition);
                let has_metadata = has_metadata(&context.client());
                Marks::new(log_id, partition, config.partitions).write(&mut wanted, has_metadata);
                create(context, wanted).await?
            }
        };
        // Another node may have been faster: then the log is the one that it began.
        log_id = Marks::read(&info.config).map_or(log_id, |marks| marks.log_id);
        infos.push(info);
    }
    Ok(infos)
}

/// Before a stream counts as missing: a larger number than the log was made with looks the same.
fn refuse_other_number(
    config: &JetStreamConfig,
    found: &[Option<Info>],
) -> Result<(), ConnectError> {
    for info in found.iter().flatten() {
        if let Some(marks) = Marks::read(&info.config)
            && marks.partitions != config.partitions
        {
            let (stream, found) = (&info.config.name, marks.partitions);
            return Err(wrong_partitions(stream, found, config.partitions));
        }
    }
    Ok(())
}

fn refuse_creation(
    config: &JetStreamConfig,
    missing: &str,
    found: &[Option<Info>],
) -> Result<(), ConnectError> {
    if !config.create {
        return Err(ConnectError::misconfigured(format!(
            "stream {missing} is missing and may not be created here; create it, or allow it with \
             nats.create"
        )));
    }
    match found
        .iter()
        .flatten()
        .find(|info| info.state.last_sequence > 0)
    {
        Some(info) => Err(ConnectError::misconfigured(format!(
            "stream {missing} is missing while {} has reached sequence {}: a part of the log is \
             lost; restore it from a backup",
            info.config.name, info.state.last_sequence
        ))),
        None => Ok(()),
    }
}

/// What the servers of a cluster answer while they find each other.
fn is_passing(code: ErrorCode) -> bool {
    [
        ErrorCode::CLUSTER_INCOMPLETE,
        ErrorCode::CLUSTER_NO_PEERS,
        ErrorCode::CLUSTER_NOT_ACTIVE,
        ErrorCode::CLUSTER_NOT_ASSIGNED,
        ErrorCode::CLUSTER_NOT_AVAILABLE,
        ErrorCode::CLUSTER_NOT_LEADER,
    ]
    .contains(&code)
}

/// Makes a stream. When another node just did, that one is it.
///
/// A server that is asked for one stream by several nodes at once reserves its room for each of them,
/// and may find that there is not enough; a moment later there is.
pub(super) async fn create(context: &Context, wanted: Config) -> Result<Info, ConnectError> {
    for _attempt in 1..CREATE_ATTEMPTS {
        match create_once(context, wanted.clone()).await? {
            Some(info) => return Ok(info),
            None => {
                let pause = CREATE_PAUSE.mul_f64(rand::random_range(0.5..1.5));
                tokio::time::sleep(pause).await;
            }
        }
        if let Some(info) = find(context, &wanted.name).await? {
            return Ok(info);
        }
    }
    let name = wanted.name.clone();
    let info = create_once(context, wanted).await?;
    info.ok_or_else(|| {
        ConnectError::misconfigured(format!(
            "stream {name} cannot be created: the server's storage limit leaves no room for its \
             max_bytes; raise max_file_store or lower nats.max_bytes"
        ))
    })
}

/// One try; `None` when the server has no room for it.
async fn create_once(context: &Context, wanted: Config) -> Result<Option<Info>, ConnectError> {
    let name = wanted.name.clone();
    match context.create_stream(wanted).await {
        Ok(stream) => {
            tracing::info!(stream = name, "created a stream");
            Ok(Some(stream.cached_info().clone()))
        }
        Err(error) => match error.kind() {
            CreateStreamErrorKind::JetStream(cause)
                if cause.error_code() == ErrorCode::STREAM_NAME_EXIST =>
            {
                let found = find(context, &name).await?;
                let gone = || ConnectError::unavailable(format!("stream {name} came and went"));
                found.ok_or_else(gone).map(Some)
            }
            CreateStreamErrorKind::JetStream(cause)
                if cause.error_code() == ErrorCode::STORAGE_RESOURCES_EXCEEDED =>
            {
                Ok(None)
            }
            CreateStreamErrorKind::JetStream(cause) if is_passing(cause.error_code()) => Err(
                ConnectError::unavailable(format!("stream {name} cannot be created yet: {cause}")),
            ),
            CreateStreamErrorKind::JetStream(cause) => Err(ConnectError::misconfigured(format!(
                "stream {name} cannot be created: {cause}; make room or change max_bytes, \
                 replicas or the subject prefix"
            ))),
            _ => Err(ConnectError::unavailable(format!(
                "creating stream {name}: {error}"
            ))),
        },
    }
}

fn check_marks(
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

fn wanted(config: &JetStreamConfig, subjects: &Subjects, partition: Partition) -> Config {
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
