//! The orders service: one binary.
fn main() {}
