//! The write side: a request becomes a command, the command a decision, the decision one commit.
//!
//! ```text
//!   request ─▶ parse ─▶ order::Command ─▶ handler ─▶ order::decide ─▶ seal ─▶ append ─▶ reply
//!                │                          │  ▲           │                     │
//!                ▼                          ▼  │           ▼                     ▼
//!        every wrong field        known (cache, stream)  rejection      conflict: read, decide again
//! ```
//!
//! [`CommandService`] is all there is to see. The log decides every race; what is cached only spares
//! reads. A command is idempotent for ever by its request id, which lives in the commit itself, and
//! an append whose outcome is unknown is never reported as a failure.
//!
//! The crate knows neither a projector nor a query, reads no clock and opens no connection: log, keys,
//! clock and chance are handed to it.

mod assign;
mod cache;
mod config;
mod failure;
mod fingerprint;
mod handler;
mod known;
mod observe;
mod outage;
mod outcome;
mod parse;
mod service;

pub use config::{Clock, Config, Entropy};
pub use observe::{End, Observer};
pub use service::{CommandService, Principal};
