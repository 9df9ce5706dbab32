//! Everything that happens to components, told to whoever listens.

use std::time::Duration;

use crate::{Phase, Signal, State};

/// One of the calls a component receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Load,
    Start,
    Run,
    Drain,
    Stop,
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
        took: Duration,
    },
    /// A failed attempt to start, as in [`Attempt`](crate::Attempt).
    Attempt {
        component: &'a str,
        number: u32,
        next: Option<Duration>,
    },
    Signal(Signal),
}

/// Is told every transition, in the order in which they happen.
///
/// It is called while others wait: a counter is fine, I/O is not. A panic in it is its own affair;
/// the other observers and the process go on.
pub trait Observer: Send + 'static {
    fn observe(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>) + Send + 'static> Observer for F {
    fn observe(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// Writes events to the log. Every supervisor has it.
pub(crate) struct Tracing;

impl Observer for Tracing {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Phase { from, to } => tracing::info!(?from, ?to, "phase"),
            Event::State {
                component,
                from,
                to,
            } => {
                tracing::debug!(component, ?from, ?to, "state");
            }
            Event::Entered { component, step } => tracing::debug!(component, ?step, "entered"),
            Event::Left {
                component,
                step,
                end,
                took,
            } => {
                let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                if *end == StepEnd::Done {
                    tracing::info!(component, ?step, duration_ms, "done");
                } else {
                    tracing::warn!(component, ?step, ?end, duration_ms, "not done");
                }
            }
            // The retry itself has warned, with the error.
            Event::Attempt { .. } => {}
            Event::Signal(signal) => tracing::info!(?signal, "signal"),
        }
    }
}
