//! Arguments of reports.

use clap::{Args, Subcommand};
use proto::v1::Bucket;

use super::value::choice;
use super::{Query, Window};

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Placed, cancelled and returned value over time; bounds are whole UTC hours.
    #[command(
        after_help = "Example: orders report revenue --bucket day --since 2010-12-01T00:00:00Z"
    )]
    Revenue(Revenue),
    /// Best-selling SKUs; bounds are whole UTC days.
    #[command(after_help = "Example: orders report skus --currency GBP --limit 20")]
    Skus(Skus),
    /// How many orders stand in which states.
    #[command(after_help = "Example: orders report states --channel web")]
    States(States),
    /// How far the orders created in a time came; bounds are whole UTC days.
    #[command(after_help = "Example: orders report funnel --since 2010-12-01T00:00:00Z")]
    Funnel(Funnel),
}

#[derive(Debug, Args)]
pub(crate) struct Revenue {
    #[command(flatten)]
    pub(crate) window: Window,
    /// What one row sums up.
    #[arg(long, default_value = "month", value_parser = choice(Bucket::as_str_name))]
    pub(crate) bucket: Bucket,
    /// ISO 4217 code; empty: all, in rows of their own.
    #[arg(long, default_value = "")]
    pub(crate) currency: String,
    /// Only this channel.
    #[arg(long, default_value = "")]
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
pub(crate) struct Skus {
    #[command(flatten)]
    pub(crate) window: Window,
    /// ISO 4217 code.
    #[arg(long, default_value = "GBP")]
    pub(crate) currency: String,
    /// How many.
    #[arg(long, default_value_t = 10)]
    pub(crate) limit: i32,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
pub(crate) struct States {
    /// Only this channel.
    #[arg(long, default_value = "")]
    pub(crate) channel: String,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
pub(crate) struct Funnel {
    #[command(flatten)]
    pub(crate) window: Window,
    #[command(flatten)]
    pub(crate) query: Query,
}
