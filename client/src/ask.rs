//! What every query takes, and the time spans of some.

use clap::Args;
use prost_types::Timestamp;
use proto::v1;

use crate::connect::Server;
use crate::render::Format;
use crate::value::time;

/// Options of every query: where it goes, how fresh the answer must be, how it is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every query")]
pub(crate) struct Asking {
    /// Show at least the write that returned this consistency token.
    #[arg(long)]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// A span of time.
#[derive(Debug, Args)]
pub(crate) struct Window {
    /// At or after this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Before this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
}

impl Window {
    pub(crate) fn range(&self) -> Option<v1::TimeRange> {
        span(self.since, self.until)
    }
}

/// A span of time as queries carry it; nothing when both ends are open.
pub(crate) fn span(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<v1::TimeRange> {
    (start.is_some() || end.is_some()).then_some(v1::TimeRange {
        start_time: start,
        end_time: end,
    })
}
