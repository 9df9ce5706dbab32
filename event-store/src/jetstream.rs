//! The shared log.
