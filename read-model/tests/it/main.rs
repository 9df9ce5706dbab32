//! What must hold of the read model's storage.

mod checker;
mod engine;
mod generation;
mod store;
