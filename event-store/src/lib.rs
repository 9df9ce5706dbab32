//! The log: one trait, three implementations, one contract suite.
