//! One component and its life, as one task.
//!
//! A node decides by itself when it is its turn: it watches the snapshot, where it sees the phase
//! of the process and the states of its neighbours. No other task controls it.

mod link;

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub(crate) use self::link::Link;
use self::link::{Attempted, End, Exit};
use crate::{
    Component, Consequence, Failure, FailureKind, OnFailure, Phase, RunContext, State, Step,
    StepEnd, StopContext, health::Status, member::Options,
};

pub(crate) struct Node {
    pub(crate) component: Box<dyn Component>,
    pub(crate) options: Options,
    pub(crate) link: Link,
    /// By when the run that was asked to end, and the drain after it, have to be over.
    pub(crate) drain_by: Option<Instant>,
}

impl Node {
    pub(crate) async fn live(mut self) {
        if !self.link.wait_for_dependencies().await {
            self.link.become_state(State::Skipped);
            return;
        }
        let mut end = self.work().await;
        if let End::AlreadyStopped(stop) = end {
            self.link.become_state(last_state(stop, end));
            return;
        }
        let budget = self
            .link
            .wait_for_turn(Phase::Draining, State::is_drained)
            .await;
        if self.link.state() != State::Draining {
            self.link.become_state(State::Draining);
        }
        if end == End::Asked && !self.drain(budget.drain_by).await {
            end = End::Forced;
        }
        self.link.become_state(State::Drained);
        let budget = self
            .link
            .wait_for_turn(Phase::Stopping, State::is_terminal)
            .await;
        let stop = self.stop(budget.stop_by).await;
        self.link.become_state(last_state(stop, end));
    }

    /// Starts and runs, again and again if that is the policy, until there is nothing more to do.
    async fn work(&mut self) -> End {
        loop {
            let exit = match self.start().await {
                Ok(()) => self.run().await,
                Err(exit) => exit,
            };
            let delay = match exit {
                Exit::Over(end) => return end,
                Exit::Failed(step, kind) => match self.fail(step, kind).await {
                    Some(delay) => delay,
                    None => return End::Failed,
                },
                Exit::Recalled(end) => match self.step_aside(end).await {
                    true => Duration::ZERO,
                    false => return end.unwrap_or(End::Failed),
                },
            };
            self.link.become_state(State::Stopping);
            let stop = self.stop(Instant::now() + self.options.stop_timeout).await;
            self.link.become_state(State::Backoff);
            tokio::select! {
                biased;
                () = self.link.wait_for_phase(Phase::Leaving) => {}
                () = sleep(delay) => {}
            }
            if !self.link.wait_for_dependencies().await {
                return End::AlreadyStopped(stop);
            }
        }
    }

    /// Puts a failure on record and does what follows from it. Returns the wait before the restart,
    /// if there is one.
    async fn fail(&mut self, step: Step, kind: FailureKind) -> Option<Duration> {
        let consequence = self.consequence(step);
        let text = kind.to_string();
        let (link, component) = (&self.link, self.link.name.clone());
        link.shared.failed(Failure {
            component,
            step,
            kind,
            consequence,
        });
        if let Consequence::Restart(delay) = consequence {
            link.health.supervise(Status::NotReady(format!(
                "restarting in {delay:.1?} after it failed: {text}"
            )));
            if !self.restarts_dependents() || link.recall_dependents().await {
                return Some(delay);
            }
        } else {
            link.health.supervise(Status::Failed(text));
        }
        link.end(consequence);
        None
    }

    /// A first start that fails has had its retries: what has never worked is not restarted.
    fn consequence(&mut self, step: Step) -> Consequence {
        let shared = &self.link.shared;
        let (phase, ran) = {
            let snapshot = shared.snapshot.borrow();
            let restarts = snapshot.components[self.link.index].restarts;
            (snapshot.phase, step == Step::Run || restarts > 0)
        };
        let without = match step {
            Step::Start if shared.keep_on_failure => Consequence::Kept,
            Step::Load | Step::Start | Step::Run | Step::Drain | Step::Stop => {
                Consequence::Shutdown
            }
        };
        match &mut self.options.on_failure {
            OnFailure::Ignore if step == Step::Run => Consequence::Ignored,
            OnFailure::Ignore | OnFailure::Fatal | OnFailure::Restart(_)
                if phase >= Phase::Leaving =>
            {
                Consequence::WhileStopping
            }
            OnFailure::Restart(restart) if ran => {
                restart.next_delay().map_or(without, Consequence::Restart)
            }
            OnFailure::Restart(_) | OnFailure::Fatal | OnFailure::Ignore => without,
        }
    }

    fn restarts_dependents(&self) -> bool {
        match &self.options.on_failure {
            OnFailure::Restart(restart) => restart.concerns_dependents(),
            OnFailure::Fatal | OnFailure::Ignore => false,
        }
    }

    /// A dependency will be restarted. `false`: the process stops instead.
    async fn step_aside(&mut self, end: Option<End>) -> bool {
        let Some(end) = end else {
            let wanted = self.link.recall_dependents().await;
            if !wanted {
                self.link.become_state(State::Ended);
            }
            return wanted;
        };
        if end == End::Asked {
            self.drain(Instant::now() + self.options.drain_timeout)
                .await;
        }
        self.link.become_state(State::Drained);
        true
    }

    async fn start(&mut self) -> Result<(), Exit> {
        let Self {
            component,
            options,
            link,
            drain_by: _,
        } = self;
        link.become_state(State::Starting);
        if let Some(policy) = &mut options.retry {
            policy.reset();
        }
        let began = Instant::now();
        link.health
            .supervise(Status::NotReady("starting".to_owned()));
        for number in 1.. {
            let kind = match link.attempt(component, number, options.start_timeout).await {
                Attempted::Up => break,
                Attempted::CalledOff => return Err(link.called_off()),
                Attempted::Recalled => return Err(Exit::Recalled(None)),
                Attempted::Failed(kind) => kind,
            };
            let policy = options.retry.as_mut().filter(|_| may_pass(&kind));
            let next = policy.and_then(|policy| policy.next_delay());
            if options.retry.is_some() {
                link.report_attempt(&kind, number, next, began.elapsed());
            }
            let Some(delay) = next else {
                return Err(Exit::Failed(Step::Start, kind));
            };
            tokio::select! {
                biased;
                () = link.wait_for_phase(Phase::Leaving) => return Err(link.called_off()),
                () = link.recalled() => return Err(Exit::Recalled(None)),
                () = sleep(delay) => {}
            }
        }
        link.health.ready_unless_told();
        link.shared.become_state(link.index, State::Running, true);
        Ok(())
    }

    /// Runs until it ends by itself or, on its turn, has been asked to.
    async fn run(&mut self) -> Exit {
        let Self {
            component,
            options,
            link,
            drain_by,
        } = self;
        let cx = RunContext {
            stopping: CancellationToken::new(),
            deadline: Arc::new(OnceLock::new()),
            health: link.health.clone(),
            laggards: link.laggards(),
        };
        let passage = link.pass(Step::Run);
        let mut run = pin!(link.guard(component.run(&cx)));
        let budget = tokio::select! {
            biased;
            result = &mut run => {
                passage.leave(&result);
                return link.ended_by_itself(result, options.on_finish);
            }
            budget = link.wait_for_turn(Phase::Draining, State::is_drained) => Some(budget),
            () = link.recalled_and_free() => None,
        };
        let limit = Instant::now() + options.drain_timeout;
        let deadline = budget.map_or(limit, |budget| budget.drain_by.min(limit));
        *drain_by = Some(deadline);
        cx.deadline.get_or_init(|| deadline);
        link.become_state(State::Draining);
        cx.stopping.cancel();
        let end = link.finish(Step::Run, passage, deadline, run).await;
        let end = match end {
            StepEnd::Done => End::Asked,
            StepEnd::TimedOut => End::Forced,
            StepEnd::Failed | StepEnd::Panicked | StepEnd::Cancelled => End::Failed,
        };
        match budget {
            Some(_) => Exit::Over(end),
            None => Exit::Recalled(Some(end)),
        }
    }

    /// Whether it was done in time.
    async fn drain(&mut self, by: Instant) -> bool {
        let Self {
            component,
            options,
            link,
            drain_by,
        } = self;
        let limit = || Instant::now() + options.drain_timeout;
        let deadline = by.min(drain_by.take().unwrap_or_else(limit));
        let cx = StopContext {
            deadline,
            laggards: link.laggards(),
        };
        let passage = link.pass(Step::Drain);
        let drain = link.guard(component.drain(&cx));
        link.finish(Step::Drain, passage, deadline, drain).await != StepEnd::TimedOut
    }

    async fn stop(&mut self, by: Instant) -> StepEnd {
        let Self {
            component,
            options,
            link,
            drain_by: _,
        } = self;
        if link.state() != State::Stopping {
            link.become_state(State::Stopping);
        }
        let deadline = by.min(Instant::now() + options.stop_timeout);
        let cx = StopContext {
            deadline,
            laggards: link.laggards(),
        };
        let passage = link.pass(Step::Stop);
        let stop = link.guard(component.stop(&cx));
        link.finish(Step::Stop, passage, deadline, stop).await
    }
}

/// Whether another attempt to start may succeed.
fn may_pass(kind: &FailureKind) -> bool {
    match kind {
        FailureKind::Error(error) => !error.is_permanent(),
        FailureKind::TimedOut(_) => true,
        FailureKind::Panic(_) | FailureKind::EndedEarly => false,
    }
}

fn last_state(stop: StepEnd, end: End) -> State {
    match (stop, end) {
        (StepEnd::TimedOut, _) | (_, End::Forced) => State::Forced,
        (StepEnd::Done, End::Asked | End::AlreadyStopped(_)) => State::Stopped,
        (StepEnd::Done, End::Failed)
        | (StepEnd::Failed | StepEnd::Panicked | StepEnd::Cancelled, _) => State::Failed,
    }
}
