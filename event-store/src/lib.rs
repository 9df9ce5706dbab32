//! The log: one trait, three implementations, one contract suite.
//!
//! ```text
//!              append(stream, expected, epoch, record)     tail(after)
//!  writer ───────────────────────▶ ┌───────────┐ ───────────────────────▶ reader
//!                                  │ EventStore│
//!  writer ◀─────────────────────── └───────────┘ ◀─────────────────────── reader
//!              Position, Conflict or StaleEpoch  read_stream, read_at, head
//! ```
//!
//! The crate stores bytes and knows nothing of what they mean. [`EventStore`] is the specification;
//! [`contract`] holds its laws as tests; [`memory`] is the model to read first; [`embedded`] is the
//! durable log of one machine; [`jetstream`] is the shared, replicated one. Beside the log stands
//! the [`KeyStore`], which holds the data keys that personal data is sealed with.

mod error;
mod position;
mod recent;
mod record;
mod store;

pub use deferred::Deferred;
pub use error::{AppendError, ReadError, TailError};
pub use position::{Bookmark, Epoch, Head, LogIdentity, Partition, Position, Positions};
pub use record::{
    CommitId, Entry, InvalidStreamId, Missing, NewRecord, Record, StreamId, StreamSlice,
};
pub use store::{ALL, Availability, Consistency, Durability, EventStore, LogDescription, Tail};

pub mod contract;
mod deferred;
pub mod embedded;
pub mod jetstream;
pub mod keys;
pub mod memory;

pub use keys::{DataKey, KeyError, KeyId, KeyState, KeyStore, Sealed};
