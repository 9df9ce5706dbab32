//! What the supervisor and its nodes share: one snapshot, written here and watched by all.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    Event, Failure, Health, Laggard, Observer, Phase, Signal, Snapshot, State, lock::lock,
    panic::catch, timing::Budget,
};

/// Failures that are remembered. A component that is restarted for years must not fill the memory.
const FAILURES_MAX: usize = 100;

/// A reason to stop, or to stop faster.
#[derive(Clone, Debug)]
pub(crate) enum Trigger {
    Signal(Signal),
    Requested,
    Failed(String),
    Finished(String),
    /// No component is left that could still do anything.
    AllEnded,
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
    pub(crate) keep_on_failure: bool,
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
        let mut all_ended = false;
        let went = self.snapshot.send_if_modified(|snapshot| {
            let component = &mut snapshot.components[index];
            if component.state.is_terminal() {
                // A thread that was given up has come back; its component is gone all the same.
                return false;
            }
            from = std::mem::replace(&mut component.state, to);
            component.usable = usable;
            component.recalls &= !to.is_released();
            component.since = Instant::now();
            name.clone_from(&component.name);
            component.starts += u32::from(to == State::Starting);
            component.restarts += u32::from(to == State::Backoff);
            let mut components = snapshot.components.iter();
            all_ended = components.all(|component| component.state == State::Ended);
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
        if all_ended {
            self.trigger(Trigger::AllEnded);
        }
    }

    /// What a component says about itself.
    pub(crate) fn describe(&self, index: usize, detail: Option<String>) {
        self.snapshot
            .send_modify(|snapshot| snapshot.components[index].detail = detail);
    }

    /// Asks the dependents of a component to stop, until it is released.
    pub(crate) fn recall(&self, index: usize) {
        self.snapshot.send_modify(|snapshot| {
            let component = &mut snapshot.components[index];
            component.recalls = true;
            component.usable = false;
        });
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
        // Without a receiver the supervisor has returned: there is nothing left to stop.
        self.triggers.send(trigger).ok();
    }

    pub(crate) fn failed(&self, failure: Failure) {
        self.emit(&Event::Failure(&failure));
        let mut failures = lock(&self.failures);
        if failures.len() == FAILURES_MAX {
            failures.pop_front();
        }
        failures.push_back(failure);
    }

    pub(crate) fn lagged(&self, component: &str, what: String) {
        tracing::warn!("{what} did not end in time and was cut off");
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

/// Waits until the snapshot is as wanted. The sender lives in `Shared`, which everyone who waits holds.
pub(crate) async fn until(
    view: &mut watch::Receiver<Snapshot>,
    wanted: impl FnMut(&Snapshot) -> bool,
) {
    if view.wait_for(wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}
