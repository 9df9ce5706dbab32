//! How a process ended, and its exit code.

use std::{fmt, process::ExitCode, time::Duration};

use crate::{Error, Signal, Snapshot, Step};

/// What went wrong in one step of one component.
#[derive(Debug)]
pub struct Failure {
    pub component: String,
    pub step: Step,
    pub kind: FailureKind,
    /// Whether the component was being stopped then: its run had been asked to end, or was over.
    pub stopping: bool,
}

/// How it went wrong.
#[derive(Debug)]
pub enum FailureKind {
    Error(Error),
    /// The message of the panic and its place.
    Panic(String),
    /// It was given this long.
    TimedOut(Duration),
    /// Its run returned though nobody had asked it to stop.
    EndedEarly,
}

impl Failure {
    /// What this failure alone would make of the process.
    pub fn exit_code(&self) -> u8 {
        let chosen = match &self.kind {
            FailureKind::Error(error) => error.exit_code(),
            FailureKind::Panic(_) => Some(SOFTWARE),
            FailureKind::TimedOut(_) | FailureKind::EndedEarly => None,
        };
        chosen.unwrap_or(match self.step {
            Step::Load => CONFIG,
            Step::Start => UNAVAILABLE,
            Step::Run | Step::Drain | Step::Stop => SOFTWARE,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            component,
            step,
            kind,
            stopping: _,
        } = self;
        write!(f, "{component}: {step:?}: {kind}")
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::TimedOut(limit) => write!(f, "not done within {limit:.1?}"),
            Self::EndedEarly => f.write_str("ended though nobody asked it to"),
        }
    }
}

// The names and numbers are those of sysexits.h.
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CONFIG: u8 = 78;

/// What made the process stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    Signal(Signal),
    /// Somebody called [`Handle::shutdown`](crate::Handle::shutdown).
    Requested,
    /// This component failed; the failures say how.
    Failed(String),
    /// This component has done its work, and with it the process.
    Finished(String),
}

/// Something that did not end in time and was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laggard {
    pub component: String,
    /// `run`, `stop`, or what the component itself cut off, as `3 connections`.
    pub what: String,
}

/// How it all went. Its exit code is what `main` returns.
#[derive(Debug)]
pub struct Outcome {
    pub cause: Cause,
    /// The last hundred failures, in the order in which they happened, those that were restarted
    /// included.
    pub failures: Vec<Failure>,
    pub laggards: Vec<Laggard>,
    /// The last state of everything.
    pub snapshot: Snapshot,
    /// From the beginning until every foreground component ran; `None` if that never happened.
    pub start_took: Option<Duration>,
    /// From the beginning until the stop was triggered.
    pub up: Duration,
    /// From the trigger to the end, termination delay included.
    pub stop_took: Duration,
    pub(crate) killed_by: Option<Signal>,
    pub(crate) strict: bool,
}

impl Outcome {
    /// Whether nothing failed and nothing had to be forced.
    pub fn is_clean(&self) -> bool {
        self.exit_code() == 0 && self.laggards.is_empty()
    }

    /// 128+n after a second signal; else that of the failure that ended the process; else that of
    /// the first failure during the stop; 0 when the stop was clean. Laggards count only when the
    /// supervisor is strict, and failures only when they were not ignored or cured by a restart.
    pub fn exit_code(&self) -> u8 {
        if let Some(signal) = self.killed_by {
            return 128 + signal.number();
        }
        let culprit = match &self.cause {
            // The last failure is the one that no restart was left for.
            Cause::Failed(name) => self
                .failures
                .iter()
                .rfind(|failure| failure.component == *name && !failure.stopping),
            Cause::Signal(_) | Cause::Requested | Cause::Finished(_) => None,
        };
        let stopping = || self.failures.iter().find(|failure| failure.stopping);
        match culprit.or_else(stopping) {
            Some(failure) => failure.exit_code(),
            None if self.strict && !self.laggards.is_empty() => SOFTWARE,
            None => 0,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        outcome.exit_code().into()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cause,
            up,
            stop_took,
            ..
        } = self;
        match cause {
            Cause::Signal(signal) => write!(f, "stopped by {signal:?}")?,
            Cause::Requested => f.write_str("stopped on request")?,
            Cause::Failed(component) => write!(f, "stopped by a failure of {component}")?,
            Cause::Finished(component) => write!(f, "stopped because {component} is done")?,
        }
        write!(f, " after {up:.1?}, in {stop_took:.1?}")?;
        for failure in &self.failures {
            write!(f, "; {failure}")?;
        }
        for Laggard { component, what } in &self.laggards {
            write!(f, "; {component}: gave up on {what}")?;
        }
        Ok(())
    }
}
