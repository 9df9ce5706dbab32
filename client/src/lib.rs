//! Calling the service: the client half of the command line, and the importer of invoices.
//!
//! ```text
//!   Subcommand ─▶ change, query, report, read_model, parked, import, health
//!                      │ requests of orders.v1
//!                   connect ─▶ the service
//!                      │ answers, refusals
//!                   render, output ─▶ standard output
//! ```
//!
//! This crate knows the API (`proto`) and nothing else of the service: it opens no log and no view.

mod amount;
mod ask;
mod change;
mod connect;
mod error;
pub mod exit;
mod flag;
mod health;
mod import;
mod interrupt;
mod number;
mod output;
mod pages;
mod parked;
mod progress;
mod query;
mod read_model;
mod refusal;
mod render;
mod report;
mod run;
mod value;
mod word;

pub use error::Error;
pub use health::arguments;
pub use render::table;

use change::Change;
use health::Healthcheck;
use import::Import;
use parked::Parked;
use query::{Count, Explain, Get, History, List, Lookup, Watch};
use read_model::ReadModel;
use report::Report;
use run::run;

/// Everything that `orders` does as a client.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
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
    /// Show which event gave a field of an order its value.
    Explain(Explain),
    /// Show changes of orders as they are committed, until Ctrl-C.
    Watch(Box<Watch>),
    /// Show a report.
    #[command(subcommand)]
    Report(Report),
    /// Place the orders of an invoice file through a running service.
    #[command(
        after_help = "Example: orders import invoices.csv.zst --lifecycle --rejects rejects.csv\n\n\
                      The import is idempotent: running it again changes nothing, and resumes an \
                      import that was interrupted. The exit code is 65 when a row cannot be read, \
                      or when the service refused a row or a step; the file of rejects has the \
                      reasons."
    )]
    Import(Import),
    /// Show, verify or rebuild the read model of a node.
    #[command(subcommand)]
    ReadModel(ReadModel),
    /// Show or retry the orders that the read model has set aside.
    #[command(subcommand)]
    Parked(Parked),
    /// Ask a running service for its health, as grpc-health-probe does.
    #[command(
        after_help = "Example: orders healthcheck --addr 127.0.0.1:50052 --service readiness"
    )]
    Healthcheck(Healthcheck),
}

impl Subcommand {
    /// Does what the subcommand says, and prints the result.
    ///
    /// # Errors
    /// Each with a message that ends with a next step, and an exit code.
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::Change(change) => change.run().await,
            Self::Get(get) => run(get).await,
            Self::List(list) => run(list).await,
            Self::Count(count) => run(count).await,
            Self::Lookup(lookup) => run(lookup).await,
            Self::History(history) => run(history).await,
            Self::Explain(explain) => run(explain).await,
            Self::Watch(watch) => run(*watch).await,
            Self::Report(report) => report.run().await,
            Self::Import(import) => run(import).await,
            Self::ReadModel(read_model) => read_model.run().await,
            Self::Parked(parked) => parked.run().await,
            Self::Healthcheck(healthcheck) => healthcheck.run().await,
        }
    }
}
