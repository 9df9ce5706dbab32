//! One lane: sends its steps one after the other, and keeps trying while the service is away.

use std::time::Duration;

use anyhow::Context as _;
use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use proto::v1::order_command_service_client::OrderCommandServiceClient;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::plan::{Cancellation, Invoice, Reject, Step};
use super::row::Row;
use super::{Outcome, request};

/// How long a lane waits for a service that is away before the import gives up.
const PATIENCE: Duration = Duration::from_secs(120);

type Client = OrderCommandServiceClient<Channel>;

/// Sends the steps of one lane until there are no more.
pub(super) async fn lane(
    mut steps: mpsc::Receiver<Step>,
    channel: Channel,
    outcomes: mpsc::Sender<Outcome>,
) -> anyhow::Result<()> {
    let mut client = OrderCommandServiceClient::new(channel);
    while let Some(step) = steps.recv().await {
        let outcome = match step {
            Step::Reject(reject) => Outcome::Rejected(vec![reject]),
            Step::Place(invoice) => place(&mut client, invoice).await?,
            Step::Cancel(cancellation) => cancel(&mut client, cancellation).await?,
        };
        if outcomes.send(outcome).await.is_err() {
            break; // the import has failed elsewhere
        }
    }
    Ok(())
}

async fn place(client: &mut Client, invoice: Invoice) -> anyhow::Result<Outcome> {
    let request = request::create(&invoice);
    let mut patience = patience();
    loop {
        match client.create_order(request.clone()).await {
            Ok(reply) => {
                return Ok(Outcome::Placed {
                    rows: (invoice.lines.len() + invoice.shipping.len()) as u64,
                    lines: invoice.lines.len() as u64,
                    pence: invoice.total,
                    replayed: reply
                        .into_inner()
                        .receipt
                        .is_some_and(|receipt| receipt.replayed),
                });
            }
            Err(status) if is_transient(&status) => wait(&mut patience, status).await?,
            Err(status) => {
                let rows = invoice.lines.into_iter().chain(invoice.shipping);
                return Ok(refused(rows, &status));
            }
        }
    }
}

async fn cancel(client: &mut Client, cancellation: Cancellation) -> anyhow::Result<Outcome> {
    let mut patience = patience();
    loop {
        let reply = if cancellation.items.is_empty() {
            let request = request::cancel_order(&cancellation);
            client
                .cancel_order(request)
                .await
                .map(|reply| reply.into_inner().receipt)
        } else {
            let request = request::cancel_items(&cancellation);
            client
                .cancel_items(request)
                .await
                .map(|reply| reply.into_inner().receipt)
        };
        match reply {
            Ok(receipt) => {
                return Ok(Outcome::Cancelled {
                    replayed: receipt.is_some_and(|r| r.replayed),
                });
            }
            Err(status) if is_transient(&status) => wait(&mut patience, status).await?,
            Err(status) => return Ok(refused([cancellation.row], &status)),
        }
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

fn refused(rows: impl IntoIterator<Item = Row>, status: &Status) -> Outcome {
    let rows = rows.into_iter().map(|row| Reject {
        row,
        reason: "REFUSED_BY_SERVICE",
        text: format!("{}: {}", reason(status), status.message()),
    });
    Outcome::Rejected(rows.collect())
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
