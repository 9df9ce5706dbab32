//! A supervisor for long-running services.
//!
//! It starts components in the order of their dependencies, watches them, says how they are, and on
//! SIGTERM stops them in reverse order within a time that is known beforehand.
//!
//! ```no_run
//! use lifecycle::{Supervisor, worker};
//!
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     let greeter = worker("greeter", |cx| async move {
//!         println!("hello");
//!         cx.stopping().await;
//!         println!("good-bye");
//!         Ok(())
//!     });
//!     let supervisor = Supervisor::builder().add(greeter).build();
//!     supervisor.expect("one component, no dependencies").run().await.into()
//! }
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
//! * [`Component`] is the trait to implement; [`worker`] makes a component from a function.
//! * [`ComponentExt`] says where it stands among the others, its limits, and what follows when it
//!   fails. [`Builder`] takes components, and what concerns the process as a whole.
//! * [`Supervisor::run`] returns an [`Outcome`], which is an exit code with an explanation.
//! * [`health`] says who is healthy, who is not, and why.
//! * [`check`] makes a component that asks for the health of something periodically; [`clock`] and
//!   `disk` are two of them. [`Watchdog`] notices a starved runtime.
//! * [`resource`] makes a component from a function that opens something and one that closes it,
//!   and hands the open thing to its dependents; [`repeat`] makes one that works in turns.
//!   [`Gauges`] samples values.
//! * [`retry`] is the loop around work that may fail for a while.
//! * `grpc`, behind a feature of that name, and `admin` and `http`, behind the feature `admin`, are
//!   servers as components.
//!
//! # Waiting for a dependency
//!
//! A component whose dependency may be away says so with its start: it fails, is retried for ever,
//! and does so in the background, while listeners answer and `startup` and `liveness` serve.
//! `readiness` does not, and names the attempt. A signal ends the wait at once.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use lifecycle::{Component, ComponentExt, Error, StartContext, Supervisor, async_trait, worker};
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
//! # let retry = lifecycle::Fixed::every(Duration::from_secs(1));
//! Supervisor::builder()
//!     .add(Log.in_background().retry(retry))
//!     // In the background as well, because the log is.
//!     .add(projector.after(["log"]))
//!     // Binds at once, and still drains and stops before the parts that it uses.
//!     .add(server.stops_before(["projector", "log"]))
//! # ;
//! ```
//!
//! # Limits
//!
//! A component that blocks its thread cannot be ended, only named: the runtime it runs on then ends
//! with `shutdown_background`, or with the process.

#[cfg(feature = "admin")]
pub mod admin;
mod builder;
mod check;
mod component;
mod error;
mod failure;
mod gauges;
mod graph;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod health;
#[cfg(feature = "admin")]
pub mod http;
mod lock;
mod member;
mod node;
mod observer;
mod outcome;
mod panic;
mod policy;
mod repeat;
mod resource;
mod retry;
mod shared;
mod signal;
#[cfg(any(feature = "admin", feature = "grpc"))]
pub mod socket;
mod state;
mod supervisor;
mod timing;
mod watchdog;

/// For implementing [`Component`].
pub use async_trait::async_trait;
/// What [`RunContext::token`] and [`retry`] speak.
pub use tokio_util::sync::CancellationToken;

#[cfg(feature = "disk")]
pub use crate::check::{DiskAnswer, disk};
#[cfg(feature = "backoff")]
pub use crate::retry::exponential;
pub use crate::{
    builder::Builder,
    check::{Check, check, clock},
    component::{Component, RunContext, StartContext, StopContext, Worker, worker},
    error::Error,
    failure::{Consequence, Failure, FailureKind},
    gauges::{Gauges, Sample},
    graph::{BuildError, Problem},
    health::Health,
    member::{ComponentExt, Member},
    observer::{Event, Observer, Step, StepEnd},
    outcome::{Cause, Laggard, Outcome},
    policy::{OnFailure, OnFinish, Restart},
    repeat::{Repeat, Turn, repeat},
    resource::{Resource, Slot, resource},
    retry::{Abandoned, Attempt, Fixed, RetryPolicy, retry},
    signal::{MockSignals, Signal, Signals},
    state::{ComponentSnapshot, Phase, Snapshot, State},
    supervisor::{Handle, Supervisor},
    watchdog::Watchdog,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
