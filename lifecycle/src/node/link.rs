//! A node's view of the others, and the way its hooks are called.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::End;
use crate::{
    Attempt, Component, Error, Event, Failure, FailureKind, OnFinish, Phase, Snapshot,
    StartContext, State, Step, StepEnd,
    component::Laggards,
    health::{Reporter, Status},
    panic::{Panic, catch_future},
    retry,
    shared::{Budget, Shared, Trigger, until},
};

/// How long after its time a component has to be silent to be taken for one that blocks its thread.
const BLOCKED: Duration = Duration::from_millis(100);

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

impl Link {
    /// One call of `start`. `Ok(false)`: no longer wanted, and dropped.
    pub(super) async fn attempt(
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
            shared: Arc::clone(&self.shared),
        };
        let mut passage = self.pass(Step::Start);
        let deadline = Instant::now() + limit;
        let result = tokio::select! {
            biased;
            () = self.wait_for_phase(Phase::Leaving) => return Ok(false),
            result = self.guard(component.start(&cx)) => result,
            () = sleep_until(deadline) => {
                passage.end = StepEnd::TimedOut;
                return Err(FailureKind::TimedOut(limit));
            }
        };
        passage.end = step_end(&result);
        flatten(result).map(|()| true)
    }

    /// Catches panics, and marks the component while a thread is inside of it.
    pub(super) async fn guard<T>(&self, hook: impl Future<Output = T>) -> Result<T, Panic> {
        let polled = &self.shared.polled[self.index];
        let mut hook = pin!(catch_future(hook));
        poll_fn(|cx| {
            polled.store(true, Ordering::Relaxed);
            let poll = hook.as_mut().poll(cx);
            polled.store(false, Ordering::Relaxed);
            poll
        })
        .await
    }

    /// A drain or a stop, with its failure on record.
    pub(super) async fn step(
        &self,
        step: Step,
        deadline: Instant,
        work: impl Future<Output = Result<(), Error>>,
    ) -> StepEnd {
        let mut passage = self.pass(step);
        let result = tokio::select! {
            biased;
            result = self.guard(work) => result,
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
                stopping: true,
            });
        }
        end
    }

    /// The process may begin to stop while a component is being stopped for a restart.
    pub(super) async fn out_of_time(&self, deadline: Instant) {
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
    pub(super) fn ended_by_itself(
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
    pub(super) fn ended(&self, state: State) -> End {
        self.become_state(state);
        End::Failed
    }

    pub(super) fn report_attempt(
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
    pub(super) async fn wait_for_dependencies(&self) -> bool {
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

    pub(super) async fn wait_for_phase(&self, phase: Phase) {
        until(&mut self.view(), |snapshot| snapshot.phase >= phase).await;
    }

    /// Waits for the phase and for all above to be as required. Those above keep the time
    /// themselves, except one that blocks its thread; it must not hold up those below.
    pub(super) async fn wait_for_turn(&self, phase: Phase, passed: fn(State) -> bool) -> Budget {
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

    pub(super) fn view(&self) -> watch::Receiver<Snapshot> {
        self.shared.snapshot.subscribe()
    }

    pub(super) fn state(&self) -> State {
        self.shared.snapshot.borrow().components[self.index].state
    }

    pub(super) fn become_state(&self, state: State) {
        self.shared.become_state(self.index, state, false);
    }

    pub(super) fn laggards(&self) -> Laggards {
        Laggards {
            shared: Arc::clone(&self.shared),
            component: self.name.clone(),
        }
    }

    pub(super) fn pass(&self, step: Step) -> Passage<'_> {
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
pub(super) struct Passage<'a> {
    link: &'a Link,
    step: Step,
    began: Instant,
    pub(super) end: StepEnd,
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

pub(super) fn step_end(result: &Result<Result<(), Error>, Panic>) -> StepEnd {
    match result {
        Ok(Ok(())) => StepEnd::Done,
        Ok(Err(_)) => StepEnd::Failed,
        Err(_) => StepEnd::Panicked,
    }
}

pub(super) fn flatten(result: Result<Result<(), Error>, Panic>) -> Result<(), FailureKind> {
    match result {
        Ok(result) => result.map_err(FailureKind::Error),
        Err(Panic(message)) => Err(FailureKind::Panic(message)),
    }
}
