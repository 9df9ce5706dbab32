//! Who is healthy, who is not, and why.
//!
//! ```text
//! Reporter ─ status + reason ─▶ entries ─ requirements, dwell ─▶ services ─ watch ─▶ probes
//! (one per component,            "log": NotReady("attempt 7: …")   "readiness"        HTTP, gRPC
//!  or free-standing)             "projector": Ready                "orders.v1.…"
//! ```
//!
//! Everything starts not serving. Probes read values and do no work. Once draining began, every
//! service but [`LIVENESS`] is not serving, and later reports change nothing.

mod registry;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

pub(crate) use self::registry::Role;
use self::registry::{Entry, Registry, Service};
use crate::lock::lock;

/// Serving once every foreground component has started; stays so until the drain.
pub const STARTUP: &str = "startup";
/// Serving unless a critical entry has failed for good; draining does not change it.
pub const LIVENESS: &str = "liveness";
/// Serving while the process may get traffic. The empty name is an alias, as gRPC wants it.
pub const READINESS: &str = "readiness";
/// The name by which gRPC asks for the server as a whole.
pub const OVERALL: &str = "";

/// How one component, or one free-standing check, is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Ready,
    /// Not now; it is expected to become ready by itself.
    NotReady(String),
    /// It serves, but an operator should know about it.
    Degraded(String),
    /// It does not work any more; only a restart of the process will help.
    Failed(String),
}

impl Status {
    /// Whether requests may be sent to it.
    pub fn is_serving(&self) -> bool {
        matches!(self, Self::Ready | Self::Degraded(_))
    }

    /// What is wrong, if anything.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::NotReady(reason) | Self::Degraded(reason) | Self::Failed(reason) => Some(reason),
        }
    }

    /// `ok`, `not ready`, `degraded` or `failed`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ready => "ok",
            Self::NotReady(_) => "not ready",
            Self::Degraded(_) => "degraded",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{}: {reason}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

/// What a service needs in order to be serving.
#[derive(Clone, Debug)]
pub struct Requires {
    /// `None` is every entry that is not optional.
    entries: Option<Vec<String>>,
    dwell: Duration,
}

impl Requires {
    /// Every entry there is, except components whose failure is ignored.
    pub fn everything() -> Self {
        Self {
            entries: None,
            dwell: Duration::ZERO,
        }
    }

    /// These entries. One that nobody has reported yet is not ready.
    pub fn only<I: IntoIterator<Item: Into<String>>>(entries: I) -> Self {
        let entries = entries.into_iter().map(Into::into).collect();
        Self {
            entries: Some(entries),
            dwell: Duration::ZERO,
        }
    }

    /// Once it serves, go on serving until something has been wrong for this long.
    #[must_use]
    pub fn dwell(self, dwell: Duration) -> Self {
        Self { dwell, ..self }
    }
}

/// Whether a service serves, and the entries that keep it from serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceHealth {
    pub serving: bool,
    /// Entries that are not ready. A service that serves may have some: degraded ones, and those
    /// that have been in trouble for less than the dwell time.
    pub causes: Vec<(String, Status)>,
}

impl ServiceHealth {
    /// `log: not ready: connection refused; projector: degraded: one order is parked`
    pub fn cause(&self) -> String {
        let causes: Vec<_> = self
            .causes
            .iter()
            .map(|(name, s)| format!("{name}: {s}"))
            .collect();
        causes.join("; ")
    }
}

/// The state of all services and entries at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthSnapshot {
    pub services: BTreeMap<String, ServiceHealth>,
    pub entries: BTreeMap<String, Status>,
    /// Nothing will change any more.
    pub draining: bool,
}

impl HealthSnapshot {
    /// A service of this name, else an entry of this name seen as a service.
    pub fn lookup(&self, name: &str) -> Option<ServiceHealth> {
        let entry = || {
            let status = self.entries.get(name)?;
            let causes = match status {
                Status::Ready => Vec::new(),
                Status::NotReady(_) | Status::Degraded(_) | Status::Failed(_) => {
                    vec![(name.to_owned(), status.clone())]
                }
            };
            Some(ServiceHealth {
                serving: status.is_serving() && !self.draining,
                causes,
            })
        };
        self.services.get(name).cloned().or_else(entry)
    }

    /// Whether the service, or the entry, of this name serves.
    pub fn is_serving(&self, name: &str) -> bool {
        self.lookup(name).is_some_and(|service| service.serving)
    }
}

/// The registry. Clones share it.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    published: watch::Sender<Arc<HealthSnapshot>>,
    changed: Notify,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// With the services [`STARTUP`], [`LIVENESS`] and [`READINESS`], all not serving. Readiness
    /// requires everything until [`Health::service`] narrows it.
    pub fn new() -> Self {
        let health = Self(Arc::new(Inner {
            registry: Mutex::default(),
            published: watch::channel(Arc::default()).0,
            changed: Notify::new(),
        }));
        health.service(READINESS, Requires::everything());
        health
    }

    /// Registers a service, or replaces what it requires.
    pub fn service(&self, name: impl Into<String>, requires: Requires) {
        let service = Service {
            requires,
            serving: false,
            failing_since: None,
        };
        self.change(|registry| {
            registry.services.insert(name.into(), service);
        });
    }

    /// A reporter for the entry of this name. A new entry is not ready.
    pub fn reporter(&self, name: impl Into<String>) -> Reporter {
        self.enter(name.into(), Role::Background)
    }

    /// Forgets an entry. A service that names it is then not serving.
    pub fn remove(&self, name: &str) {
        self.change(|registry| {
            registry.entries.remove(name);
        });
    }

    /// The present state.
    pub fn snapshot(&self) -> Arc<HealthSnapshot> {
        self.0.published.borrow().clone()
    }

    /// The present state and every later one.
    pub fn subscribe(&self) -> watch::Receiver<Arc<HealthSnapshot>> {
        self.0.published.subscribe()
    }

    /// Whether the service, or the entry, of this name serves.
    pub fn is_serving(&self, name: &str) -> bool {
        self.snapshot().is_serving(name)
    }

    pub(crate) fn enter(&self, name: String, role: Role) -> Reporter {
        self.change(|registry| {
            let entry = registry
                .entries
                .entry(name.clone())
                .or_insert_with(|| Entry {
                    status: Status::NotReady("has not reported yet".to_owned()),
                    role,
                    spoken_for: true,
                });
            if role != Role::Background {
                entry.role = role;
            }
        });
        Reporter {
            health: self.clone(),
            name,
        }
    }

    /// From here on the process counts as alive.
    pub(crate) fn alive(&self) {
        self.change(|registry| registry.alive = true);
    }

    /// Every foreground component has started.
    pub(crate) fn started(&self) {
        self.change(|registry| registry.started = true);
    }

    /// Takes the process out of rotation, before it returns and for good.
    pub(crate) fn drain(&self) {
        self.change(|registry| registry.draining = true);
    }

    /// Publishes changes that follow from time alone: a dwell time that has passed. Never ends.
    pub(crate) async fn keep_time(&self) {
        loop {
            let changed = self.0.changed.notified();
            let next = self.publish(&mut lock(&self.0.registry));
            match next {
                Some(at) => tokio::select! { () = sleep_until(at) => {}, () = changed => {} },
                None => changed.await,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Registry)) {
        let mut registry = lock(&self.0.registry);
        if registry.draining {
            return;
        }
        change(&mut registry);
        if self.publish(&mut registry).is_some() {
            self.0.changed.notify_one();
        }
    }

    /// Publishing under the lock keeps snapshots in the order of the changes.
    fn publish(&self, registry: &mut Registry) -> Option<Instant> {
        let (snapshot, next) = registry.evaluate(Instant::now());
        self.0.published.send_if_modified(|published| {
            let differs = **published != snapshot;
            if differs {
                *published = Arc::new(snapshot);
            }
            differs
        });
        next
    }
}

/// Reports the status of one entry. Clones report for the same entry.
#[derive(Clone)]
pub struct Reporter {
    health: Health,
    name: String,
}

impl Reporter {
    /// Replaces the status; a report after the drain began changes nothing.
    pub fn set(&self, status: Status) {
        self.write(status, false);
    }

    /// It works.
    pub fn ready(&self) {
        self.set(Status::Ready);
    }

    /// It does not work yet, or not now.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Status::NotReady(reason.into()));
    }

    /// It works, but an operator should know this.
    pub fn degraded(&self, reason: impl Into<String>) {
        self.set(Status::Degraded(reason.into()));
    }

    /// It will not work again in this process.
    pub fn failed(&self, reason: impl Into<String>) {
        self.set(Status::Failed(reason.into()));
    }

    /// What the supervisor observes. It replaces whatever the component said.
    pub(crate) fn supervise(&self, status: Status) {
        self.write(status, true);
    }

    /// The start has returned: ready, unless the component itself said otherwise.
    pub(crate) fn ready_unless_told(&self) {
        self.health.change(|registry| {
            if let Some(entry) = registry.entries.get_mut(&self.name)
                && entry.spoken_for
            {
                entry.status = Status::Ready;
            }
        });
    }

    fn write(&self, status: Status, spoken_for: bool) {
        self.health.change(|registry| {
            if let Some(entry) = registry.entries.get_mut(&self.name) {
                entry.status = status;
                entry.spoken_for = spoken_for;
            }
        });
    }
}
