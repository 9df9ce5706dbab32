//! Whether the log can be written now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Event;
use tokio::sync::{Notify, watch};

use super::Inner;
use crate::{Availability, Partition};

/// How often a silent log is asked whether it speaks again.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// What is known about the way to the log, from the events of the connection for appends and from
/// the outcomes of the appends themselves.
///
/// A partition is *silent* from its first unanswered append until it answers again. A log without
/// quorum, or a server that was stopped, keeps its connections: only its silence tells. It is *unfit*
/// while its stream is missing, or is one that would be refused at start.
#[derive(Debug)]
pub(super) struct Link {
    facts: Mutex<Facts>,
    availability: watch::Sender<Availability>,
    /// Whether it is not available: what every append asks, without a lock.
    blocked: AtomicBool,
    silence: Notify,
    /// Counts lost connections.
    losses: AtomicU64,
}

#[derive(Debug, Default)]
struct Facts {
    disconnected: bool,
    closed: bool,
    silent: BTreeMap<Partition, String>,
    unfit: BTreeMap<Partition, String>,
}

impl Facts {
    fn availability(&self) -> Availability {
        let cause = if self.closed {
            "the log was closed".to_owned()
        } else if self.disconnected {
            "the connection to the server is lost".to_owned()
        } else if let Some((_, cause)) = self.unfit.first_key_value() {
            cause.clone()
        } else if let Some((_, cause)) = self.silent.first_key_value() {
            cause.clone()
        } else {
            return Availability::Available;
        };
        Availability::Unavailable { cause }
    }
}

impl Link {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            facts: Mutex::default(),
            availability: watch::Sender::new(Availability::Available),
            blocked: AtomicBool::new(false),
            silence: Notify::new(),
            losses: AtomicU64::new(0),
        })
    }

    pub(super) fn watch(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    /// Why an append to `partition` cannot be tried now, if so.
    pub(super) fn refusal(&self, partition: Partition) -> Option<String> {
        if !self.blocked.load(Ordering::Acquire) {
            return None;
        }
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        match facts.availability() {
            Availability::Unavailable { cause } if facts.disconnected || facts.closed => {
                Some(cause)
            }
            Availability::Unavailable { .. } | Availability::Available => {
                let unfit = facts.unfit.get(&partition);
                unfit.or_else(|| facts.silent.get(&partition)).cloned()
            }
        }
    }

    pub(super) fn note_event(&self, event: &Event) {
        match event {
            Event::Connected => self.update(|facts| facts.disconnected = false),
            Event::Disconnected | Event::Closed => {
                self.losses.fetch_add(1, Ordering::Relaxed);
                self.update(|facts| facts.disconnected = true);
            }
            Event::LameDuckMode
            | Event::Draining
            | Event::SlowConsumer(_)
            | Event::ServerError(_)
            | Event::ClientError(_) => {}
        }
    }

    /// How often the connection was lost: an acknowledgement that was lost with it says nothing
    /// about the server that answers now.
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    pub(super) fn note_silence(&self, partition: Partition, cause: &str) {
        self.update(|facts| {
            facts.silent.insert(partition, cause.to_owned());
        });
        self.silence.notify_one();
    }

    pub(super) fn note_answer(&self, partition: Partition) {
        if self.refusal(partition).is_some() {
            self.update(|facts| {
                facts.silent.remove(&partition);
            });
        }
    }

    /// What is wrong with a partition's stream; `None` when it is there and fits. Returns whether
    /// that is new.
    pub(super) fn note_fit(&self, partition: Partition, misfit: Option<&str>) -> bool {
        if misfit.is_none() && self.misfit(partition).is_none() {
            return false;
        }
        let mut changed = false;
        self.update(|facts| {
            let before = match misfit {
                Some(cause) => facts.unfit.insert(partition, cause.to_owned()),
                None => facts.unfit.remove(&partition),
            };
            changed = before.as_deref() != misfit;
        });
        changed
    }

    /// Why nothing may be read from a partition's stream, if so.
    pub(super) fn misfit(&self, partition: Partition) -> Option<String> {
        if !self.blocked.load(Ordering::Acquire) {
            return None;
        }
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.unfit.get(&partition).cloned()
    }

    pub(super) fn close(&self) {
        self.update(|facts| facts.closed = true);
    }

    fn update(&self, change: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut facts);
        let now = facts.availability();
        self.blocked
            .store(now != Availability::Available, Ordering::Release);
        self.availability.send_if_modified(|availability| {
            let changed = *availability != now;
            if changed {
                match &now {
                    Availability::Available => tracing::info!("the log can be written"),
                    Availability::Unavailable { .. } if facts.closed => {
                        tracing::debug!("the log is closed");
                    }
                    Availability::Unavailable { cause } => {
                        tracing::warn!(cause, "the log cannot be written");
                    }
                }
                *availability = now;
            }
            changed
        });
    }

    fn silent(&self) -> Vec<Partition> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.silent.keys().copied().collect()
    }
}

/// Asks silent partitions once a second until they answer, for as long as the log is open.
///
/// It asks by itself, and does not wait for an append to try: while the log is unavailable a node
/// leaves rotation, so that no append may ever come.
pub(super) async fn probe_silent(inner: Arc<Inner>) {
    loop {
        inner.link.silence.notified().await;
        loop {
            for partition in inner.link.silent() {
                let connected = inner.append.is_connected();
                if connected && inner.is_answering(partition).await {
                    inner.link.note_answer(partition);
                }
            }
            if inner.link.silent().is_empty() {
                break;
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }
}
