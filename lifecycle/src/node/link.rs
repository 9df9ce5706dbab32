//! A node's view of the others, and the way its hooks are called.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Attempt, Component, Consequence, Error, Event, Failure, FailureKind, OnFinish, Phase, Snapshot,
    StartContext, State, Step, StepEnd,
    component::Laggards,
    health::{Reporter, Status},
    panic::{Panic, catch_future},
    shared::{Shared, Trigger, until},
    timing::Budget,
};

/// A component that is silent for this long after its time is taken for one that blocks its thread.
const BLOCKED: Duration = Duration::from_millis(100);

/// What connects a node to the others.
pub(crate) struct Link {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) health: Reporter,
    pub(crate) shared: Arc<Shared>,
    /// Those it starts after.
    pub(crate) below: Vec<usize>,
    /// Those that start after it.
    pub(crate) dependents: Vec<usize>,
    /// Those that stop before it.
    pub(crate) above: Vec<usize>,
}

/// How the working part of a life ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Asked to stop, and it did; or it had finished before.
    Asked,
    /// Asked to stop, but the run had to be cut off.
    Forced,
    /// The start or the run failed, or the start was called off.
    Failed,
    /// Between a stop and the next start: there is nothing to stop.
    AlreadyStopped(StepEnd),
}

/// Why a start or a run is over.
pub(super) enum Exit {
    /// What follows is the stop, when it is its turn.
    Over(End),
    Failed(Step, FailureKind),
    /// A component below will be restarted. With the end of the run, if it was running.
    Recalled(Option<End>),
}

/// What became of one call of `start`.
pub(super) enum Attempted {
    Up,
    Failed(FailureKind),
    /// The process stops.
    CalledOff,
    /// A component below will be restarted.
    Recalled,
}

impl Link {
    /// One call of `start`. When it is no longer wanted, it is dropped.
    pub(super) async fn attempt(
        &self,
        component: &mut Box<dyn Component>,
        attempt: u32,
        limit: Duration,
    ) -> Attempted {
        let cancelled = CancellationToken::new();
        let _cancel = cancelled.clone().drop_guard();
        let cx = StartContext {
            attempt,
            cancelled,
            health: self.health.clone(),
            detail: OnceLock::new(),
            shared: Arc::clone(&self.shared),
        };
        let mut passage = self.pass(Step::Start);
        let deadline = Instant::now() + limit;
        let result = tokio::select! {
            biased;
            () = self.wait_for_phase(Phase::Leaving) => return Attempted::CalledOff,
            () = self.recalled() => return Attempted::Recalled,
            result = self.guard(component.start(&cx)) => result,
            () = sleep_until(deadline) => Err(FailureKind::TimedOut(limit)),
        };
        passage.detail = cx.detail.into_inner();
        if result.is_ok() {
            self.shared.describe(self.index, passage.detail.clone());
        }
        passage.leave(&result);
        match result {
            Ok(()) => Attempted::Up,
            Err(kind) => Attempted::Failed(kind),
        }
    }

    /// Catches panics, and marks the component while a thread is inside of it.
    pub(super) async fn guard(
        &self,
        hook: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), FailureKind> {
        let polled = &self.shared.polled[self.index];
        let mut hook = pin!(catch_future(hook));
        let result = poll_fn(|cx| {
            polled.store(true, Ordering::Relaxed);
            let poll = hook.as_mut().poll(cx);
            polled.store(false, Ordering::Relaxed);
            poll
        });
        match result.await {
            Ok(result) => result.map_err(FailureKind::Error),
            Err(Panic(message)) => Err(FailureKind::Panic(message)),
        }
    }

    /// Lets a step of a component that is being stopped come to its end, and puts on record if it
    /// fails or does not end in time.
    pub(super) async fn finish(
        &self,
        step: Step,
        passage: Passage<'_>,
        deadline: Instant,
        work: impl Future<Output = Result<(), FailureKind>>,
    ) -> StepEnd {
        let limit = deadline.saturating_duration_since(Instant::now());
        let result = tokio::select! {
            biased;
            result = work => result,
            () = self.out_of_time(deadline) => Err(FailureKind::TimedOut(limit)),
        };
        let end = passage.leave(&result);
        match result {
            Ok(()) => {}
            Err(FailureKind::TimedOut(_)) => {
                self.shared.lagged(&self.name, step.verb().to_owned());
            }
            Err(kind) => self.shared.failed(Failure {
                component: self.name.clone(),
                step,
                kind,
                consequence: Consequence::WhileStopping,
            }),
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
    pub(super) fn ended_by_itself(
        &self,
        result: Result<(), FailureKind>,
        on_finish: OnFinish,
    ) -> Exit {
        let early = |()| match on_finish {
            OnFinish::Fail => Err(FailureKind::EndedEarly),
            OnFinish::Continue | OnFinish::Shutdown => Ok(()),
        };
        if let Err(kind) = result.and_then(early) {
            return Exit::Failed(Step::Run, kind);
        }
        if on_finish == OnFinish::Shutdown {
            self.shared.trigger(Trigger::Finished(self.name.clone()));
        }
        self.shared.become_state(self.index, State::Ended, true);
        Exit::Over(End::Asked)
    }

    /// Nothing more will be tried. The reason to stop is queued first: the end of the last component
    /// is a reason to stop as well, and must come behind it.
    pub(super) fn end(&self, consequence: Consequence) {
        match consequence {
            Consequence::Shutdown | Consequence::WhileStopping => {
                self.shared.trigger(Trigger::Failed(self.name.clone()));
            }
            Consequence::Restart(_) | Consequence::Ignored | Consequence::Kept => {}
        }
        self.become_state(State::Ended);
    }

    /// The process stops during the start. It is paid back with a stop, but there is nothing to
    /// drain.
    pub(super) fn called_off(&self) -> Exit {
        self.become_state(State::Ended);
        Exit::Over(End::Failed)
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
            FailureKind::Panic(_) | FailureKind::TimedOut(_) | FailureKind::EndedEarly => {
                text = Error::new(kind.to_string());
                &text
            }
        };
        let attempt = Attempt {
            number,
            error,
            next,
            elapsed,
        };
        self.shared.emit(&Event::Attempt {
            component: &self.name,
            attempt: &attempt,
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

    /// A component below asks its dependents to stop, because it will be restarted.
    pub(super) async fn recalled(&self) {
        until(&mut self.view(), |snapshot| {
            let mut below = self.below.iter();
            below.any(|&index| snapshot.components[index].recalls)
        })
        .await;
    }

    /// Asks the dependents to stop and to wait, and returns when they do. `false`: the process
    /// stops instead, and with it everything in its order.
    pub(super) async fn recall_dependents(&self) -> bool {
        self.shared.recall(self.index);
        let mut wanted = false;
        until(&mut self.view(), |snapshot| {
            wanted = snapshot.phase < Phase::Leaving;
            let mut dependents = self.dependents.iter();
            !wanted || dependents.all(|&index| snapshot.components[index].state.is_released())
        })
        .await;
        wanted
    }

    /// A component below will be restarted, and no dependent needs this one any more.
    pub(super) async fn recalled_and_free(&self) {
        self.recalled().await;
        if !self.recall_dependents().await {
            pending::<()>().await;
        }
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

    fn view(&self) -> watch::Receiver<Snapshot> {
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
            detail: None,
            left: false,
        }
    }
}

/// Being inside a step. Dropping it says that the step was cancelled, also when the task is aborted.
pub(super) struct Passage<'a> {
    link: &'a Link,
    step: Step,
    began: Instant,
    /// What the component said about itself.
    detail: Option<String>,
    left: bool,
}

impl Passage<'_> {
    pub(super) fn leave(mut self, result: &Result<(), FailureKind>) -> StepEnd {
        let (end, error) = match result {
            Ok(()) => (StepEnd::Done, None),
            Err(kind) => (step_end(kind), Some(kind)),
        };
        self.tell(end, error);
        self.left = true;
        end
    }

    fn tell(&self, end: StepEnd, error: Option<&FailureKind>) {
        self.link.shared.emit(&Event::Left {
            component: &self.link.name,
            step: self.step,
            end,
            error,
            detail: self.detail.as_deref(),
            took: self.began.elapsed(),
        });
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.tell(StepEnd::Cancelled, None);
        }
    }
}

fn step_end(kind: &FailureKind) -> StepEnd {
    match kind {
        FailureKind::Error(_) | FailureKind::EndedEarly => StepEnd::Failed,
        FailureKind::Panic(_) => StepEnd::Panicked,
        FailureKind::TimedOut(_) => StepEnd::TimedOut,
    }
}
