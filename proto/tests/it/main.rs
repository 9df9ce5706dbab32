//! The promises of the wire and of the stored bytes.

mod api;
mod arbitrary;
mod bless;
mod codec;
mod descriptor;
mod error;
mod golden;
mod history;
mod personal;
mod row;
mod sample;
