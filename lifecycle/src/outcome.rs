//! How a process ended, and its exit code.

use std::{fmt, process::ExitCode, time::Duration};

use crate::{Consequence, Failure, Signal, Snapshot, failure::SOFTWARE};

/// What made the process stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    Signal(Signal),
    /// Somebody called [`Handle::shutdown`](crate::Handle::shutdown).
    Requested,
    /// This component failed; the failures say how.
    Failed(String),
    /// The run of this component is over, and it was the work of the process.
    Finished(String),
    /// The runs of all components are over.
    AllFinished,
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

    /// 128+n after a second signal; else that of [`Outcome::culprit`]; else 70 if the supervisor is
    /// strict and something was cut off; else 0.
    pub fn exit_code(&self) -> u8 {
        if let Some(signal) = self.killed_by {
            return 128 + signal.number();
        }
        match self.culprit() {
            Some(failure) => failure.exit_code(),
            None if self.strict && !self.laggards.is_empty() => SOFTWARE,
            None => 0,
        }
    }

    /// The failure that decides: the one that ended the process, else the first that was kept, else
    /// the first during the stop. Failures that were ignored, or cured by a restart, do not count.
    pub fn culprit(&self) -> Option<&Failure> {
        let ended = match &self.cause {
            // The last failure is the one that no restart was left for.
            Cause::Failed(name) => self.failures.iter().rfind(|failure| {
                failure.component == *name && failure.consequence == Consequence::Shutdown
            }),
            Cause::Signal(_) | Cause::Requested | Cause::Finished(_) | Cause::AllFinished => None,
        };
        let first = |wanted| {
            let mut all = self.failures.iter();
            all.find(|failure| failure.consequence == wanted)
        };
        ended
            .or_else(|| first(Consequence::Kept))
            .or_else(|| first(Consequence::WhileStopping))
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        outcome.exit_code().into()
    }
}

/// One line: what ended the process, what else went wrong, and what to do about it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { up, stop_took, .. } = self;
        let culprit = self.culprit();
        match (&self.cause, culprit) {
            (Cause::Failed(_), Some(failure)) => write!(f, "stopped because {failure}")?,
            (Cause::Failed(component), None) => write!(f, "stopped because {component} failed")?,
            (Cause::Signal(signal), _) => write!(f, "stopped by {signal}")?,
            (Cause::Requested, _) => f.write_str("stopped on request")?,
            (Cause::Finished(component), _) => write!(f, "stopped because {component} is done")?,
            (Cause::AllFinished, _) => f.write_str("stopped because everything is done")?,
        }
        if let Some(killer) = self.killed_by {
            write!(f, ", cut short by {killer}")?;
        }
        let told = |failure: &Failure| {
            matches!(self.cause, Cause::Failed(_))
                && culprit.is_some_and(|culprit| std::ptr::eq(culprit, failure))
        };
        for failure in self.failures.iter().filter(|failure| !told(failure)) {
            write!(f, "; {failure}")?;
        }
        for Laggard { component, what } in &self.laggards {
            write!(
                f,
                "; {component}: {what} did not end in time and was cut off"
            )?;
        }
        write!(
            f,
            "; it was up for {up:.1?} and took {stop_took:.1?} to stop"
        )?;
        match culprit {
            Some(failure) => write!(f, "; next step: {}", failure.next_step()),
            None => Ok(()),
        }
    }
}
