//! The life of a process from the first load to the last stop.

use std::{io::Write, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use tracing::Instrument;

use crate::{
    Cause, Consequence, Error, Event, Failure, FailureKind, Health, Outcome, Phase, Signal,
    Signals, Snapshot, State, Step,
    health::READINESS,
    lock::lock,
    node::Node,
    panic::{Panic, catch, note_places},
    shared::{Shared, Trigger, until},
    timing::Timing,
};

/// How long a task that was cut off may take to notice. Only one that blocks its thread takes any
/// time at all; it cannot be ended, only named.
const UNWIND: Duration = Duration::from_millis(250);

/// Starts components in the order of their dependencies, watches them, and stops them in reverse.
pub struct Supervisor {
    pub(crate) nodes: Vec<Node>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) receiver: mpsc::UnboundedReceiver<Trigger>,
    pub(crate) signals: Option<Signals>,
    pub(crate) timing: Timing,
    pub(crate) strict: bool,
}

/// A view of a supervisor, and a way to stop it. Clones are of the same supervisor.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Asks the process to stop, as a signal would. Asking again changes nothing.
    pub fn shutdown(&self) {
        self.0.trigger(Trigger::Requested);
    }

    /// The state of all components now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot.borrow().clone()
    }

    /// The state of all components now and after every change.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.0.snapshot.subscribe()
    }

    /// Waits until [`READINESS`] serves. `false`: it never will, because the process stops.
    pub async fn wait_until_ready(&self) -> bool {
        let mut health = self.0.health.subscribe();
        let settled = health.wait_for(|health| health.draining || health.is_serving(READINESS));
        tokio::select! {
            Ok(health) = settled => health.is_serving(READINESS),
            // The supervisor has returned, or was dropped.
            () = self.0.triggers.closed() => false,
        }
    }

    /// The health registry.
    pub fn health(&self) -> &Health {
        &self.0.health
    }
}

impl Supervisor {
    /// A view of it that outlives [`Supervisor::run`].
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Runs everything until something stops it.
    ///
    /// SIGTERM and SIGINT stop it in good order, also while it still starts. One more during the
    /// termination delay ends the delay; one more after that ends everything at once, as SIGQUIT
    /// does at any time.
    ///
    /// It returns when every future it owns has ended. Dropping it aborts them.
    pub async fn run(self) -> Outcome {
        note_places();
        let Self {
            nodes,
            shared,
            receiver,
            signals,
            timing,
            strict,
        } = self;
        let mut process = Process {
            shared: Arc::clone(&shared),
            began: Instant::now(),
            start_took: None,
            timing,
            strict,
            tasks: JoinSet::new(),
        };
        let armed = signals.map_or_else(Signals::arm, Ok);
        let (signals, unarmed) = match armed {
            Ok(signals) => (signals, None),
            Err(error) => (Signals::none(), Some(error)),
        };
        let mut triggers = Triggers {
            signals,
            receiver,
            shared,
        };
        let nodes = match process.load(nodes, unarmed.map(Error::from)) {
            Ok(nodes) => nodes,
            Err(cause) => return process.outcome(cause, Instant::now(), None),
        };
        for node in nodes {
            let span = span(&node.link.name);
            process.tasks.spawn(node.live().instrument(span));
        }
        let health = process.shared.health.clone();
        let cause = tokio::select! {
            cause = process.until_triggered(&mut triggers) => cause,
            () = health.keep_time() => unreachable!("time does not end"),
        };
        let triggered = Instant::now();
        let killed_by = if cause == Cause::Signal(Signal::Quit) {
            Some(Signal::Quit)
        } else {
            process.wind_down(&cause, &mut triggers).await
        };
        process.end_tasks(killed_by).await;
        process.outcome(cause, triggered, killed_by)
    }
}

/// A supervisor at work.
struct Process {
    shared: Arc<Shared>,
    began: Instant,
    start_took: Option<Duration>,
    timing: Timing,
    strict: bool,
    tasks: JoinSet<()>,
}

impl Process {
    /// All components load, so that all errors are seen together.
    fn load(&self, mut nodes: Vec<Node>, unarmed: Option<Error>) -> Result<Vec<Node>, Cause> {
        let mut first = None;
        let mut fail = |component: &str, kind: FailureKind| {
            first.get_or_insert_with(|| Cause::Failed(component.to_owned()));
            let component = component.to_owned();
            self.shared.failed(Failure {
                component,
                step: Step::Load,
                kind,
                consequence: Consequence::Shutdown,
            });
        };
        if let Some(error) = unarmed {
            fail("signals", FailureKind::Error(error));
        }
        for node in &mut nodes {
            match catch(|| node.component.load()) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => fail(&node.link.name, FailureKind::Error(error)),
                Err(Panic(message)) => fail(&node.link.name, FailureKind::Panic(message)),
            }
        }
        let Some(cause) = first else { return Ok(nodes) };
        for node in nodes {
            self.shared
                .become_state(node.link.index, State::Skipped, false);
        }
        Err(cause)
    }

    /// Starting, then ready, until there is a reason to stop.
    async fn until_triggered(&mut self, triggers: &mut Triggers) -> Cause {
        self.shared.enter(Phase::Starting);
        self.shared.health.alive();
        let mut starting = self.shared.snapshot.subscribe();
        loop {
            tokio::select! {
                biased;
                cause = triggers.cause() => return cause,
                () = until(&mut starting, foreground_is_up), if self.start_took.is_none() => {
                    let took = self.began.elapsed();
                    self.start_took = Some(took);
                    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(duration_ms, "everything has started");
                    self.shared.enter(Phase::Ready);
                    self.shared.health.started();
                }
            }
        }
    }

    /// Leaves, drains and stops in good order. Returns the signal that interrupted it, if any.
    async fn wind_down(&self, cause: &Cause, triggers: &mut Triggers) -> Option<Signal> {
        let shared = &self.shared;
        let was_serving = shared.health.is_serving(READINESS);
        shared.health.drain();
        shared.enter(Phase::Leaving);
        let healthy = !matches!(cause, Cause::Failed(_));
        if was_serving && healthy {
            tokio::select! {
                () = sleep(self.timing.termination_delay) => {}
                again = triggers.hurry() => if again == Some(Signal::Quit) { return again },
            }
        }
        let budget = *shared.budget.get_or_init(|| self.timing.budget());
        shared.enter(Phase::Draining);
        let mut view = shared.snapshot.subscribe();
        tokio::select! {
            () = until(&mut view, all_have_drained) => {}
            // Nodes keep the time themselves. This is for one that blocks its thread.
            () = sleep_until(budget.drain_by + UNWIND) => {}
            signal = triggers.signal() => return Some(signal),
        }
        shared.enter(Phase::Stopping);
        tokio::select! {
            () = until(&mut view, all_are_gone) => None,
            () = sleep_until(budget.stop_by + UNWIND) => None,
            signal = triggers.signal() => Some(signal),
        }
    }

    /// Ends whatever has not ended, and says what it was.
    async fn end_tasks(&mut self, killed_by: Option<Signal>) {
        if let Some(signal) = killed_by {
            let snapshot = self.shared.snapshot.borrow().clone();
            complain(&format!("ending at once after {signal}; {snapshot}"));
        }
        self.tasks.abort_all();
        let joined = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(UNWIND, joined).await.is_err() {
            complain("a component blocks its thread and cannot be ended");
        }
        self.name_the_rest();
    }

    fn name_the_rest(&self) {
        let snapshot = self.shared.snapshot.borrow().clone();
        for (index, component) in snapshot.components.iter().enumerate() {
            if !component.state.is_terminal() {
                let _span = span(&component.name).entered();
                let what = format!("everything, while {:?}", component.state).to_lowercase();
                self.shared.lagged(&component.name, what);
                self.shared.become_state(index, State::Forced, false);
            }
        }
    }

    fn outcome(&self, cause: Cause, triggered: Instant, killed_by: Option<Signal>) -> Outcome {
        self.shared.enter(Phase::Stopped);
        let outcome = Outcome {
            cause,
            failures: std::mem::take(&mut *lock(&self.shared.failures)).into(),
            laggards: std::mem::take(&mut lock(&self.shared.laggards)),
            snapshot: self.shared.snapshot.borrow().clone(),
            start_took: self.start_took,
            up: triggered.duration_since(self.began),
            stop_took: triggered.elapsed(),
            killed_by,
            strict: self.strict,
        };
        report(&outcome);
        outcome
    }
}

/// Every line that a component logs carries its name.
fn span(component: &str) -> tracing::Span {
    tracing::info_span!("lifecycle", component)
}

/// The last line.
fn report(outcome: &Outcome) {
    let exit_code = outcome.exit_code();
    if exit_code == 0 && outcome.is_clean() {
        tracing::info!(exit_code, "{outcome}");
    } else if exit_code == 0 {
        tracing::warn!(exit_code, "{outcome}");
    } else {
        tracing::error!(exit_code, "{outcome}");
        print_unless_logged(&outcome.to_string());
    }
}

fn complain(error: &str) {
    tracing::error!("{error}");
    print_unless_logged(error);
}

/// Before a subscriber is installed, an error goes to standard error.
fn print_unless_logged(error: &str) {
    if !tracing::event_enabled!(tracing::Level::ERROR) {
        // A closed standard error leaves nowhere to print to.
        writeln!(std::io::stderr(), "error: {error}").ok();
    }
}

/// Everything that may stop the process.
struct Triggers {
    signals: Signals,
    receiver: mpsc::UnboundedReceiver<Trigger>,
    shared: Arc<Shared>,
}

impl Triggers {
    async fn next(&mut self) -> Trigger {
        tokio::select! {
            biased;
            signal = self.signals.next() => {
                self.shared.emit(&Event::Signal(signal));
                Trigger::Signal(signal)
            }
            Some(trigger) = self.receiver.recv() => trigger,
        }
    }

    /// The first reason to stop.
    async fn cause(&mut self) -> Cause {
        match self.next().await {
            Trigger::Signal(signal) => Cause::Signal(signal),
            Trigger::Requested => Cause::Requested,
            Trigger::Failed(component) => Cause::Failed(component),
            Trigger::Finished(component) => Cause::Finished(component),
            Trigger::AllEnded => Cause::AllFinished,
        }
    }

    /// A reason not to wait any longer: one more signal, or a failure.
    async fn hurry(&mut self) -> Option<Signal> {
        loop {
            match self.next().await {
                Trigger::Signal(signal) => return Some(signal),
                Trigger::Failed(_) => return None,
                Trigger::Requested | Trigger::Finished(_) | Trigger::AllEnded => {}
            }
        }
    }

    /// One more signal. Failures are on record anyway.
    async fn signal(&mut self) -> Signal {
        loop {
            if let Trigger::Signal(signal) = self.next().await {
                return signal;
            }
        }
    }
}

fn foreground_is_up(snapshot: &Snapshot) -> bool {
    snapshot
        .components
        .iter()
        .all(|component| component.usable || !component.foreground)
}

fn all_have_drained(snapshot: &Snapshot) -> bool {
    snapshot
        .components
        .iter()
        .all(|component| component.state.is_drained())
}

fn all_are_gone(snapshot: &Snapshot) -> bool {
    snapshot
        .components
        .iter()
        .all(|component| component.state.is_terminal())
}
