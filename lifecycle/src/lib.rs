//! A supervisor for long-running services.
//!
//! It starts components in the order of their dependencies, watches them, tells the world how they
//! are, and on SIGTERM stops them in reverse order within a time that is known beforehand.
//!
//! ```no_run
//! # #[tokio::main] async fn main() -> std::process::ExitCode {
//! use lifecycle::{Supervisor, worker};
//!
//! let supervisor = Supervisor::builder()
//!     .add(worker("greeter", |cx| async move {
//!         println!("hello");
//!         cx.stopping().await;
//!         println!("good-bye");
//!         Ok(())
//!     }))
//!     .build()
//!     .expect("one component, no dependencies");
//! supervisor.run().await.into()
//! # }
//! ```
//!
//! The process goes through phases, each component through states of its own:
//!
//! ```text
//! Loading ─▶ Starting ─▶ Ready ─▶ Leaving ─▶ Draining ─▶ Stopping ─▶ Stopped
//! check      bind, open,  serve    not ready,  finish      release
//! config     connect               still serve work        resources
//!            bottom up             (delay)     top down    top down
//! ```
//!
//! * [`Component`] is what one implements; [`worker`] makes one from a function.
//! * [`Builder`] takes them, with their order, retries, restarts and limits.
//! * [`Supervisor::run`] returns an [`Outcome`], which is an exit code with an explanation.
//! * [`health`] says who is healthy, who is not, and why.
//! * [`retry`] is the loop around whatever may fail for a while.
//! * `grpc` and `admin`, behind features of the same names, are listeners with health inside.
//!
//! A restart concerns the failed component alone; restarting its dependents with it is not there.

#[cfg(feature = "admin")]
pub mod admin;
mod builder;
mod component;
mod error;
mod graph;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod health;
mod node;
mod observer;
mod outcome;
mod panic;
mod policy;
mod retry;
mod shared;
mod signal;
#[cfg(any(feature = "admin", feature = "grpc"))]
pub mod socket;
mod state;
mod supervisor;

/// For implementing [`Component`].
pub use async_trait::async_trait;

#[cfg(feature = "backoff")]
pub use crate::retry::exponential;
pub use crate::{
    builder::Builder,
    component::{Component, RunContext, StartContext, StopContext, Worker, worker},
    error::Error,
    graph::{BuildError, Problem},
    health::Health,
    observer::{Event, Observer, Step, StepEnd},
    outcome::{Cause, Failure, FailureKind, Laggard, Outcome},
    policy::{OnFailure, OnFinish, Restart},
    retry::{Abandoned, Attempt, Fixed, RetryPolicy, retry},
    signal::{MockSignals, Signal, Signals},
    state::{ComponentSnapshot, Phase, Snapshot, State},
    supervisor::{Handle, Supervisor},
};
