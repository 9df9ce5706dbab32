//! Claims about the domain: pricing, which command each state allows, and what no sequence of
//! commands can break.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test fails by panicking, and its numbers are small"
)]
#![allow(
    clippy::print_stdout,
    reason = "the seed and what was reached are printed"
)]

mod abacus;
mod ask;
mod pricing;
mod sequence;
mod spec;
mod state;
mod word;
