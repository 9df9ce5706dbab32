//! The only place that knows sled: generations, batches, readers.
//!
//! ```text
//!  read-model/orders/current ──▶ "1-7"          the pointer: which generation serves
//!  read-model/orders/1-7/                       schema 1, the 7th build: one sled tree
//!  read-model/orders/1-8/                       being built beside it
//!  read-model/orders/lock                       held by the process that owns the folder
//!  read-model/quarantine/orders-000002-1-6/     set aside, for whoever wants to look
//! ```
//!
//! * A [`Store`] is the folder of one projection: it opens, makes, promotes and sets aside
//!   generations.
//! * A [`Generation`] is one build: keys and values in order, and the [`Checkpoint`] up to which it
//!   was folded, which is never ahead of its data.
//! * A [`Reader`] is what queries hold: the generation that serves, and its [`Progress`].
//! * [`keys`] is the layout of the keys, shared by whoever writes and whoever reads them.
//!
//! A generation can be deleted at any time: the log makes another.

mod checkpoint;
pub mod counters;
mod cover;
mod generation;
pub mod keys;
mod parked;
mod progress;
mod reader;
mod store;

pub use checkpoint::{Checkpoint, Mark};
pub use cover::Cover;
pub use cover::{fulfillment, hold, payment, returns, state};
pub use generation::{Changes, Generation};
pub use parked::{BEHIND_MAX, Cause, Parked};
pub use progress::Progress;
pub use reader::{Reader, View};
pub use store::Store;

/// Why the read model could not do something. The directory can be deleted and is built again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("failed to {action} {path}: {cause}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// Another process has the folder open. Nothing in it was touched.
    #[error("the view in {path} is in use by another process")]
    InUse {
        /// The folder, or the generation's directory.
        path: String,
    },
    /// sled refused, or found something that it did not write.
    #[error("the view in {path} is damaged: {cause}")]
    Damaged {
        /// The generation's directory.
        path: String,
        /// What sled said.
        cause: String,
    },
}
