//! Whether the log can be written now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::Event;
use tokio::sync::{Notify, watch};

use crate::{Availability, Partition};

/// What is known about the way to the log, from the events of the connection for appends and from
/// the outcomes of the appends themselves.
///
/// A partition is *silent* from its first unanswered append until it answers again. A log without
/// quorum, or a server that was stopped, keeps its connections: only its silence tells. It is *unfit*
/// while its stream is missing, or is one that would be refused at start; *deaf* while the pulse gets
/// no answer; *full* from an append that found no room until there is room again.
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
    deaf: BTreeMap<Partition, String>,
    full: BTreeMap<Partition, String>,
}

impl Facts {
    fn first_of(&self, facts: [&BTreeMap<Partition, String>; 3]) -> Option<String> {
        let first = facts.iter().find_map(|it| it.first_key_value());
        first.map(|(_, cause)| cause.clone())
    }

    fn availability(&self) -> Availability {
        let cause = if self.closed {
            "the log was closed".to_owned()
        } else if self.disconnected {
            "the connection to the server is lost".to_owned()
        } else if let Some((_, cause)) = self.unfit.first_key_value() {
            cause.clone()
        } else if let Some(cause) = self.first_of([&self.silent, &self.deaf, &self.full]) {
            cause
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
        let facts = self.facts();
        match facts.availability() {
            Availability::Unavailable { cause } if facts.disconnected || facts.closed => {
                Some(cause)
            }
            Availability::Unavailable { .. }
            | Availability::Failed { .. }
            | Availability::Available => {
                let unfit = facts.unfit.get(&partition);
                let silent = unfit.or_else(|| facts.silent.get(&partition));
                silent.or_else(|| facts.deaf.get(&partition)).cloned()
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
        if self.silence(partition).is_some() {
            self.update(|facts| {
                facts.silent.remove(&partition);
            });
        }
    }

    /// Whether the pulse got no answer.
    pub(super) fn note_deaf(&self, partition: Partition, cause: Option<&str>) {
        self.note(partition, cause, |facts| &mut facts.deaf);
    }

    /// Whether an append found no room.
    pub(super) fn note_full(&self, partition: Partition, cause: Option<&str>) {
        self.note(partition, cause, |facts| &mut facts.full);
    }

    pub(super) fn is_full(&self, partition: Partition) -> bool {
        self.blocked.load(Ordering::Acquire) && self.facts().full.contains_key(&partition)
    }

    /// Why an append in flight need not be waited for, if so.
    pub(super) fn silence(&self, partition: Partition) -> Option<String> {
        if !self.blocked.load(Ordering::Acquire) {
            return None;
        }
        let facts = self.facts();
        let cause = facts.silent.get(&partition);
        cause.or_else(|| facts.unfit.get(&partition)).cloned()
    }

    fn note(
        &self,
        partition: Partition,
        cause: Option<&str>,
        of: impl Fn(&mut Facts) -> &mut BTreeMap<Partition, String>,
    ) {
        if cause.is_none() && !self.blocked.load(Ordering::Acquire) {
            return;
        }
        self.update(|facts| {
            match cause {
                Some(cause) => of(facts).insert(partition, cause.to_owned()),
                None => of(facts).remove(&partition),
            };
        });
    }

    /// What is wrong with a partition's stream; `None` when it is there and fits.
    pub(super) fn note_fit(&self, partition: Partition, misfit: Option<&str>) {
        self.note(partition, misfit, |facts| &mut facts.unfit);
    }

    /// Why nothing may be read from a partition's stream, if so.
    pub(super) fn misfit(&self, partition: Partition) -> Option<String> {
        if !self.blocked.load(Ordering::Acquire) {
            return None;
        }
        let facts = self.facts();
        let cause = facts.unfit.get(&partition);
        cause.or_else(|| facts.deaf.get(&partition)).cloned()
    }

    /// Returns at once while a partition is silent, else as soon as one is.
    pub(super) async fn until_silent(&self) {
        while self.silent().is_empty() {
            self.silence.notified().await;
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.update(|facts| facts.closed = true);
    }

    fn update(&self, change: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts();
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
                    Availability::Unavailable { cause } | Availability::Failed { cause } => {
                        tracing::warn!(cause, "the log cannot be written");
                    }
                }
                *availability = now;
            }
            changed
        });
    }

    pub(super) fn silent(&self) -> Vec<Partition> {
        let facts = self.facts();
        facts.silent.keys().copied().collect()
    }
}
