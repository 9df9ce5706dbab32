//! Queries about orders: get, list, count, lookup, history, explain, watch.

mod event;
mod explain;
mod filter;
mod get;
mod history;
mod list;
mod sheet;
mod watch;

pub(crate) use explain::Explain;
pub(crate) use get::Get;
pub(crate) use history::History;
pub(crate) use list::{Count, List, Lookup};
pub(crate) use watch::Watch;
