//! The write side through its gRPC methods, over a log in memory and over NATS JetStream.

mod fault;
mod fixture;
mod idempotency;
mod jetstream;
mod limit;
mod naming;
mod node;
mod observe;
mod personal;
mod property;
mod reason;
mod rollback;
mod validation;
mod validation_of_parts;
mod version;
