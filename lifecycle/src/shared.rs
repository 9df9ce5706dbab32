//! What the supervisor and its nodes share: one snapshot, written here and watched by all.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    Event, Failure, Health, Laggard, Observer, Phase, Signal, Snapshot, State, panic::catch,
};

/// Failures that are remembered: a component that is restarted for years must not fill the memory,
/// and nobody reads more.
const FAILURES_MAX: usize = 100;

/// A reason to stop, or to stop faster.
#[derive(Clone, Debug)]
pub(crate) enum Trigger {
    Signal(Signal),
    Requested,
    Failed(String),
    Finished(String),
}

/// The moments by which everything has to be over.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) drain_by: Instant,
    pub(crate) stop_by: Instant,
}

impl Budget {
    pub(crate) fn starting_now(drain: Option<Duration>, total: Duration) -> Self {
        let now = Instant::now();
        Self {
            drain_by: now + drain.unwrap_or(total * 3 / 4).min(total),
            stop_by: now + total,
        }
    }
}

pub(crate) struct Shared {
    pub(crate) snapshot: watch::Sender<Snapshot>,
    pub(crate) health: Health,
    pub(crate) triggers: mpsc::UnboundedSender<Trigger>,
    pub(crate) budget: OnceLock<Budget>,
    pub(crate) observers: Mutex<Vec<Box<dyn Observer>>>,
    pub(crate) failures: Mutex<VecDeque<Failure>>,
    pub(crate) laggards: Mutex<Vec<Laggard>>,
    /// For each component, whether a thread is inside one of its hooks right now.
    pub(crate) polled: Vec<AtomicBool>,
}

/// What is behind these locks is valid after every single statement, so that a panic elsewhere is
/// no reason to panic here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn enter(&self, to: Phase) {
        let mut observers = lock(&self.observers);
        let mut from = to;
        self.snapshot
            .send_modify(|snapshot| from = std::mem::replace(&mut snapshot.phase, to));
        tell(&mut observers, &Event::Phase { from, to });
    }

    /// `usable` says whether dependents that have not started yet may do so.
    pub(crate) fn become_state(&self, index: usize, to: State, usable: bool) {
        let mut observers = lock(&self.observers);
        let mut from = to;
        let mut name = String::new();
        let went = self.snapshot.send_if_modified(|snapshot| {
            let component = &mut snapshot.components[index];
            if component.state.is_terminal() {
                // A thread that was given up has come back; its component is gone all the same.
                return false;
            }
            from = std::mem::replace(&mut component.state, to);
            component.usable = usable;
            component.since = Instant::now();
            name.clone_from(&component.name);
            match to {
                State::Starting => component.starts += 1,
                State::Backoff => component.restarts += 1,
                _ => {}
            }
            true
        });
        if !went {
            return;
        }
        debug_assert!(
            from.may_become(to),
            "{name}: {from:?} may not become {to:?}"
        );
        tell(
            &mut observers,
            &Event::State {
                component: &name,
                from,
                to,
            },
        );
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        tell(&mut lock(&self.observers), event);
    }

    /// The components whose hooks occupy a thread at this moment.
    pub(crate) fn being_polled(&self) -> Vec<String> {
        let snapshot = self.snapshot.borrow();
        let pairs = snapshot.components.iter().zip(&self.polled);
        let polled = pairs.filter(|(_, polled)| polled.load(Ordering::Relaxed));
        polled
            .map(|(component, _)| component.name.clone())
            .collect()
    }

    pub(crate) fn trigger(&self, trigger: Trigger) {
        // Without a receiver the supervisor has returned, and there is nothing left to stop.
        self.triggers.send(trigger).ok();
    }

    pub(crate) fn failed(&self, failure: Failure) {
        tracing::error!(component = failure.component, "{failure}");
        let mut failures = lock(&self.failures);
        if failures.len() == FAILURES_MAX {
            failures.pop_front();
        }
        failures.push_back(failure);
    }

    pub(crate) fn lagged(&self, component: &str, what: String) {
        tracing::warn!(component, what, "did not end in time and was cut off");
        lock(&self.laggards).push(Laggard {
            component: component.to_owned(),
            what,
        });
    }
}

fn tell(observers: &mut [Box<dyn Observer>], event: &Event<'_>) {
    for observer in observers {
        if let Err(panic) = catch(|| observer.observe(event)) {
            tracing::error!(panic = panic.0, "an observer panicked");
        }
    }
}

/// Waits until the snapshot is as wanted. The sender lives in `Shared`, which whoever waits holds.
pub(crate) async fn until(
    view: &mut watch::Receiver<Snapshot>,
    wanted: impl FnMut(&Snapshot) -> bool,
) {
    if view.wait_for(wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}
