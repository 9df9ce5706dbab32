//! What every client subcommand takes.

use clap::{Args, ValueEnum};
use prost_types::Timestamp;

use super::value::time;

/// The default address of a client's server.
const ADDR: &str = "http://127.0.0.1:50051";

/// Where a client's server is.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Address of the service.
    #[arg(long, default_value = ADDR, env = "ORDERS_ADDR", value_name = "URL")]
    pub(crate) addr: String,
}

/// How a client prints.
#[derive(Debug, Args)]
pub(crate) struct Format {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns, for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document per line and item.
    Jsonl,
}

/// A command: where it goes, what any command may say, how its reply is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Call {
    /// Makes the command idempotent for its order: repeating it answers the first reply. Up to 64
    /// printable characters.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Refuse unless the order is at this version, the one that you looked at.
    #[arg(long, value_name = "N")]
    pub(crate) expected_version: Option<i64>,
    /// Check everything, store nothing.
    #[arg(long)]
    pub(crate) validate_only: bool,
    /// Why, for people; kept as personal data.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// When it happened, if not now: RFC 3339, for example 2010-12-01T08:26:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) occur_time: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
}
