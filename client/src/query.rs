//! Queries about orders: get, list, count, lookup, history.

mod event;
mod filter;
mod get;
mod history;
mod list;
mod sheet;

pub(crate) use get::Get;
pub(crate) use history::History;
pub(crate) use list::{Count, List, Lookup};
