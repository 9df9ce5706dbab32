//! How fresh a reply is, and waiting until it is fresh enough.

use std::time::Duration;

use event_store::{Position, Positions};
use proto::token::ConsistencyToken;
use read_model::{Checkpoint, Progress, Reader, View};
use tonic::Response;
use tonic::metadata::MetadataValue;

use crate::failure::Failure;

/// Longest wait for a token.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a request says about freshness.
pub(crate) struct Wanted<'a> {
    /// Empty: whatever there is.
    pub(crate) token: &'a str,
    pub(crate) allow_stale: bool,
    /// What is left of the caller's deadline.
    pub(crate) deadline: Option<Duration>,
}

/// The view, once it shows what the token asks for.
pub(crate) async fn view(reader: &Reader, wanted: &Wanted<'_>) -> Result<View, Failure> {
    if wanted.token.is_empty() {
        return Ok(reader.view()?);
    }
    let token = parse(wanted.token)?;
    // A little less than the caller's deadline, so that the answer says why.
    let limit = wanted
        .deadline
        .map_or(PATIENCE, |left| left.mul_f32(0.9))
        .min(PATIENCE);
    let reached = tokio::time::timeout(limit, reach(reader, &token)).await;
    match reached.unwrap_or(Ok(None))? {
        Some(view) => Ok(view),
        None if wanted.allow_stale => Ok(reader.view()?),
        None => Err(behind(&reader.progress().borrow())),
    }
}

/// Waits for a view that shows what the token asks for; `None` when none will come. The view's own
/// checkpoint decides: what was published may be of a view that was set aside since.
async fn reach(reader: &Reader, token: &ConsistencyToken) -> Result<Option<View>, Failure> {
    let mut progress = reader.progress();
    loop {
        progress.mark_unchanged();
        let view = reader.view()?;
        check_log(token, &progress.borrow())?;
        if covers(view.checkpoint(), token) {
            return Ok(Some(view));
        }
        if progress.changed().await.is_err() {
            return Ok(None);
        }
    }
}

fn covers(checkpoint: &Checkpoint, token: &ConsistencyToken) -> bool {
    let reached = |partition| {
        checkpoint
            .partitions
            .get(partition)
            .map_or(0, |m| m.sequence)
    };
    let mut positions = token.positions.iter();
    is_nothing(token)
        || checkpoint.identity == token.identity
            && positions.all(|(partition, &sequence)| reached(partition) >= sequence)
}

/// The token of a reply from before the first contact with the log.
fn is_nothing(token: &ConsistencyToken) -> bool {
    token.identity == [0; 16] && token.positions.is_empty()
}

/// Checks a token where the log itself is read, which is never behind it.
pub(crate) fn check(reader: &Reader, token: &str) -> Result<(), Failure> {
    if token.is_empty() {
        return Ok(());
    }
    check_log(&parse(token)?, &reader.progress().borrow())
}

fn parse(token: &str) -> Result<ConsistencyToken, Failure> {
    token.parse().map_err(|_invalid| {
        Failure::invalid(
            "TOKEN_INVALID",
            "consistency_token",
            "one that this service gave out",
        )
    })
}

/// A token of another log asks for something that will never come. Which log this is counts as
/// known once its head was seen, and while the projection follows: before and otherwise the view's
/// identity may be that of a log that was replaced meanwhile.
fn check_log(token: &ConsistencyToken, progress: &Progress) -> Result<(), Failure> {
    let known = progress.serving && !progress.head.is_empty() && progress.trouble.is_none();
    if !known || progress.identity == token.identity || is_nothing(token) {
        return Ok(());
    }
    Err(Failure::invalid(
        "TOKEN_INVALID",
        "consistency_token",
        "one of this log; the log was replaced",
    ))
}

fn behind(progress: &Progress) -> Failure {
    Failure::Behind {
        position: positions(progress).to_string(),
    }
}

fn positions(progress: &Progress) -> Positions {
    progress
        .positions
        .iter()
        .map(|(&p, &sequence)| Position::new(p, sequence))
        .collect()
}

/// How fresh a reply from this view is, as a token for the next call.
pub(crate) fn read_token(view: &View) -> String {
    let checkpoint = view.checkpoint();
    ConsistencyToken {
        identity: checkpoint.identity,
        positions: checkpoint.positions(),
    }
    .to_string()
}

/// A reply with its freshness beside it: position, and for how many milliseconds the view has not
/// shown everything.
pub(crate) fn response<T>(reader: &Reader, view: &View, message: T) -> Response<T> {
    let behind_since = reader.progress().borrow().behind_since;
    let stale = behind_since.map_or(0, |since| since.elapsed().as_millis());
    let marks = view.checkpoint().positions();
    let position: Positions = marks
        .into_iter()
        .map(|(p, sequence)| Position::new(p, sequence))
        .collect();
    let mut response = Response::new(message);
    let metadata = response.metadata_mut();
    for (name, value) in [
        ("x-orders-position", position.to_string()),
        ("x-orders-staleness-ms", stale.to_string()),
    ] {
        if let Ok(value) = MetadataValue::try_from(value) {
            metadata.insert(name, value);
        }
    }
    response
}
