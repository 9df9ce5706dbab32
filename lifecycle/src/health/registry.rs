//! What components have reported, and the health of every service that follows from it.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{
    HealthSnapshot, LIVENESS, OVERALL, READINESS, Requires, STARTUP, ServiceHealth, Status,
};

/// What was reported, and what follows from it. Pure: time comes in as an argument.
#[derive(Default)]
pub(super) struct Registry {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) alive: bool,
    pub(super) started: bool,
    pub(super) draining: bool,
}

pub(super) struct Entry {
    pub(super) status: Status,
    pub(super) role: Role,
    /// Whether the supervisor reported last, and not the component itself.
    pub(super) spoken_for: bool,
}

/// What an entry counts for beyond its own name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The start of the process waits for it.
    Foreground,
    /// It counts, but the start does not wait for it.
    Background,
    /// It counts only where a service names it.
    Optional,
}

pub(super) struct Service {
    pub(super) requires: Requires,
    pub(super) serving: bool,
    pub(super) failing_since: Option<Instant>,
}

impl Registry {
    /// The snapshot, and when time alone will change it.
    pub(super) fn evaluate(&mut self, now: Instant) -> (HealthSnapshot, Option<Instant>) {
        let mut snapshot = HealthSnapshot {
            draining: self.draining,
            ..Default::default()
        };
        let mut next = None;
        for (name, service) in &mut self.services {
            let mut causes = causes(&self.entries, &service.requires);
            if !self.started {
                causes.push(process("starting"));
            }
            let expires = service.judge(causes.iter().all(|(_, s)| s.is_serving()), now);
            next = [next, expires].into_iter().flatten().min();
            let health = ServiceHealth {
                serving: service.serving,
                causes,
            };
            snapshot.services.insert(name.clone(), health);
        }
        snapshot.services.insert(STARTUP.to_owned(), self.startup());
        if self.draining {
            for service in snapshot.services.values_mut() {
                *service = ServiceHealth {
                    serving: false,
                    causes: vec![process("draining")],
                };
            }
        }
        snapshot
            .services
            .insert(LIVENESS.to_owned(), self.liveness());
        if let Some(readiness) = snapshot.services.get(READINESS).cloned() {
            snapshot
                .services
                .entry(OVERALL.to_owned())
                .or_insert(readiness);
        }
        let statuses = self
            .entries
            .iter()
            .map(|(name, e)| (name.clone(), e.status.clone()));
        snapshot.entries = statuses.collect();
        (snapshot, next)
    }

    fn startup(&self) -> ServiceHealth {
        let waiting = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.role == Role::Foreground);
        let causes = match self.started {
            true => Vec::new(),
            false => waiting.filter_map(not_plainly_ready).collect(),
        };
        ServiceHealth {
            serving: self.started,
            causes,
        }
    }

    fn liveness(&self) -> ServiceHealth {
        let critical = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.role != Role::Optional);
        let failed = critical.filter(|(_, entry)| matches!(entry.status, Status::Failed(_)));
        let causes: Vec<_> = failed.filter_map(not_plainly_ready).collect();
        ServiceHealth {
            serving: self.alive && causes.is_empty(),
            causes,
        }
    }
}

impl Service {
    /// A service that gets well serves at once. One that has served stops only after the dwell time.
    fn judge(&mut self, well: bool, now: Instant) -> Option<Instant> {
        if well {
            self.serving = true;
            self.failing_since = None;
            return None;
        }
        let since = *self.failing_since.get_or_insert(now);
        let expires = since + self.requires.dwell;
        self.serving = self.serving && now < expires;
        self.serving.then_some(expires)
    }
}

fn causes(entries: &BTreeMap<String, Entry>, requires: &Requires) -> Vec<(String, Status)> {
    match &requires.entries {
        None => {
            let counted = entries
                .iter()
                .filter(|(_, entry)| entry.role != Role::Optional);
            counted.filter_map(not_plainly_ready).collect()
        }
        Some(names) => names
            .iter()
            .filter_map(|name| match entries.get_key_value(name) {
                Some(known) => not_plainly_ready(known),
                None => Some((
                    name.clone(),
                    Status::NotReady("nobody reports it".to_owned()),
                )),
            })
            .collect(),
    }
}

/// The process itself as a cause: no service serves before the start is complete, or while it drains.
fn process(what: &str) -> (String, Status) {
    ("process".to_owned(), Status::NotReady(what.to_owned()))
}

fn not_plainly_ready((name, entry): (&String, &Entry)) -> Option<(String, Status)> {
    (entry.status != Status::Ready).then(|| (name.clone(), entry.status.clone()))
}
