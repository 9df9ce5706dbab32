//! Folds commits into the read model.
//!
//! ```text
//!  log ─ tail ─▶ Runner ─ Folder: decode once, check the chain, evolve the order once,
//!                  ▲             let every projection add its keys ─▶ one atomic batch
//!                  │                                                  {row, keys, checkpoint}
//!                  └ fence: is the log still the one that was folded?
//! ```
//!
//! * A [`Projection`] is the pure part: from an order before and after a commit to keys and values.
//!   [`all`] lists them; a third costs one file and one line there.
//! * A [`Folder`] folds commits one by one, checks that each follows the one before it, and parks an
//!   order whose commit it cannot fold, so that all others go on.
//! * A [`Runner`] runs it: attach, check, build, follow, rebuild, heal.
//! * An [`Operator`] asks a runner for a rebuild, a verification, another try of a parked order;
//!   [`ReadModelService`] does so over gRPC.

mod diff;
mod fold;
mod project;
mod runner;
mod service;

pub use diff::{Difference, Differences};
pub use fold::{Doubt, Folded, Folder, Mode, Retried, follows_in};
pub use project::{Change, FOLD, Keys, Orders, Projection, Projections, Reports, all};
pub use runner::{Job, Operator, Outcome, Refused, Runner, Settings, VerifyAtStart};
pub use service::ReadModelService;
