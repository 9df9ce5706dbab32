//! The language of the business: what an order is, what may be asked of it, what happened to it.
//!
//! ```text
//!   Command ─┐                                   ┌─▶ Event ─▶ stored in a commit
//!            ├─▶ decide(state, command, now) ────┤
//!   State ───┘                                   └─▶ Rejection ─▶ told to the caller
//!     ▲                                                  
//!     └──────────── evolve(state, event) ◀── every event ever stored
//! ```
//!
//! The crate is pure: no clock, no randomness, no I/O, no wire format. [`decide`] is the only place
//! with guards; [`evolve`] accepts everything that was ever written and cannot fail. Money is
//! computed once, when a decision is made, and stands in the events; folding never computes it
//! again.

pub mod command;
mod decide;
pub mod event;
mod evolve;
pub mod pricing;
mod rejection;
pub mod state;
mod totals;
pub mod value;

pub use command::Command;
pub use decide::{CLOCK_GRACE_SECONDS, MAX_LINES, MAX_TAGS, Moment, allowed_states, decide};
pub use event::Event;
pub use evolve::evolve;
pub use rejection::{Rejection, Violation};
pub use state::Order;
pub use totals::Totals;
