//! One lane: sends its steps one after the other, and retries while the service is away.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use proto::v1;
use tokio::sync::mpsc;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::ledger::Sums;
use super::life::Life;
use super::plan::{Cancellation, Invoice, Step};
use super::reject::{
    AFTER_REFUSAL, ORDER_REFUSED, REFUSED_BY_SERVICE, Reject, RejectedRow, StepReject,
};
use super::request::CommandRequest;
use super::result::{Accepted, StepResult};
use super::row::Row;
use super::{life_request, request};
use crate::connect::Connection;
use crate::error::Error;

/// How long a lane waits for a service that is away before the import gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends the steps of some orders, one after the other.
pub(super) struct Lane {
    service: Connection,
    results: mpsc::Sender<StepResult>,
    /// Orders that the service refused.
    unplaced: HashSet<Arc<str>>,
    /// Orders of which it refused something, so that they are not what the plan says.
    astray: HashSet<Arc<str>>,
}

impl Lane {
    pub(super) fn new(service: Connection, results: mpsc::Sender<StepResult>) -> Self {
        Self {
            service,
            results,
            unplaced: HashSet::new(),
            astray: HashSet::new(),
        }
    }

    /// Sends until there are no more steps.
    ///
    /// # Errors
    /// When the service stays away.
    pub(super) async fn run(mut self, mut steps: mpsc::Receiver<Step>) -> Result<(), Error> {
        while let Some(step) = steps.recv().await {
            match step {
                Step::Reject(reject) => self.tell(StepResult::Rejected(vec![reject])).await?,
                Step::Place(invoice) => self.place(invoice).await?,
                Step::Cancel(cancellation) => self.cancel(cancellation).await?,
                Step::Live(life) => self.live(life).await?,
            }
        }
        Ok(())
    }

    async fn place(&mut self, invoice: Invoice) -> Result<(), Error> {
        let result = match self.send(request::create(&invoice)).await? {
            Ok(receipt) => StepResult::Placed {
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
                StepResult::Rejected(rows.map(|row| refused(row, &status)).collect())
            }
        };
        self.tell(result).await
    }

    async fn cancel(&mut self, cancellation: Cancellation) -> Result<(), Error> {
        if self.unplaced.contains(&cancellation.order) {
            let reject = Reject {
                row: RejectedRow::Read(cancellation.row),
                reason: ORDER_REFUSED,
                text: format!("the service refused order {}", cancellation.order),
            };
            return self.tell(StepResult::Rejected(vec![reject])).await;
        }
        let result = match self.send(request::cancel(&cancellation)).await? {
            Ok(receipt) => StepResult::Cancelled(Accepted::new(
                &receipt,
                cancellation.row.time,
                Sums {
                    cancelled: cancellation.value,
                    ..Sums::default()
                },
            )),
            Err(status) => {
                self.astray.insert(cancellation.order);
                StepResult::Rejected(vec![refused(cancellation.row, &status)])
            }
        };
        self.tell(result).await
    }

    /// A refused step ends a life: what comes after it rests on it.
    async fn live(&mut self, life: Life) -> Result<(), Error> {
        let (order, mut book) = (life.order, life.book);
        for step in life.steps {
            let (reason, text) = if self.astray.contains(&order) {
                let text = "the service refused an earlier step of the order".to_owned();
                (AFTER_REFUSAL, text)
            } else {
                match self.send(life_request::request(&order, &step)).await? {
                    Ok(receipt) => {
                        let accepted = Accepted::new(&receipt, step.time, book.note(&step.act));
                        self.tell(StepResult::LifeStep(accepted)).await?;
                        continue;
                    }
                    Err(status) => (REFUSED_BY_SERVICE, text(&status)),
                }
            };
            self.astray.insert(Arc::clone(&order));
            self.tell(StepResult::LifeStepRejected(StepReject {
                order: Arc::clone(&order),
                step,
                reason,
                text,
            }))
            .await?;
        }
        if !self.unplaced.contains(&order) {
            self.tell(StepResult::Ended(book.standing())).await?;
        }
        Ok(())
    }

    /// Sends until the service accepts or refuses.
    async fn send(
        &mut self,
        request: CommandRequest,
    ) -> Result<Result<v1::Receipt, Status>, Error> {
        let mut patience = patience();
        loop {
            match request.clone().send(&self.service).await {
                Err(status) if is_transient(&status) => wait(&mut patience, status).await?,
                decided => return Ok(decided),
            }
        }
    }

    async fn tell(&mut self, result: StepResult) -> Result<(), Error> {
        let told = self.results.send(result).await;
        told.map_err(|_closed| Error::Defect("another lane of the import has failed".to_owned()))
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

async fn wait(patience: &mut ExponentialBackoff, status: Status) -> Result<(), Error> {
    match patience.next_backoff() {
        Some(delay) => {
            tokio::time::sleep(delay).await;
            Ok(())
        }
        None => Err(Error::from(status)),
    }
}

fn refused(row: Row, status: &Status) -> Reject {
    Reject {
        row: RejectedRow::Read(row),
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
