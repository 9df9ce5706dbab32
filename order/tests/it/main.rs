//! Claims about the domain: pricing, and which command each state allows.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod pricing;
mod state;
