//! Folds commits into read models.
//!
//! ```text
//!  log ─ tail ─▶ runner ─ Folder: check the chain, load the row, project ─▶ one atomic batch
//!                  ▲                                                        {rows, indexes,
//!                  └ fence: is the log still the one that was folded?        checkpoint}
//! ```
//!
//! * [`Projection`] is the pure part: from an order before and after a commit to keys and values.
//!   [`Orders`] and [`Reports`] are the two there are; a third costs one file and one line where
//!   the service is put together.
//! * [`Folder`] folds commits one by one, checks that each follows the one before it, and parks an
//!   order whose commit it cannot read, so that all others go on.
//! * [`Projector`] runs it: attach, catch up, follow, rebuild.
//! * [`ProjectionService`] shows and rebuilds projections over gRPC.

mod fold;
mod project;
mod runner;
mod service;

pub use fold::Folder;
pub use project::{Batch, Orders, Projection, Reports};
pub use runner::{Projector, Rebuild, RebuildRefused, Step};
pub use service::ProjectionService;
