//! Arguments of queries.

use clap::Args;

use super::{Format, Server};

#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    pub(crate) order_id: String,
    /// Show at least the write that this consistency token came with.
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// As it was at this version.
    #[arg(long)]
    pub(crate) version: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// Only this customer's; may be repeated.
    #[arg(long)]
    pub(crate) customer: Vec<String>,
    /// Only in this state: draft, placed, completed or cancelled; may be repeated.
    #[arg(long)]
    pub(crate) state: Vec<String>,
    /// Placed at or after, RFC 3339.
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Placed before, RFC 3339.
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// For example "place_time desc" or "total asc".
    #[arg(long, default_value = "")]
    pub(crate) order_by: String,
    /// At most this many; 0 is all.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    pub(crate) order_id: String,
}
