//! The trait of a component, and what its hooks are given.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Error, health::Reporter, shared::Shared};

/// Something a supervisor starts, watches and stops.
///
/// The hooks are called one after the other, never two at a time:
///
/// ```text
/// load ─▶ start ─▶ run ······················▶ drain ─▶ stop
///          │        │ stopping() fires, when    │        │ every dependent
///          │        │ every dependent drained   │        │ has stopped
///          └ returns when dependents may use it └ the run is over
/// ```
///
/// * A `start` that was entered is paid back with exactly one `stop`, whether it returned, failed,
///   panicked, timed out or was cancelled. With a retry policy `start` may be entered several times
///   in a row; a restart is `stop`, then `start`.
/// * A `start` that is cancelled or out of time is dropped at its next await.
/// * A hook that panics counts as failed; the hooks that follow are still called.
/// * Every hook but `load` is bounded in time. One that overruns is dropped and named.
#[async_trait]
pub trait Component: Send + 'static {
    /// Unique within a supervisor; the name under which health and dependencies know it.
    fn name(&self) -> &str;

    /// Checks the configuration. No side effects: all components load before any starts, and all
    /// errors are reported together.
    fn load(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Acquires what is needed; returns when dependents may use it. A listener binds here.
    async fn start(&mut self, _cx: &StartContext) -> Result<(), Error> {
        Ok(())
    }

    /// Works until [`RunContext::stopping`] fires, then finishes what is in hand by
    /// [`RunContext::deadline`] and returns. Returning earlier is a matter of
    /// [`OnFinish`](crate::OnFinish).
    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        cx.stopping().await;
        Ok(())
    }

    /// Finishes what is left after the run; components below still work.
    async fn drain(&mut self, _cx: &StopContext) -> Result<(), Error> {
        Ok(())
    }

    /// Releases what `start` acquired.
    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        Ok(())
    }
}

/// What a start is given.
pub struct StartContext {
    pub(crate) attempt: u32,
    pub(crate) cancelled: CancellationToken,
    pub(crate) health: Reporter,
    pub(crate) detail: OnceLock<String>,
    pub(crate) shared: Arc<Shared>,
}

impl StartContext {
    /// Counts from 1 with each call of `start` in a row.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A few words for the log and the snapshot, as `listening on 127.0.0.1:8080`. The first ones
    /// count.
    pub fn describe(&self, detail: impl Into<String>) {
        self.detail.get_or_init(|| detail.into());
    }

    /// Fires when the start is no longer wanted. The start itself is dropped anyway; this is for
    /// work it has handed to others.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// The health of this component. One that reports during its start is not set ready after it.
    pub fn health(&self) -> &Reporter {
        &self.health
    }
}

/// What a run is given. Clones speak for the same run.
#[derive(Clone)]
pub struct RunContext {
    pub(crate) stopping: CancellationToken,
    pub(crate) deadline: Arc<OnceLock<Instant>>,
    pub(crate) health: Reporter,
    pub(crate) laggards: Laggards,
}

impl RunContext {
    /// Ends when the run should. Cancel safe.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Whether the run should end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// The same as a token, for helpers that take one.
    pub fn token(&self) -> &CancellationToken {
        &self.stopping
    }

    /// By when the run has to be over; known once it should end.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get().copied()
    }

    /// The health of this component.
    pub fn health(&self) -> &Reporter {
        &self.health
    }

    /// Names in the outcome what did not end in time and was cut off, as `3 connections`.
    pub fn gave_up_on(&self, what: impl Into<String>) {
        self.laggards.name(what.into());
    }
}

/// What a drain or a stop is given. It is fresh: nothing in it has been cancelled.
pub struct StopContext {
    pub(crate) deadline: Instant,
    pub(crate) laggards: Laggards,
}

impl StopContext {
    /// By when the hook has to return.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The time until then.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Names in the outcome what did not end in time and was cut off.
    pub fn gave_up_on(&self, what: impl Into<String>) {
        self.laggards.name(what.into());
    }
}

/// Where a component names what it had to cut off.
#[derive(Clone)]
pub(crate) struct Laggards {
    pub(crate) shared: Arc<Shared>,
    pub(crate) component: String,
}

impl Laggards {
    fn name(&self, what: String) {
        self.shared.lagged(&self.component, what);
    }
}

/// A component made of one function, which is its run.
///
/// The function is called again when the component is restarted.
///
/// ```
/// let ticker = lifecycle::worker("ticker", |cx| async move {
///     cx.stopping().await;
///     Ok(())
/// });
/// ```
pub fn worker<F, R>(name: impl Into<String>, run: F) -> Worker<F>
where
    F: FnMut(RunContext) -> R + Send + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    Worker {
        name: name.into(),
        run,
    }
}

/// See [`worker`].
pub struct Worker<F> {
    name: String,
    run: F,
}

#[async_trait]
impl<F, R> Component for Worker<F>
where
    F: FnMut(RunContext) -> R + Send + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        (self.run)(cx.clone()).await
    }
}

#[async_trait]
impl<C: Component + ?Sized> Component for Box<C> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn load(&mut self) -> Result<(), Error> {
        (**self).load()
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        (**self).start(cx).await
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        (**self).run(cx).await
    }

    async fn drain(&mut self, cx: &StopContext) -> Result<(), Error> {
        (**self).drain(cx).await
    }

    async fn stop(&mut self, cx: &StopContext) -> Result<(), Error> {
        (**self).stop(cx).await
    }
}
