//! What the crate promises, one claim per test, on a paused clock where no socket is involved.

mod build;
mod order;
mod rig;
