//! One lane: sends its steps one after the other, and keeps trying while the service is away.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use proto::v1;
use proto::v1::order_command_service_client::OrderCommandServiceClient;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::ledger::Sums;
use super::life::Life;
use super::plan::{Cancellation, Invoice, Reject, Step};
use super::request::Request;
use super::row::Row;
use super::{
    AFTER_REFUSAL, Accepted, ORDER_REFUSED, Outcome, REFUSED_BY_SERVICE, StepReject, life, request,
};

/// How long a lane waits for a service that is away before the import gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends the steps of some orders, one after the other.
pub(super) struct Lane {
    client: OrderCommandServiceClient<Channel>,
    outcomes: mpsc::Sender<Outcome>,
    /// Orders that the service refused.
    unplaced: HashSet<Arc<str>>,
    /// Orders of which it refused something, so that they are not what the plan says.
    astray: HashSet<Arc<str>>,
}

impl Lane {
    pub(super) fn new(channel: Channel, outcomes: mpsc::Sender<Outcome>) -> Self {
        Self {
            client: OrderCommandServiceClient::new(channel),
            outcomes,
            unplaced: HashSet::new(),
            astray: HashSet::new(),
        }
    }

    /// Sends until there are no more steps.
    ///
    /// # Errors
    /// When the service stays away.
    pub(super) async fn run(mut self, mut steps: mpsc::Receiver<Step>) -> anyhow::Result<()> {
        while let Some(step) = steps.recv().await {
            match step {
                Step::Reject(reject) => self.tell(Outcome::Rejected(vec![reject])).await?,
                Step::Place(invoice) => self.place(invoice).await?,
                Step::Cancel(cancellation) => self.cancel(cancellation).await?,
                Step::Live(life) => self.live(life).await?,
            }
        }
        Ok(())
    }

    async fn place(&mut self, invoice: Invoice) -> anyhow::Result<()> {
        let outcome = match self.send(request::create(&invoice)).await? {
            Ok(receipt) => Outcome::Placed {
                rows: (invoice.lines.len() + invoice.shipping.len()) as u64,
                lines: invoice.lines.len() as u64,
                accepted: Accepted::new(
                    &receipt,
                    invoice.time,
                    Sums {
                        orders: 1,
                        placed: invoice.total,
                        ..Sums::default()
                    },
                ),
            },
            Err(status) => {
                self.unplaced.insert(Arc::clone(&invoice.number));
                self.astray.insert(invoice.number);
                let rows = invoice.lines.into_iter().chain(invoice.shipping);
                Outcome::Rejected(rows.map(|row| refused(row, &status)).collect())
            }
        };
        self.tell(outcome).await
    }

    async fn cancel(&mut self, cancellation: Cancellation) -> anyhow::Result<()> {
        if self.unplaced.contains(&cancellation.order) {
            let reject = Reject {
                row: cancellation.row,
                reason: ORDER_REFUSED,
                text: format!("the service refused order {}", cancellation.order),
            };
            return self.tell(Outcome::Rejected(vec![reject])).await;
        }
        let outcome = match self.send(request::cancel(&cancellation)).await? {
            Ok(receipt) => Outcome::Cancelled(Accepted::new(
                &receipt,
                cancellation.row.time,
                Sums {
                    cancelled: cancellation.value,
                    ..Sums::default()
                },
            )),
            Err(status) => {
                self.astray.insert(cancellation.order);
                Outcome::Rejected(vec![refused(cancellation.row, &status)])
            }
        };
        self.tell(outcome).await
    }

    /// A refused step ends a life: what comes after it rests on it.
    async fn live(&mut self, life: Life) -> anyhow::Result<()> {
        let (order, mut book) = (life.order, life.book);
        for step in life.steps {
            let (reason, text) = if self.astray.contains(&order) {
                let text = "the service refused an earlier step of the order".to_owned();
                (AFTER_REFUSAL, text)
            } else {
                match self.send(life::request::request(&order, &step)).await? {
                    Ok(receipt) => {
                        let accepted = Accepted::new(&receipt, step.time, book.note(&step.act));
                        self.tell(Outcome::Lived(accepted)).await?;
                        continue;
                    }
                    Err(status) => (REFUSED_BY_SERVICE, text(&status)),
                }
            };
            self.astray.insert(Arc::clone(&order));
            self.tell(Outcome::NotLived(StepReject {
                order: Arc::clone(&order),
                step,
                reason,
                text,
            }))
            .await?;
        }
        if !self.unplaced.contains(&order) {
            self.tell(Outcome::Ended(book.standing())).await?;
        }
        Ok(())
    }

    /// Sends until the service accepts or refuses.
    async fn send(&mut self, request: Request) -> anyhow::Result<Result<v1::Receipt, Status>> {
        let mut patience = patience();
        loop {
            match request.clone().send(&mut self.client).await {
                Err(status) if is_transient(&status) => wait(&mut patience, status).await?,
                decided => return Ok(decided),
            }
        }
    }

    async fn tell(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        let told = self.outcomes.send(outcome).await;
        told.context("the import has failed elsewhere")
    }
}

/// Whether the same request may succeed a moment later. It is safe to send again in any case.
fn is_transient(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Aborted | Code::DeadlineExceeded | Code::Cancelled => true,
        Code::ResourceExhausted => reason(status) == "OVERLOADED",
        // A connection that was cut in the middle of a reply.
        Code::Unknown | Code::Internal => reason(status).is_empty(),
        _ => false,
    }
}

fn patience() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_millis(50))
        .with_max_interval(Duration::from_secs(2))
        .with_max_elapsed_time(Some(PATIENCE))
        .build()
}

async fn wait(patience: &mut ExponentialBackoff, status: Status) -> anyhow::Result<()> {
    match patience.next_backoff() {
        Some(delay) => {
            tokio::time::sleep(delay).await;
            Ok(())
        }
        None => Err(status).context(
            "the service stayed away; nothing is lost, run the same import again to resume",
        ),
    }
}

fn refused(row: Row, status: &Status) -> Reject {
    Reject {
        row,
        reason: REFUSED_BY_SERVICE,
        text: text(status),
    }
}

fn text(status: &Status) -> String {
    format!("{}: {}", reason(status), status.message())
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
