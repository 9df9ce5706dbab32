//! Trying again: how long to wait, when to give up, and saying so.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// How long to wait before the next attempt.
///
/// With the feature `backoff` every policy of that crate is one.
pub trait RetryPolicy: Send {
    /// The wait before the next attempt; `None` gives up.
    fn next_delay(&mut self) -> Option<Duration>;

    /// Called before the first attempt, and again once the work has succeeded.
    fn reset(&mut self) {}
}

#[cfg(feature = "backoff")]
impl<B: backoff::backoff::Backoff + Send> RetryPolicy for B {
    fn next_delay(&mut self) -> Option<Duration> {
        self.next_backoff()
    }

    fn reset(&mut self) {
        backoff::backoff::Backoff::reset(self);
    }
}

/// Exponential with jitter, from `first` up to `longest`, for ever.
///
/// The default of the crate `backoff` gives up after fifteen minutes, which turns a longer outage
/// of a dependency into one of ours.
#[cfg(feature = "backoff")]
pub fn exponential(first: Duration, longest: Duration) -> backoff::ExponentialBackoff {
    backoff::ExponentialBackoff {
        current_interval: first,
        initial_interval: first,
        max_interval: longest,
        multiplier: 2.0,
        max_elapsed_time: None,
        ..Default::default()
    }
}

/// The same wait each time, for ever or for a number of retries.
#[derive(Clone, Debug)]
pub struct Fixed {
    delay: Duration,
    retries: Option<u32>,
    used: u32,
}

impl Fixed {
    /// Retries for ever.
    pub fn every(delay: Duration) -> Self {
        Self {
            delay,
            retries: None,
            used: 0,
        }
    }

    /// Gives up after this many retries, that is one attempt more.
    #[must_use]
    pub fn at_most(self, retries: u32) -> Self {
        Self {
            retries: Some(retries),
            ..self
        }
    }
}

impl RetryPolicy for Fixed {
    fn next_delay(&mut self) -> Option<Duration> {
        if self.retries.is_some_and(|retries| self.used >= retries) {
            return None;
        }
        self.used += 1;
        Some(self.delay)
    }

    fn reset(&mut self) {
        self.used = 0;
    }
}

/// A failed attempt, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Counts from 1.
    pub number: u32,
    pub error: &'a Error,
    /// The wait before the next attempt; `None` when this was the last.
    pub next: Option<Duration>,
    /// Since before the first attempt.
    pub elapsed: Duration,
}

/// `attempt 7: connection refused, next try in 1.0s`
impl std::fmt::Display for Attempt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "attempt {}: {}", self.number, self.error)?;
        match self.next {
            Some(wait) => write!(f, ", next try in {wait:.1?}"),
            None => write!(f, ", giving up"),
        }
    }
}

/// Why [`retry`] returned without a result.
#[derive(Debug)]
pub enum Abandoned {
    /// The policy gave up, or the error was permanent: the last error.
    Failed(Error),
    /// The token fired, during an attempt or between two.
    Cancelled,
}

/// So that `retry(…).await?` inside a hook ends the hook. The error of a cancelled hook is not
/// reported.
impl From<Abandoned> for Error {
    fn from(abandoned: Abandoned) -> Self {
        match abandoned {
            Abandoned::Failed(error) => error,
            Abandoned::Cancelled => Self::permanent("cancelled"),
        }
    }
}

/// Runs `work` until it succeeds, fails for good, or `cancel` fires.
///
/// * `work` receives the number of the attempt, from 1. It is dropped when `cancel` fires.
/// * Each failed attempt is a numbered warning in the log and a call of `report`, which typically
///   sets the health of a component.
/// * A permanent error ends it whatever the policy says.
pub async fn retry<T, F>(
    what: &str,
    mut policy: impl RetryPolicy,
    cancel: &CancellationToken,
    mut report: impl FnMut(&Attempt<'_>) + Send,
    mut work: impl FnMut(u32) -> F + Send,
) -> Result<T, Abandoned>
where
    F: Future<Output = Result<T, Error>> + Send,
    T: Send,
{
    policy.reset();
    let began = Instant::now();
    let mut number = 0;
    loop {
        number += 1;
        let error = match cancel.run_until_cancelled(work(number)).await {
            None => return Err(Abandoned::Cancelled),
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => error,
        };
        let next = if error.is_permanent() {
            None
        } else {
            policy.next_delay()
        };
        let attempt = Attempt {
            number,
            error: &error,
            next,
            elapsed: began.elapsed(),
        };
        warn(what, &attempt);
        report(&attempt);
        let Some(delay) = next else {
            return Err(Abandoned::Failed(error));
        };
        if cancel.run_until_cancelled(sleep(delay)).await.is_none() {
            return Err(Abandoned::Cancelled);
        }
    }
}

fn warn(what: &str, attempt: &Attempt<'_>) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(
        what,
        attempt = attempt.number,
        error = %attempt.error,
        next_ms = attempt.next.map(millis),
        elapsed_ms = millis(attempt.elapsed),
        "attempt failed",
    );
}
