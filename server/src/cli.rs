//! The command line.

mod call;
mod change;
mod compose;
mod fulfil;
mod operate;
mod pay;
mod read;
mod report;
mod value;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use call::{Call, Format, Output, Server};
pub(crate) use change::Change;
pub(crate) use compose::{Content, Create, Denomination, Edit, NewOrder, Place};
pub(crate) use fulfil::{Cancel, CancelItems, Deliver, ReceiveReturn, RequestReturn, Ship};
pub(crate) use operate::{Annotate, Erase, Hold};
pub(crate) use pay::{
    Attempt, Authorize, Capture, FailPayment, Pay, Refund, Transaction, VoidPayment,
};
pub(crate) use read::{Count, Filter, Get, History, List, Lookup, Query, Window};
pub(crate) use report::{Funnel, Report, Revenue, Skus, States};
pub(crate) use value::{Amount, Discount, Off, word};

/// An event-sourced order service: gRPC commands, a durable log, views, gRPC queries.
#[derive(Debug, Parser)]
#[command(name = "orders", version, about, max_term_width = 100, after_help = crate::exit::CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service; what `orders` does without a subcommand.
    Serve(Serve),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(flatten)]
    Change(Box<Change>),
    /// Show one order, now or as it was.
    Get(Get),
    /// List orders by state, customer, time and more.
    List(List),
    /// Count orders.
    Count(Count),
    /// Find the orders of a payment reference or a tracking number.
    Lookup(Lookup),
    /// Show what happened to an order.
    History(History),
    /// Show a report.
    #[command(subcommand)]
    Report(Report),
    /// Place the orders of an invoice file through a running service.
    Import(Import),
    /// Look at projections, or rebuild one.
    #[command(subcommand)]
    Projection(Projection),
    /// Ask a running service for its health, like grpc-health-probe.
    Healthcheck(Healthcheck),
}

#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Flags of the settings that are changed most; `--set` reaches every other.
#[derive(Debug, Default, Args)]
pub(crate) struct Settings {
    /// Configuration file, TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What this process does: all, command or query.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Directory of the embedded log, the keys and the read model.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Any setting, for example `--set nats.replicas=3`; see `orders config show`.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value and where it came from.
    Show(Settings),
    /// Check the configuration; exit 0 when it is valid, 78 when it is not.
    Validate(Settings),
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// Invoice rows as CSV, plain or .zst.
    pub(crate) file: PathBuf,
    /// Take every order on to payment, parcels, returns and refunds, as `simulator`. The same happens
    /// to an order in every run, within a hundred days of its invoice; none may lie ahead of the
    /// server's clock.
    #[arg(long)]
    pub(crate) lifecycle: bool,
    /// Where the import's own ledger goes, as JSON: value by day, orders by final state.
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// Where rejected rows and steps go; default: the file's name with .rejects.csv, in this directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Requests in flight, at most 1,024.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) lanes: u16,
    /// No progress.
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Projection {
    /// How far every projection of the node is.
    List(ProjectionList),
    /// Build a projection anew from the start of the log, and serve the new one.
    Rebuild(ProjectionRebuild),
}

#[derive(Debug, Args)]
pub(crate) struct ProjectionList {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// Read the whole view for its digest.
    #[arg(long)]
    pub(crate) digest: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectionRebuild {
    #[command(flatten)]
    pub(crate) server: Server,
    /// orders or reports.
    pub(crate) name: String,
    /// No progress.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// The flags of grpc-health-probe, with one dash or two.
#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    /// host:port of the health service; `:port` is this machine.
    #[arg(long, default_value = "127.0.0.1:50052")]
    pub(crate) addr: String,
    /// Service to ask for; empty: the process as a whole.
    #[arg(long, default_value = "")]
    pub(crate) service: String,
    /// How long to wait for the connection.
    #[arg(long, default_value = "1s")]
    pub(crate) connect_timeout: String,
    /// How long to wait for the answer.
    #[arg(long, default_value = "1s")]
    pub(crate) rpc_timeout: String,
}

/// The arguments as clap takes them: `healthcheck` also knows grpc-health-probe's single dash.
pub(crate) fn arguments(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_none_or(|it| it != "healthcheck") {
        return arguments;
    }
    let double = |argument: OsString| match argument.to_str() {
        Some(flag) if flag.len() > 2 && flag.starts_with('-') && !flag.starts_with("--") => {
            format!("-{flag}").into()
        }
        _ => argument,
    };
    arguments.into_iter().map(double).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_fits_together() {
        Cli::command().debug_assert();
    }
}
