//! Work that is done again and again, as a component.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    Component, Error, RetryPolicy, RunContext,
    panic::{Panic, catch_future},
};

/// What one turn of a [`repeat`] found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something: the next turn follows at once.
    Worked,
    /// Nothing: the next turn follows after a pause.
    Idle,
}

/// Does a piece of work again and again.
///
/// * A turn that has worked resets `pauses`, and the next one follows at once.
/// * A turn that was idle is followed by a pause, each longer than the one before if `pauses` says so.
/// * A turn that fails, panics or takes too long is followed by a pause as well. The component is
///   then not ready, with the reason, until a turn succeeds.
/// * A permanent error, or a failure when `pauses` has no more, fails the run. Idle turns when
///   `pauses` has no more end it.
/// * Asked to stop, it drops the turn at its next await. A turn that must come to its end hands that
///   part to a task of its own.
///
/// ```
/// # use std::time::Duration;
/// use lifecycle::{Fixed, Turn, repeat};
///
/// let pauses = Fixed::every(Duration::from_secs(1));
/// let outbox = repeat("outbox", pauses, || async {
///     // Send the next message, if there is one.
///     Ok(Turn::Idle)
/// })
/// .turn_within(Duration::from_secs(10));
/// ```
pub fn repeat<F, R>(
    name: impl Into<String>,
    pauses: impl RetryPolicy + 'static,
    work: F,
) -> Repeat<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<Turn, Error>> + Send + 'static,
{
    Repeat {
        name: name.into(),
        pauses: Box::new(pauses),
        interval: Duration::ZERO,
        limit: Duration::MAX,
        work,
    }
}

/// See [`repeat`].
pub struct Repeat<F> {
    name: String,
    pauses: Box<dyn RetryPolicy>,
    interval: Duration,
    limit: Duration,
    work: F,
}

impl<F> Repeat<F> {
    /// Turns begin at least this far apart, however much there is to do.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// How long one turn may take.
    #[must_use]
    pub fn turn_within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

impl<F, R> Repeat<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<Turn, Error>> + Send + 'static,
{
    async fn turn(&mut self) -> Result<Turn, Error> {
        let Self { limit, work, .. } = self;
        // Called inside the future, so that a panic before the first await is caught as well.
        match timeout(*limit, catch_future(async { work().await })).await {
            Ok(Ok(result)) => result,
            Ok(Err(Panic(message))) => Err(Error::new(format!("panicked: {message}"))),
            Err(_elapsed) => Err(Error::new(format!("not done within {limit:.1?}"))),
        }
    }

    async fn turns(&mut self, cx: &RunContext) -> Result<(), Error> {
        self.pauses.reset();
        let mut trouble = false;
        loop {
            let next = Instant::now() + self.interval;
            match self.turn().await {
                Ok(turn) => {
                    if std::mem::take(&mut trouble) {
                        cx.health().ready();
                    }
                    match turn {
                        Turn::Worked => self.pauses.reset(),
                        Turn::Idle => match self.pauses.next_delay() {
                            Some(pause) => sleep(pause).await,
                            None => return Ok(()),
                        },
                    }
                }
                Err(error) => {
                    let pause = match error.is_permanent() {
                        true => None,
                        false => self.pauses.next_delay(),
                    };
                    let Some(pause) = pause else {
                        return Err(error);
                    };
                    trouble = true;
                    tracing::warn!(%error, ?pause, "a turn failed");
                    cx.health().not_ready(error.to_string());
                    sleep(pause).await;
                }
            }
            sleep_until(next).await;
        }
    }
}

#[async_trait]
impl<F, R> Component for Repeat<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<Turn, Error>> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let turns = cx.token().run_until_cancelled(self.turns(cx));
        turns.await.unwrap_or(Ok(()))
    }
}
