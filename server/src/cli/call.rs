//! What every client subcommand takes.

use clap::{Args, ValueEnum};

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
