//! `orders import`: the invoices of a shop, through the public API.
//!
//! The file is planned first, which needs no server; then the plan is sent over many lanes. Every
//! request has a request id that is derived from its invoice or row, so an import that was
//! interrupted is simply run again. With `--lifecycle`, every order also goes on from placing to
//! payment, parcels and returns, as a hash of its id decides.

mod act;
mod book;
mod dice;
mod lane;
mod lanes;
mod ledger;
mod life;
mod life_request;
mod moment;
mod placed;
mod plan;
mod record;
mod reject;
mod request;
mod result;
mod row;
mod source;
mod summary;

use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc;

use crate::connect::{Connection, Server};
use crate::error::Error;
use crate::number::thousands;
use crate::output;
use crate::progress::Progress;
use crate::render::{Format, Output};
use crate::run::Run;
use ledger::Ledger;
use plan::Step;
use reject::Rejects;
use result::StepResult;
use summary::Summary;

#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
    /// Invoice rows as CSV, plain or compressed with zstd.
    file: PathBuf,
    /// Take every order on to payment, parcels, returns and refunds, as the actor `simulator`. An
    /// order has the same life in every run, within a hundred days of its invoice; no step may lie
    /// ahead of the clock of the server.
    #[arg(long)]
    lifecycle: bool,
    /// Write the importer's own sums to this file, as JSON: value by day, orders by final state.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write rejected rows and steps to this file; without it: the name of the input with
    /// .rejects.csv, in the current directory.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Refuse a file with more rows than this, before anything is imported. At most 5,000,000. A row
    /// takes about 500 bytes of memory.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    max_rows: u32,
    /// Requests in flight, at most 1,024.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    lanes: u16,
    /// Hide the progress on standard error. Errors and the summary are still printed.
    #[arg(long)]
    quiet: bool,
}

impl Run for Import {
    async fn run(self) -> Result<(), Error> {
        let rejects = self.rejects_file();
        let service = self.server.connect().await?;
        let summary = self.import(service, Rejects::create(&rejects)?).await?;
        match self.format.output {
            Output::Table => summary.print(&rejects)?,
            Output::Json | Output::Jsonl => output::line(&serde_json::to_string(&summary)?)?,
        }
        if summary.refused + summary.rows_unread > 0 {
            return Err(Error::Rejected(format!(
                "{} rows cannot be read, and the service refused {} rows and steps\n\
                 next: read the reasons in {}, correct the file, and import it again",
                thousands(summary.rows_unread),
                thousands(summary.refused),
                rejects.display()
            )));
        }
        Ok(())
    }
}

impl Import {
    fn rejects_file(&self) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let default = || PathBuf::from(format!("{name}.rejects.csv"));
        self.rejects.clone().unwrap_or_else(default)
    }

    /// Reads, plans, sends, and writes the rejects.
    ///
    /// # Errors
    /// When the file cannot be read, the rejects cannot be written, or the service stays away for
    /// longer than the retry budget. Running the same import again resumes it.
    async fn import(&self, service: Connection, mut rejects: Rejects) -> Result<Summary, Error> {
        let (path, max) = (self.file.clone(), self.max_rows);
        let rows = tokio::task::spawn_blocking(move || row::read(&path, max)).await??;
        let mut summary = Summary {
            rows: rows.len(),
            ..Summary::default()
        };
        let steps = plan::plan(rows, self.lifecycle);
        let commands = steps.iter().map(Step::commands).sum();
        let mut progress = Progress::counting(commands, "steps", self.quiet);
        let started = tokio::time::Instant::now();

        let (results, mut received) = mpsc::channel(1024);
        let lanes = usize::from(self.lanes);
        let sender = tokio::spawn(lanes::dispatch(steps, service, lanes, results));
        let mut ledger = Ledger::default();
        while let Some(result) = received.recv().await {
            if !matches!(result, StepResult::Ended(_)) {
                progress.step();
            }
            summary.count(result, &mut ledger, &mut rejects)?;
        }
        sender.await??;
        progress.finish();
        rejects.finish()?;
        summary.finish(ledger, started.elapsed());
        if let Some(path) = &self.ledger {
            summary.ledger.write(path)?;
        }
        Ok(summary)
    }
}
