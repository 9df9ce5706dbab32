//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The default address of a client's server.
const ADDR: &str = "http://127.0.0.1:50051";

/// An event-sourced order service: gRPC commands, a durable log, views, gRPC queries.
#[derive(Debug, Parser)]
#[command(name = "orders", version, about, max_term_width = 100)]
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
    /// Create an order and place it.
    Place(Place),
    /// Show one order.
    Get(Get),
    /// List orders.
    List(List),
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

#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// A line: SKU, quantity and unit price in the currency's main unit, for example MUG:2:4.95.
    #[arg(long = "line", value_name = "SKU:QUANTITY:PRICE", required = true)]
    pub(crate) lines: Vec<String>,
    /// Id of the order; assigned if not given.
    #[arg(long)]
    pub(crate) order_id: Option<String>,
    /// ISO 4217 code.
    #[arg(long, default_value = "GBP")]
    pub(crate) currency: String,
    /// The shop's key of the customer.
    #[arg(long)]
    pub(crate) customer: Option<String>,
    /// Where the order comes from.
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Makes the command idempotent.
    #[arg(long)]
    pub(crate) request_id: Option<String>,
    /// Check everything, store nothing.
    #[arg(long)]
    pub(crate) validate_only: bool,
}

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

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) format: Format,
    /// Invoice rows as CSV, plain or .zst.
    pub(crate) file: PathBuf,
    /// Where rejected rows go; default: the file's name with .rejects.csv, in this directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Requests in flight.
    #[arg(long, default_value_t = 64)]
    pub(crate) lanes: usize,
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
pub(crate) fn arguments(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let arguments: Vec<String> = arguments.collect();
    if arguments.get(1).map(String::as_str) != Some("healthcheck") {
        return arguments;
    }
    let flag = |argument: &String| {
        argument.starts_with('-') && !argument.starts_with("--") && argument.len() > 2
    };
    let double = |argument: String| {
        if flag(&argument) {
            format!("-{argument}")
        } else {
            argument
        }
    };
    arguments.into_iter().map(double).collect()
}
