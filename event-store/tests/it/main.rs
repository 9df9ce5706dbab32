//! The laws of the log and of the key store, run against every implementation.

mod checker;
mod memory;
