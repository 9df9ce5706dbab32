//! `orders import`: a year of a shop's invoices through the public API.
//!
//! The file is planned first, which needs no server; then the plan is sent over many lanes. Steps
//! of one order stay in one lane, in order. Every request carries a request id that is derived from
//! its invoice or row, so an import that was interrupted is simply run again.

mod plan;
mod request;
mod row;
mod send;

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use tokio::sync::mpsc;
use tonic::transport::Channel;

use crate::progress::Progress;
use plan::{Reject, Step};

/// What to import, and how.
pub(crate) struct Import {
    pub(crate) file: PathBuf,
    /// Where rejected rows go.
    pub(crate) rejects: PathBuf,
    /// Requests in flight.
    pub(crate) lanes: usize,
    pub(crate) quiet: bool,
}

/// What an import did. Amounts are pence.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) rejected_by_reason: BTreeMap<String, u64>,
    pub(crate) orders_placed: u64,
    pub(crate) order_lines: u64,
    pub(crate) placed_rows: u64,
    pub(crate) gross_pence: i64,
    pub(crate) cancellations: u64,
    /// Commands whose request id the service already knew.
    pub(crate) replayed: u64,
    pub(crate) seconds: f64,
    pub(crate) commands_per_second: f64,
}

/// What became of one step.
enum Outcome {
    Placed {
        rows: u64,
        lines: u64,
        pence: i64,
        replayed: bool,
    },
    Cancelled {
        replayed: bool,
    },
    Rejected(Vec<Reject>),
}

impl Import {
    /// Reads, plans, sends, and writes the rejects.
    ///
    /// # Errors
    /// When the file cannot be read, the rejects cannot be written, or the service stays away for
    /// longer than the retry budget. Running the same import again resumes.
    pub(crate) async fn run(self, channel: Channel) -> anyhow::Result<Summary> {
        let path = self.file.clone();
        let rows = tokio::task::spawn_blocking(move || row::read(&path)).await??;
        let total_rows = rows.len() as u64;
        let steps = plan::plan(rows);
        let mut rejects = Rejects::create(&self.rejects)?;
        let mut progress = Progress::new(steps.len() as u64, "steps", self.quiet);
        let started = tokio::time::Instant::now();

        let (outcomes, mut received) = mpsc::channel(1024);
        let sender = tokio::spawn(dispatch(steps, channel, self.lanes.max(1), outcomes));
        let mut summary = Summary {
            rows: total_rows,
            ..Summary::default()
        };
        while let Some(outcome) = received.recv().await {
            progress.step();
            summary.count(outcome, &mut rejects)?;
        }
        sender.await??;
        progress.finish();
        rejects.finish()?;
        summary.seconds = started.elapsed().as_secs_f64();
        let commands = summary.orders_placed + summary.cancellations;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = commands as f64 / summary.seconds.max(0.001);
        summary.commands_per_second = rate.round();
        Ok(summary)
    }
}

impl Summary {
    fn count(&mut self, outcome: Outcome, rejects: &mut Rejects) -> anyhow::Result<()> {
        match outcome {
            Outcome::Placed {
                rows,
                lines,
                pence,
                replayed,
            } => {
                self.rows_accepted += rows;
                self.placed_rows += rows;
                self.orders_placed += 1;
                self.order_lines += lines;
                self.gross_pence += pence;
                self.replayed += u64::from(replayed);
            }
            Outcome::Cancelled { replayed } => {
                self.rows_accepted += 1;
                self.cancellations += 1;
                self.replayed += u64::from(replayed);
            }
            Outcome::Rejected(rows) => {
                for reject in rows {
                    self.rows_rejected += 1;
                    *self
                        .rejected_by_reason
                        .entry(reject.reason.to_owned())
                        .or_default() += 1;
                    rejects.write(&reject)?;
                }
            }
        }
        Ok(())
    }
}

/// Hands every step to the lane of its order; ends when all lanes have.
async fn dispatch(
    steps: Vec<Step>,
    channel: Channel,
    lanes: usize,
    outcomes: mpsc::Sender<Outcome>,
) -> anyhow::Result<()> {
    let mut running = tokio::task::JoinSet::new();
    let mut inputs = Vec::with_capacity(lanes);
    for _ in 0..lanes {
        let (input, steps) = mpsc::channel::<Step>(4);
        inputs.push(input);
        running.spawn(send::lane(steps, channel.clone(), outcomes.clone()));
    }
    for step in steps {
        let order = match &step {
            Step::Place(invoice) => Arc::clone(&invoice.number),
            Step::Cancel(cancellation) => Arc::clone(&cancellation.order),
            Step::Reject(reject) => Arc::clone(&reject.row.invoice),
        };
        let lane = lane_of(&order, lanes);
        if inputs
            .get(lane)
            .map(|input| input.send(step))
            .context("lane")?
            .await
            .is_err()
        {
            break; // the lane has failed; its error is collected below
        }
    }
    drop(inputs);
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

fn lane_of(order: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    order.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or(0)
}

/// The rejected rows, as a CSV file: the row, then reason and text.
struct Rejects(csv::Writer<File>);

impl Rejects {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_path(path)
            .with_context(|| format!("failed to create {}", path.display()))?;
        writer.write_field("Row")?;
        writer.write_record(row::HEADER.iter().chain(&["Reason", "Error"]))?;
        Ok(Self(writer))
    }

    fn write(&mut self, reject: &Reject) -> anyhow::Result<()> {
        let row = &reject.row;
        let price = match row.price {
            row::Price::Pence(pence) => format!("{pence}p"),
            row::Price::SubPenny => "below a penny".to_owned(),
        };
        self.0.write_record([
            &row.number.to_string(),
            &*row.invoice,
            &row.sku,
            &row.title,
            &row.quantity.to_string(),
            &request::rfc3339(row.time),
            &price,
            &row.customer,
            &row.country,
            reject.reason,
            &reject.text,
        ])?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.0.flush().context("failed to write the rejects")
    }
}
