//! The durable log of one machine.
