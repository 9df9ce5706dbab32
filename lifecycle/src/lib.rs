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
//! * [`check`] makes one that asks something for its health every now and then.
//! * [`Watchdog`] notices that the runtime is starved.
//! * [`Builder`] takes them, with their order, retries, restarts and limits.
//! * [`Supervisor::run`] returns an [`Outcome`], which is an exit code with an explanation.
//! * [`health`] says who is healthy, who is not, and why.
//! * [`retry`] is the loop around whatever may fail for a while.
//! * `grpc` and `admin`, behind features of the same names, are listeners with health inside.
//!
//! # Waiting for a dependency
//!
//! A component whose dependency may be away says so with its start: it fails, is retried for ever,
//! and does so in the background, while listeners answer and `startup` and `liveness` serve.
//! `readiness` does not, and names the attempt. A signal ends the wait at once.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use lifecycle::{Component, Error, StartContext, Supervisor, async_trait, worker};
//! struct Log;
//!
//! #[async_trait]
//! impl Component for Log {
//!     fn name(&self) -> &str {
//!         "log"
//!     }
//!
//!     async fn start(&mut self, _cx: &StartContext) -> Result<(), Error> {
//!         // "log: not ready: attempt 7: connection refused, next try in 1.0s"
//!         tokio::net::TcpStream::connect("127.0.0.1:4222").await?;
//!         Ok(())
//!     }
//! }
//!
//! # let projector = worker("projector", |cx| async move { cx.stopping().await; Ok(()) });
//! # let server = worker("grpc", |cx| async move { cx.stopping().await; Ok(()) });
//! # #[cfg(feature = "backoff")]
//! Supervisor::builder()
//!     .add(Log)
//!     .retry(lifecycle::exponential(Duration::from_millis(100), Duration::from_secs(5)))
//!     .in_background()
//!     // In the background as well, because what it comes after is.
//!     .add(projector)
//!     .after(["log"])
//!     // Binds at once, and still drains and stops before what it uses.
//!     .add(server)
//!     .stops_before(["projector", "log"])
//! # ;
//! ```
//!
//! # Limits
//!
//! A restart concerns the failed component alone; dependents are not restarted with it, and have
//! to live with a dependency that comes back. A component that blocks its thread cannot be ended,
//! only named: the runtime it runs on then ends with `shutdown_background`, or with the process.

#[cfg(feature = "admin")]
pub mod admin;
mod builder;
mod check;
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
mod watchdog;

/// For implementing [`Component`].
pub use async_trait::async_trait;
/// What [`RunContext::token`] and [`retry`] speak.
pub use tokio_util::sync::CancellationToken;

#[cfg(feature = "backoff")]
pub use crate::retry::exponential;
pub use crate::{
    builder::Builder,
    check::{Check, check},
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
    watchdog::Watchdog,
};
