//! `orders import`: a year of a shop's invoices through the public API.
//!
//! The file is planned first, which needs no server; then the plan is sent over many lanes. Steps
//! of one order stay in one lane, in order. Every request carries a request id that is derived from
//! its invoice or row, so an import that was interrupted is simply run again. With lives, every
//! order also goes on from placing to payment, parcels and returns, as a hash of its id decides.

mod ledger;
mod life;
mod plan;
mod request;
mod row;
mod send;
mod summary;

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tonic::transport::Channel;

use crate::progress::Progress;
use ledger::{Ledger, Standing, Sums};
use plan::{Reject, Step};
use proto::v1;
use summary::Summary;

/// What to import, and how.
pub(crate) struct Import {
    pub(crate) file: PathBuf,
    /// Whether orders live on after placing.
    pub(crate) lifecycle: bool,
    /// Where rejected rows and steps go.
    pub(crate) rejects: PathBuf,
    /// Where the ledger goes with every day of it.
    pub(crate) ledger: Option<PathBuf>,
    /// Requests in flight, at least 1.
    pub(crate) lanes: usize,
    pub(crate) quiet: bool,
}

/// Why a row or a step is rejected that is sound in itself.
const REFUSED_BY_SERVICE: &str = "REFUSED_BY_SERVICE";
const ORDER_REFUSED: &str = "ORDER_REFUSED";
const AFTER_REFUSAL: &str = "AFTER_REFUSAL";

/// What became of one step.
#[derive(Debug)]
enum Outcome {
    Placed {
        rows: u64,
        lines: u64,
        accepted: Accepted,
    },
    Cancelled(Accepted),
    Rejected(Vec<Reject>),
    Lived(Accepted),
    NotLived(StepReject),
    /// Not a step: where an order stands after its last one.
    Ended(Standing),
}

/// What an accepted command did.
#[derive(Debug)]
struct Accepted {
    events: u64,
    replayed: bool,
    time: i64,
    moved: Sums,
}

impl Accepted {
    fn new(receipt: &v1::Receipt, time: i64, moved: Sums) -> Self {
        Self {
            events: u64::try_from(receipt.event_count).unwrap_or(0),
            replayed: receipt.replayed,
            time,
            moved,
        }
    }
}

/// A step of a life that did not happen.
#[derive(Debug)]
struct StepReject {
    order: Arc<str>,
    step: life::Step,
    reason: &'static str,
    text: String,
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
        let steps = plan::plan(rows, self.lifecycle);
        let commands = steps.iter().map(Step::commands).sum();
        let mut rejects = Rejects::create(&self.rejects)?;
        let mut progress = Progress::new(commands, "steps", self.quiet);
        let started = tokio::time::Instant::now();

        let (outcomes, mut received) = mpsc::channel(1024);
        let sender = tokio::spawn(dispatch(steps, channel, self.lanes, outcomes));
        let mut summary = Summary {
            rows: total_rows,
            ..Summary::default()
        };
        let mut ledger = Ledger::default();
        while let Some(outcome) = received.recv().await {
            if !matches!(outcome, Outcome::Ended(_)) {
                progress.step();
            }
            summary.count(outcome, &mut ledger, &mut rejects)?;
        }
        sender.await??;
        progress.finish();
        rejects.finish()?;
        summary.ledger = ledger.finish();
        if let Some(path) = &self.ledger {
            summary.ledger.write(path)?;
        }
        summary.seconds = started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = summary.commands() as f64 / summary.seconds.max(0.001);
        summary.commands_per_second = rate.round();
        Ok(summary)
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
        let lane = send::Lane::new(channel.clone(), outcomes.clone());
        running.spawn(lane.run(steps));
    }
    for step in steps {
        let order = match &step {
            Step::Place(invoice) => Arc::clone(&invoice.number),
            Step::Cancel(cancellation) => Arc::clone(&cancellation.order),
            Step::Reject(reject) => Arc::clone(&reject.row.invoice),
            Step::Live(life) => Arc::clone(&life.order),
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

/// The rejected rows and steps, as a CSV file: the row, then reason and text.
struct Rejects(csv::Writer<File>);

impl Rejects {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_path(path)
            .with_context(|| format!("failed to create {}", path.display()))?;
        writer.write_field("Row")?;
        writer.write_record(row::HEADER.iter().chain(&["Reason", "Error"]))?;
        Ok(Self(writer))
    }

    fn row(&mut self, reject: &Reject) -> anyhow::Result<()> {
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

    /// A step stands under its order, with the command for a title; it has no row of the file.
    fn step(&mut self, reject: &StepReject) -> anyhow::Result<()> {
        self.0.write_record([
            "",
            &*reject.order,
            "",
            reject.step.act.name(),
            "",
            &request::rfc3339(reject.step.time),
            "",
            "",
            "",
            reject.reason,
            &reject.text,
        ])?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.0.flush().context("failed to write the rejects")
    }
}
