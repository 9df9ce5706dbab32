//! Opening the streams of a log: what is there is compared, what is missing is made, also when several
//! nodes do that at once.

use std::time::Duration;

use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{Context, ErrorCode};

use super::compare::{self, Differences};
use super::config::{ConnectError, JetStreamConfig};
use super::layout::{Marks, check_marks, find, has_metadata, names, wanted, wrong_partitions};
use super::message::Subjects;

/// Tries to make a stream while the server says that it has no room, and the pause between two:
/// several nodes that start together are through in much less than a second.
const CREATE_ATTEMPTS: u32 = 6;
const CREATE_PAUSE: Duration = Duration::from_millis(150);

/// A log whose streams are there and fit.
pub(super) struct Found {
    pub(super) infos: Vec<Info>,
    pub(super) marks: Vec<Marks>,
    pub(super) warnings: Vec<String>,
}

/// Gets the streams, makes those that are missing where that is allowed, and compares.
pub(super) async fn open(
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

/// Makes the streams that are not there, where that is allowed.
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
