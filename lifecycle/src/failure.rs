//! What went wrong in one step of one component, and what followed.

use std::{fmt, time::Duration};

use crate::{Error, Step};

// The names and numbers are those of sysexits.h.
const UNAVAILABLE: u8 = 69;
pub(crate) const SOFTWARE: u8 = 70;
const CONFIG: u8 = 78;

/// What went wrong in one step of one component.
#[derive(Debug)]
pub struct Failure {
    pub component: String,
    pub step: Step,
    pub kind: FailureKind,
    pub consequence: Consequence,
}

/// How it went wrong.
#[derive(Debug)]
pub enum FailureKind {
    Error(Error),
    /// The message of the panic and its place.
    Panic(String),
    /// It was given this long.
    TimedOut(Duration),
    /// Its run returned although it had not been asked to stop.
    EndedEarly,
}

/// What followed from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The process stopped.
    Shutdown,
    /// The component is started again after this long.
    Restart(Duration),
    /// The process goes on without the component.
    Ignored,
    /// The others were left running, see [`Builder::keep_on_failure`](crate::Builder::keep_on_failure).
    Kept,
    /// None: the component was being stopped. Its run had been asked to end, or was over.
    WhileStopping,
}

impl Failure {
    /// The exit code of a process that ends because of this failure.
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

    /// What the operator should do about it: the advice that the error carries, or else a general
    /// one.
    pub fn next_step(&self) -> &str {
        let advice = match &self.kind {
            FailureKind::Error(error) => error.next_step(),
            FailureKind::Panic(_) | FailureKind::EndedEarly => Some(
                "this is a defect of the program: report it with the lines of the log before it",
            ),
            FailureKind::TimedOut(_) => Some("find out what it waits for, then start again"),
        };
        advice.unwrap_or(match self.step {
            Step::Load => "correct the configuration, then start again",
            Step::Start | Step::Run => "remove the cause, then start again",
            Step::Drain | Step::Stop => "check what it left behind before the next start",
        })
    }
}

/// `grpc failed to start: cannot listen on 127.0.0.1:80: permission denied`
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} failed to {}: {}",
            self.component,
            self.step.verb(),
            self.kind
        )
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::TimedOut(limit) => write!(f, "not done within {limit:.1?}"),
            Self::EndedEarly => f.write_str("it returned although it was not asked to stop"),
        }
    }
}
