//! The laws of the log and of the key store, run against every implementation.

mod checker;
mod crash;
mod disk;
mod embedded;
mod jetstream;
mod keys;
mod loss;
mod memory;
