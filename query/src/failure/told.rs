//! What a caller is told of each failure: code, reason, facts, next step.

use std::fmt::Display;
use std::time::Duration;

use proto::error;
use read_model::{NoView, Task};
use tonic::{Code, Status};

use super::WatchEnd;

/// When to try again what was out of reach.
const AFTER_OUTAGE: Duration = Duration::from_secs(1);
/// When to ask again for a position that was not reached.
const AFTER_WAIT: Duration = Duration::from_millis(200);
/// No caller is told to wait longer: an estimate may be wrong.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// When to open another watch, after one was refused or cut.
const AFTER_WATCH: Duration = Duration::from_secs(1);

const READ_MODEL_BUILDING: &str = "READ_MODEL_BUILDING";

pub(super) struct Told {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: Vec<(&'static str, String)>,
    delay: Option<Duration>,
}

impl Told {
    fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            metadata: Vec::new(),
            delay: None,
        }
    }

    fn with(mut self, key: &'static str, value: impl Display) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    const fn retry(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Names where a watch goes on; empty: it is no watch, or it begins again.
    pub(super) fn going_on_after(self, resume_token: &str) -> Self {
        if resume_token.is_empty() {
            return self;
        }
        self.with("resume_token", resume_token)
    }

    pub(super) fn status(self) -> Status {
        error::detailed(
            self.code,
            self.reason,
            &self.message,
            self.metadata,
            self.delay,
        )
    }
}

pub(super) fn version_ahead(current: u64) -> Told {
    let message = format!("the order is at version {current}; ask for 1 to {current}");
    Told::new(Code::OutOfRange, "VERSION_AHEAD", message).with("current_version", current)
}

pub(super) fn too_large(what: &str) -> Told {
    let message = format!("{what} does not fit into 64 bits; ask for a part of it");
    Told::new(Code::OutOfRange, "RESULT_TOO_LARGE", message).with("what", what)
}

pub(super) fn behind(position: &str) -> Told {
    let message = format!(
        "the read model is at {position} and has not reached the token yet; ask again, or set \
         allow_stale"
    );
    Told::new(Code::Unavailable, "READ_MODEL_BEHIND", message)
        .with("position", position)
        .retry(AFTER_WAIT)
}

/// How far the read model is: nothing is answered from one that is not there.
pub(super) fn building(progress: &NoView) -> Told {
    let NoView { done, total, .. } = progress;
    let task = progress.task.map_or("wait", Task::name);
    let mut message = format!("{progress}: {done} of {total}");
    let delay = progress.remaining.map_or(AFTER_OUTAGE, |left| {
        message.push_str(&format!(", about {} s left", left.as_secs() + 1));
        left.clamp(AFTER_WAIT, LONGEST_DELAY)
    });
    message.push_str("; ask again, or ask for the history or an order as_of a version");
    let eta_ms = progress.remaining.map(|left| left.as_millis().to_string());
    Told::new(Code::Unavailable, READ_MODEL_BUILDING, message)
        .with("task", task)
        .with("done", done)
        .with("total", total)
        .with("remaining_ms", eta_ms.unwrap_or_default())
        .retry(delay)
}

pub(super) fn damaged() -> Told {
    let message = "the read model was found damaged and is built again; ask again, or ask for the \
                   history or an order as_of a version";
    Told::new(Code::Unavailable, READ_MODEL_BUILDING, message)
        .with("task", "heal")
        .retry(AFTER_OUTAGE)
}

pub(super) fn log_unavailable() -> Told {
    let message =
        "the log is out of reach; orders are still served in their newest state, without as_of";
    Told::new(Code::Unavailable, "LOG_UNAVAILABLE", message).retry(AFTER_OUTAGE)
}

pub(super) fn unreadable() -> Told {
    let message = "the order's history holds something that cannot be read; an operator must look";
    Told::new(Code::Internal, "ORDER_UNREADABLE", message)
}

pub(super) fn keys_unavailable() -> Told {
    let message = "the keys of personal data are out of reach; leave customer and \
                   shipping_address out of read_mask, or ask again";
    Told::new(Code::Unavailable, "KEYS_UNAVAILABLE", message).retry(AFTER_OUTAGE)
}

pub(super) fn internal() -> Told {
    Told::new(Code::Internal, "INTERNAL", "an internal error")
}

pub(super) fn watch(end: &WatchEnd) -> Told {
    match end {
        WatchEnd::TooMany { limit } => {
            let message = format!(
                "{limit} watches are open on this node, the most it takes; close one, or ask \
                 another node"
            );
            Told::new(Code::ResourceExhausted, "TOO_MANY_WATCHES", message)
                .with("limit", limit)
                .retry(AFTER_WATCH)
        }
        WatchEnd::TokenExpired { .. } => {
            let message = "the log no longer holds the commit that this watch goes on after; \
                           begin again from SNAPSHOT";
            Told::new(Code::OutOfRange, "RESUME_TOKEN_EXPIRED", message)
        }
        WatchEnd::Lagged => {
            let message = "the reader took nothing while its queue was full; watch again with the \
                           resume_token";
            Told::new(Code::ResourceExhausted, "WATCH_LAGGED", message).retry(AFTER_WATCH)
        }
        WatchEnd::ShuttingDown => {
            let message = "this node stops; watch again with the resume_token";
            Told::new(Code::Unavailable, "SHUTTING_DOWN", message).retry(AFTER_WAIT)
        }
    }
}
