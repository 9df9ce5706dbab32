//! What must hold of every projection and of the runner that keeps it.

mod actor;
mod crash;
mod fence;
mod fold;
mod heal;
mod history;
mod log;
mod node;
mod park;
mod rebuild;
mod reports;
mod service;
