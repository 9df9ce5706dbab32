//! One component and its life, as one task.
//!
//! A node decides by itself when it is its turn: it watches the snapshot, where it sees the phase
//! of the process and the states of its neighbours. Nobody tells it what to do.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Attempt, Component, Error, Event, Failure, FailureKind, OnFailure, OnFinish, Phase, RunContext,
    Snapshot, StartContext, State, Step, StepEnd, StopContext,
    builder::Options,
    component::Laggards,
    health::{Reporter, Status},
    panic::{Panic, catch_future},
    retry,
    shared::{Budget, Shared, Trigger, until},
};

/// How long after its time a component has to be silent to be taken for one that blocks its thread.
const BLOCKED: Duration = Duration::from_millis(100);

pub(crate) struct Node {
    pub(crate) component: Box<dyn Component>,
    pub(crate) options: Options,
    pub(crate) link: Link,
}

/// What connects a node to the others.
pub(crate) struct Link {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) health: Reporter,
    pub(crate) shared: Arc<Shared>,
    /// Those it starts after.
    pub(crate) below: Vec<usize>,
    /// Those that stop before it.
    pub(crate) above: Vec<usize>,
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
        let mut run = pin!(catch_future(component.run(&cx)));
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

impl Link {
    /// One call of `start`. `Ok(false)`: no longer wanted, and dropped.
    async fn attempt(
        &self,
        component: &mut Box<dyn Component>,
        attempt: u32,
        limit: Duration,
    ) -> Result<bool, FailureKind> {
        let cancelled = CancellationToken::new();
        let _cancel = cancelled.clone().drop_guard();
        let cx = StartContext {
            attempt,
            cancelled,
            health: self.health.clone(),
        };
        let mut passage = self.pass(Step::Start);
        let deadline = Instant::now() + limit;
        let result = tokio::select! {
            biased;
            () = self.wait_for_phase(Phase::Leaving) => return Ok(false),
            result = catch_future(component.start(&cx)) => result,
            () = sleep_until(deadline) => {
                passage.end = StepEnd::TimedOut;
                return Err(FailureKind::TimedOut(limit));
            }
        };
        passage.end = step_end(&result);
        flatten(result).map(|()| true)
    }

    /// A drain or a stop, with its failure on record.
    async fn step(
        &self,
        step: Step,
        deadline: Instant,
        work: impl Future<Output = Result<(), Error>>,
    ) -> StepEnd {
        let mut passage = self.pass(step);
        let result = tokio::select! {
            biased;
            result = catch_future(work) => result,
            () = self.out_of_time(deadline) => {
                passage.end = StepEnd::TimedOut;
                self.shared.lagged(&self.name, format!("{step:?}").to_lowercase());
                return StepEnd::TimedOut;
            }
        };
        let end = step_end(&result);
        passage.end = end;
        if let Err(kind) = flatten(result) {
            self.shared.failed(Failure {
                component: self.name.clone(),
                step,
                kind,
            });
        }
        end
    }

    /// The process may begin to stop while a component is being stopped for a restart.
    async fn out_of_time(&self, deadline: Instant) {
        let process_is = async {
            self.wait_for_phase(Phase::Draining).await;
            match self.shared.budget.get() {
                Some(budget) => sleep_until(budget.stop_by).await,
                None => pending().await,
            }
        };
        tokio::select! { () = sleep_until(deadline) => {}, () = process_is => {} }
    }

    /// A run that returned without having been asked.
    fn ended_by_itself(
        &self,
        result: Result<Result<(), Error>, Panic>,
        on_finish: OnFinish,
    ) -> Result<End, FailureKind> {
        flatten(result)?;
        match on_finish {
            OnFinish::Fail => return Err(FailureKind::EndedEarly),
            OnFinish::Continue => {}
            OnFinish::Shutdown => self.shared.trigger(Trigger::Finished(self.name.clone())),
        }
        self.shared.become_state(self.index, State::Ended, true);
        Ok(End::Asked)
    }

    /// A start that was called off: it is stopped, but there is nothing to drain.
    fn ended(&self, state: State) -> End {
        self.become_state(state);
        End::Failed
    }

    fn report_attempt(
        &self,
        kind: &FailureKind,
        number: u32,
        next: Option<Duration>,
        elapsed: Duration,
    ) {
        let text;
        let error = match kind {
            FailureKind::Error(error) => error,
            other => {
                text = Error::new(other.to_string());
                &text
            }
        };
        let attempt = Attempt {
            number,
            error,
            next,
            elapsed,
        };
        retry::warn(&self.name, &attempt);
        self.shared.emit(&Event::Attempt {
            component: &self.name,
            number,
            next,
        });
        self.health.supervise(Status::NotReady(attempt.to_string()));
    }

    /// Whether they came up before everything was called off.
    async fn wait_for_dependencies(&self) -> bool {
        let waiting = |snapshot: &Snapshot| -> Vec<String> {
            let below = self.below.iter().map(|&index| &snapshot.components[index]);
            below
                .filter(|other| !other.usable)
                .map(|other| other.name.clone())
                .collect()
        };
        let names = waiting(&self.shared.snapshot.borrow());
        if !names.is_empty() {
            let reason = format!("waiting for {}", names.join(", "));
            self.health.supervise(Status::NotReady(reason));
        }
        let mut wanted = false;
        until(&mut self.view(), |snapshot| {
            wanted = snapshot.phase < Phase::Leaving;
            !wanted || waiting(snapshot).is_empty()
        })
        .await;
        wanted
    }

    async fn wait_for_phase(&self, phase: Phase) {
        until(&mut self.view(), |snapshot| snapshot.phase >= phase).await;
    }

    /// Waits for the phase and for all above to be as required. Those above keep the time
    /// themselves, except one that blocks its thread; it must not hold up those below.
    async fn wait_for_turn(&self, phase: Phase, passed: fn(State) -> bool) -> Budget {
        self.wait_for_phase(phase).await;
        let Some(&budget) = self.shared.budget.get() else {
            pending().await
        };
        let by = if phase == Phase::Draining {
            budget.drain_by
        } else {
            budget.stop_by
        };
        let mut view = self.view();
        let above = until(&mut view, |snapshot| {
            self.above
                .iter()
                .all(|&index| passed(snapshot.components[index].state))
        });
        // In time or not, it is this node's turn now.
        timeout_at(by + BLOCKED, above).await.ok();
        budget
    }

    fn view(&self) -> watch::Receiver<Snapshot> {
        self.shared.snapshot.subscribe()
    }

    fn state(&self) -> State {
        self.shared.snapshot.borrow().components[self.index].state
    }

    fn become_state(&self, state: State) {
        self.shared.become_state(self.index, state, false);
    }

    fn laggards(&self) -> Laggards {
        Laggards {
            shared: Arc::clone(&self.shared),
            component: self.name.clone(),
        }
    }

    fn pass(&self, step: Step) -> Passage<'_> {
        self.shared.emit(&Event::Entered {
            component: &self.name,
            step,
        });
        Passage {
            link: self,
            step,
            began: Instant::now(),
            end: StepEnd::Cancelled,
        }
    }
}

/// Being inside a step. Dropping it tells that the step was left, also when the task is aborted.
struct Passage<'a> {
    link: &'a Link,
    step: Step,
    began: Instant,
    end: StepEnd,
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        let Self {
            link,
            step,
            began,
            end,
        } = self;
        let (step, end, took) = (*step, *end, began.elapsed());
        link.shared.emit(&Event::Left {
            component: &link.name,
            step,
            end,
            took,
        });
    }
}

fn last_state(stop: StepEnd, end: End) -> State {
    match (stop, end) {
        (StepEnd::TimedOut, _) | (_, End::Forced) => State::Forced,
        (StepEnd::Done, End::Asked | End::AlreadyStopped(_)) => State::Stopped,
        _ => State::Failed,
    }
}

fn step_end(result: &Result<Result<(), Error>, Panic>) -> StepEnd {
    match result {
        Ok(Ok(())) => StepEnd::Done,
        Ok(Err(_)) => StepEnd::Failed,
        Err(_) => StepEnd::Panicked,
    }
}

fn flatten(result: Result<Result<(), Error>, Panic>) -> Result<(), FailureKind> {
    match result {
        Ok(result) => result.map_err(FailureKind::Error),
        Err(Panic(message)) => Err(FailureKind::Panic(message)),
    }
}
