//! Arguments of reports.

use clap::{Args, Subcommand};

use super::{Format, Server};

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Placed, cancelled and returned value over time.
    Revenue(Revenue),
    /// Best-selling SKUs.
    Skus(Skus),
    /// How many orders stand in which states.
    States(States),
}

#[derive(Debug, Args)]
pub(crate) struct Revenue {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// hour, day or month.
    #[arg(long, default_value = "month")]
    pub(crate) bucket: String,
    /// ISO 4217 code; empty: all, in rows of their own.
    #[arg(long, default_value = "")]
    pub(crate) currency: String,
    /// Only this channel.
    #[arg(long, default_value = "")]
    pub(crate) channel: String,
}

#[derive(Debug, Args)]
pub(crate) struct Skus {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// ISO 4217 code.
    #[arg(long, default_value = "GBP")]
    pub(crate) currency: String,
    /// How many.
    #[arg(long, default_value_t = 10)]
    pub(crate) limit: i32,
}

#[derive(Debug, Args)]
pub(crate) struct States {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// Only this channel.
    #[arg(long, default_value = "")]
    pub(crate) channel: String,
}
