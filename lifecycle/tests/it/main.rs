//! What the crate promises, one claim per test, on a paused clock where no socket is involved.

#[cfg(feature = "admin")]
mod admin;
mod build;
mod failure;
#[cfg(feature = "grpc")]
mod grpc;
mod order;
mod random;
mod registry;
mod rig;
mod stop;
