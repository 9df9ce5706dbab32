//! One component and its life, as one task.
//!
//! A node decides by itself when it is its turn: it watches the snapshot, where it sees the phase
//! of the process and the states of its neighbours. Nobody tells it what to do.

mod link;

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

pub(crate) use self::link::Link;
use self::link::{flatten, step_end};
use crate::{
    Component, Failure, FailureKind, OnFailure, Phase, RunContext, State, Step, StepEnd,
    StopContext,
    builder::Options,
    health::Status,
    shared::{Budget, Trigger},
};

pub(crate) struct Node {
    pub(crate) component: Box<dyn Component>,
    pub(crate) options: Options,
    pub(crate) link: Link,
}

/// How the working part of a life ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Asked to stop, and it did; or it had finished before.
    Asked,
    /// Asked to stop, but the run had to be cut off.
    Forced,
    /// The start or the run failed.
    Failed,
    /// Between a stop and the next start: there is nothing to stop.
    AlreadyStopped(StepEnd),
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
        if end == End::Asked && !self.drain(budget).await {
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
            let (step, kind) = match self.start().await {
                Ok(true) => match self.run().await {
                    Ok(end) => return end,
                    Err(kind) => (Step::Run, kind),
                },
                Ok(false) => return self.link.ended(State::Ended),
                Err(kind) => (Step::Start, kind),
            };
            let failure = Failure {
                component: self.link.name.clone(),
                step,
                kind,
                stopping: false,
            };
            let text = failure.kind.to_string();
            self.link.shared.failed(failure);
            let Some(delay) = self.restart_delay(step) else {
                return self.give_up(step, text);
            };
            self.link.health.supervise(Status::NotReady(format!(
                "restarting in {delay:.1?} after it failed: {text}"
            )));
            self.link.become_state(State::Stopping);
            let stop = self.stop(Instant::now() + self.options.stop_timeout).await;
            self.link.become_state(State::Backoff);
            tokio::select! {
                biased;
                () = self.link.wait_for_phase(Phase::Leaving) => {
                    return End::AlreadyStopped(stop);
                }
                () = sleep(delay) => {}
            }
        }
    }

    /// Whether to start again. A first start that fails has had its retries.
    fn restart_delay(&mut self, step: Step) -> Option<Duration> {
        let snapshot = self.link.shared.snapshot.borrow();
        let me = &snapshot.components[self.link.index];
        let never_ran = step == Step::Start && me.restarts == 0;
        if never_ran || snapshot.phase >= Phase::Leaving {
            return None;
        }
        drop(snapshot);
        match &mut self.options.on_failure {
            OnFailure::Restart(restart) => restart.next_delay(),
            OnFailure::Fatal | OnFailure::Ignore => None,
        }
    }

    fn give_up(&self, step: Step, text: String) -> End {
        self.link.health.supervise(Status::Failed(text));
        self.link
            .shared
            .become_state(self.link.index, State::Ended, false);
        let ignored = matches!(self.options.on_failure, OnFailure::Ignore);
        if !(ignored && step == Step::Run) {
            self.link
                .shared
                .trigger(Trigger::Failed(self.link.name.clone()));
        }
        End::Failed
    }

    /// `Ok(false)`: no longer wanted.
    async fn start(&mut self) -> Result<bool, FailureKind> {
        let Self {
            component,
            options,
            link,
        } = self;
        link.become_state(State::Starting);
        if let Some(policy) = &mut options.retry {
            policy.reset();
        }
        let began = Instant::now();
        let mut number = 0;
        loop {
            number += 1;
            if number == 1 {
                link.health
                    .supervise(Status::NotReady("starting".to_owned()));
            }
            let kind = match link.attempt(component, number, options.start_timeout).await {
                Ok(true) => {
                    link.health.ready_unless_told();
                    link.shared.become_state(link.index, State::Running, true);
                    return Ok(true);
                }
                Ok(false) => return Ok(false),
                Err(kind) => kind,
            };
            let next = match (&kind, &mut options.retry) {
                (FailureKind::Error(error), Some(policy)) if !error.is_permanent() => {
                    policy.next_delay()
                }
                (FailureKind::TimedOut(_), Some(policy)) => policy.next_delay(),
                _ => None,
            };
            if options.retry.is_some() {
                link.report_attempt(&kind, number, next, began.elapsed());
            }
            let Some(delay) = next else { return Err(kind) };
            tokio::select! {
                biased;
                () = link.wait_for_phase(Phase::Leaving) => return Ok(false),
                () = sleep(delay) => {}
            }
        }
    }

    /// Runs until it ends by itself or, on its turn, has been asked to.
    async fn run(&mut self) -> Result<End, FailureKind> {
        let Self {
            component,
            options,
            link,
        } = self;
        let cx = RunContext {
            stopping: CancellationToken::new(),
            deadline: Arc::new(OnceLock::new()),
            health: link.health.clone(),
            laggards: link.laggards(),
        };
        let mut passage = link.pass(Step::Run);
        let mut run = pin!(link.guard(component.run(&cx)));
        let budget = tokio::select! {
            biased;
            result = &mut run => {
                passage.end = step_end(&result);
                drop(passage);
                return link.ended_by_itself(result, options.on_finish);
            }
            budget = link.wait_for_turn(Phase::Draining, State::is_drained) => budget,
        };
        let deadline = budget.drain_by.min(Instant::now() + options.drain_timeout);
        cx.deadline.get_or_init(|| deadline);
        link.become_state(State::Draining);
        cx.stopping.cancel();
        let Ok(result) = timeout_at(deadline, &mut run).await else {
            passage.end = StepEnd::TimedOut;
            link.shared.lagged(&link.name, "run".to_owned());
            return Ok(End::Forced);
        };
        passage.end = step_end(&result);
        match flatten(result) {
            Ok(()) => Ok(End::Asked),
            Err(kind) => {
                let component = link.name.clone();
                link.shared.failed(Failure {
                    component,
                    step: Step::Run,
                    kind,
                    stopping: true,
                });
                Ok(End::Failed)
            }
        }
    }

    /// Whether it was done in time.
    async fn drain(&mut self, budget: Budget) -> bool {
        let Self {
            component,
            options,
            link,
        } = self;
        let deadline = budget.drain_by.min(Instant::now() + options.drain_timeout);
        let cx = StopContext {
            deadline,
            laggards: link.laggards(),
        };
        link.step(Step::Drain, deadline, component.drain(&cx)).await != StepEnd::TimedOut
    }

    async fn stop(&mut self, by: Instant) -> StepEnd {
        let Self {
            component,
            options,
            link,
        } = self;
        if link.state() != State::Stopping {
            link.become_state(State::Stopping);
        }
        let deadline = by.min(Instant::now() + options.stop_timeout);
        let cx = StopContext {
            deadline,
            laggards: link.laggards(),
        };
        link.step(Step::Stop, deadline, component.stop(&cx)).await
    }
}

fn last_state(stop: StepEnd, end: End) -> State {
    match (stop, end) {
        (StepEnd::TimedOut, _) | (_, End::Forced) => State::Forced,
        (StepEnd::Done, End::Asked | End::AlreadyStopped(_)) => State::Stopped,
        _ => State::Failed,
    }
}
