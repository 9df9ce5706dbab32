//! The only place that knows sled: generations, batches, readers.
//!
//! ```text
//!  read-model/current                    the pointer: sled-1-7 serves
//!  read-model/sled-1-7/                  engine sled, fold 1, the 7th build
//!  read-model/sled-1-8/                  being built beside it
//!  read-model/lock                       held by the process that owns the folder
//!  read-model/quarantine/000002-sled-1-6 set aside, for people to look at
//! ```
//!
//! * A [`Store`] is the folder: it opens, makes, promotes and sets aside generations.
//! * A [`Generation`] is one build: keys and values in order, each value with a checksum, and the
//!   [`Checkpoint`] up to which it was folded, which is never ahead of its data and carries the
//!   [`Digest`] of all of it. A [`Scan`] adds that digest up again.
//! * A [`Reader`] is what queries hold: a [`View`] of the generation that serves, or [`NoView`] with
//!   how far its build is; and the [`Progress`].
//! * An [`Engine`] is the ordered map underneath: [`Sled`] on disk, [`Memory`] for tests.
//! * [`keys`] is the layout of the keys, shared by its writer and its readers.
//!
//! A generation can be deleted at any time: the log makes another.

mod changes;
mod checkpoint;
pub mod contract;
pub mod counters;
mod cover;
mod digest;
mod disk;
mod engine;
mod error;
mod generation;
pub mod keys;
mod memory;
mod parked;
mod progress;
mod reader;
mod scan;
mod seal;
mod store;

pub use changes::{Changes, Old};
pub use checkpoint::{Checkpoint, Mark};
pub use cover::{Cover, fulfillment, hold, payment, returns, state};
pub use digest::{Digest, is_covered};
pub use disk::Sled;
pub use engine::{Engine, Engines, Entries, Entry, Write};
pub use error::Error;
pub use generation::Generation;
pub use memory::Memory;
pub use parked::{BEHIND_MAX, Cause, Parked};
pub use progress::{Healed, Progress, Task, Work};
pub use reader::{Damage, NoView, Reader, View};
pub use scan::{Scan, Sum};
pub use store::{Found, Store};
