//! The service from outside: the real binary, real clients, real servers.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test panics, prints what it skips, and reads its environment"
)]

mod client;
mod clients;
mod config;
mod deadline;
mod erasure;
mod harness;
mod import;
mod k8s;
mod life;
mod log;
mod map;
mod readme;
mod service;
mod tidy;
mod tools;
mod tour;
mod witness;
