//! Everything that happens to components, told to all who listen.

use std::time::Duration;

use crate::{Attempt, Consequence, Failure, FailureKind, Phase, Signal, State};

/// One of the calls a component receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Load,
    Start,
    Run,
    Drain,
    Stop,
}

impl Step {
    /// `load`, `start`, `run`, `drain` or `stop`.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Start => "start",
            Self::Run => "run",
            Self::Drain => "drain",
            Self::Stop => "stop",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepEnd {
    Done,
    Failed,
    Panicked,
    TimedOut,
    /// No longer wanted: a start during a stop, anything after the second signal.
    Cancelled,
}

/// What observers are told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    Phase {
        from: Phase,
        to: Phase,
    },
    State {
        component: &'a str,
        from: State,
        to: State,
    },
    /// Before a step. Each is followed by exactly one `Left` of the same step.
    Entered {
        component: &'a str,
        step: Step,
    },
    /// After a step.
    Left {
        component: &'a str,
        step: Step,
        end: StepEnd,
        /// Why it failed, unless it is done or was cancelled.
        error: Option<&'a FailureKind>,
        /// What the component said about itself during a start.
        detail: Option<&'a str>,
        took: Duration,
    },
    /// A failed attempt to start.
    Attempt {
        component: &'a str,
        attempt: &'a Attempt<'a>,
    },
    /// A failure, with what follows from it. Of a start with retries it is the last attempt.
    Failure(&'a Failure),
    Signal(Signal),
}

/// Is told every transition, in the order in which they happen.
///
/// It is called while others wait: a counter is fine, I/O is not. A panic in it disturbs neither
/// the other observers nor the process.
pub trait Observer: Send + 'static {
    fn observe(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>) + Send + 'static> Observer for F {
    fn observe(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// Writes events to the log. Every supervisor has it.
///
/// Lines about a component are written inside of its span, which carries its name. At level INFO a
/// process that starts writes a line per component and a last one when it is ready; one that stops
/// writes what made it stop, what went wrong, and a last line with the outcome.
pub(crate) struct Tracing;

impl Observer for Tracing {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Phase { from, to } => tracing::debug!(?from, ?to, "phase"),
            Event::State { from, to, .. } => tracing::debug!(?from, ?to, "state"),
            Event::Entered { step, .. } => tracing::debug!(step = step.verb(), "entered"),
            Event::Left {
                step,
                end,
                error,
                detail,
                took,
                ..
            } => {
                let duration_ms = millis(*took);
                if (*step, *end) == (Step::Start, StepEnd::Done) {
                    tracing::info!(duration_ms, detail, "started");
                } else {
                    let error = error.map(tracing::field::display);
                    tracing::debug!(step = step.verb(), ?end, duration_ms, error, "left");
                }
            }
            Event::Attempt { attempt, .. } => warn(attempt),
            Event::Failure(failure) => log(failure),
            Event::Signal(signal) => tracing::info!(%signal, "signal"),
        }
    }
}

fn log(failure: &Failure) {
    match failure.consequence {
        // The outcome tells it, as the last line.
        Consequence::Shutdown => tracing::debug!("{failure}"),
        Consequence::Restart(delay) => {
            tracing::warn!(restart_in_ms = millis(delay), "{failure}");
        }
        Consequence::Ignored => {
            tracing::error!("{failure}; the process goes on without it");
        }
        Consequence::Kept => tracing::error!(
            "{failure}; the others are left running; next step: {}",
            failure.next_step()
        ),
        Consequence::WhileStopping => tracing::warn!("{failure}"),
    }
}

fn warn(attempt: &Attempt<'_>) {
    tracing::warn!(
        attempt = attempt.number,
        error = %attempt.error,
        next_ms = attempt.next.map(millis),
        elapsed_ms = millis(attempt.elapsed),
        "attempt failed",
    );
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
