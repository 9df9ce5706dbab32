//! The write side over a log in memory, through its gRPC methods.

mod fault;
mod fixture;
mod idempotency;
mod limit;
mod naming;
mod node;
mod observe;
mod personal;
mod property;
mod validation;
mod validation_of_parts;
mod version;
