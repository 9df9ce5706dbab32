//! What the crate promises, one claim per test, on a paused clock where no socket is involved.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may say that it has failed"
)]

#[cfg(feature = "admin")]
mod admin;
mod build;
mod examples;
mod failure;
#[cfg(feature = "grpc")]
mod grpc;
mod order;
mod process;
mod random;
mod registry;
mod restart;
mod rig;
mod start;
mod stop;
mod work;
