//! What every command may say.

use clap::Args;
use prost_types::Timestamp;
use proto::v1;

use crate::connect::Server;
use crate::render::Format;
use crate::value::time;

/// Options of every command: what it may say, where it goes, how its answer is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Call {
    /// Makes the command idempotent for its order: when it is repeated, it gets the first answer
    /// again. Up to 64 printable characters.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Refuse the command unless the order is at this version, the one that you have read.
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

impl Call {
    /// What every command may say, as the request carries it.
    pub(crate) fn context(&self) -> v1::CommandContext {
        v1::CommandContext {
            request_id: self.request_id.clone().unwrap_or_default(),
            expected_version: self.expected_version,
            validate_only: self.validate_only,
            occur_time: self.occur_time,
            reason: self.reason.clone().unwrap_or_default(),
            ..v1::CommandContext::default()
        }
    }
}
