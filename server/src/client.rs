//! The client subcommands: one request of the public API each, printed for people or machines.

mod compose;
mod erase;
mod fulfil;
mod health;
mod operate;
mod order;
mod pay;
mod projection;
mod query;
mod refusal;
mod render;
mod report;
mod send;

use std::time::Duration;

use anyhow::{Context as _, bail};
use prost_types::Timestamp;
use proto::v1;
use tonic::transport::{Channel, Endpoint};

use crate::cli::Change;

pub(crate) use health::healthcheck;
pub(crate) use projection::{list as list_projections, rebuild};
pub(crate) use query::{count, get, history, list, lookup};
pub(crate) use refusal::{Refusal, refused};
pub(crate) use render::{json, money, print, print_values, table};
pub(crate) use report::{funnel, revenue, skus, states};

/// Connects to a service.
///
/// # Errors
/// When nobody listens there, with what to do about it.
pub(crate) async fn connect(addr: &str) -> anyhow::Result<Channel> {
    let url = if addr.contains("://") {
        addr.to_owned()
    } else {
        format!("http://{addr}")
    };
    let endpoint = Endpoint::from_shared(url.clone())
        .with_context(|| {
            format!("failed to read the address {addr:?}; try http://127.0.0.1:50051")
        })?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_adaptive_window(true);
    endpoint.connect().await.with_context(|| {
        format!("failed to reach the service at {url}; start one with `orders serve`, or name another with --addr")
    })
}

/// A span of time as queries carry it; nothing when both ends are open.
fn span(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<v1::TimeRange> {
    (start.is_some() || end.is_some()).then_some(v1::TimeRange {
        start_time: start,
        end_time: end,
    })
}

/// Sends a command.
pub(crate) async fn change(command: Change) -> anyhow::Result<()> {
    match command {
        Change::Create(arguments) => compose::create(arguments).await,
        Change::Edit(arguments) => compose::edit(arguments).await,
        Change::Place(arguments) => compose::place(arguments).await,
        Change::Authorize(arguments) => pay::authorize(arguments).await,
        Change::Pay(arguments) => pay::pay(arguments).await,
        Change::Capture(arguments) => pay::capture(arguments).await,
        Change::Void(arguments) => pay::void(arguments).await,
        Change::FailPayment(arguments) => pay::fail_payment(arguments).await,
        Change::Refund(arguments) => pay::refund(arguments).await,
        Change::Ship(arguments) => fulfil::ship(arguments).await,
        Change::Deliver(arguments) => fulfil::deliver(arguments).await,
        Change::CancelItems(arguments) => fulfil::cancel_items(arguments).await,
        Change::Cancel(arguments) => fulfil::cancel(arguments).await,
        Change::RequestReturn(arguments) => fulfil::request_return(arguments).await,
        Change::ReceiveReturn(arguments) => fulfil::receive_return(arguments).await,
        Change::Hold(arguments) => operate::hold(arguments).await,
        Change::Release(arguments) => operate::release(arguments).await,
        Change::Annotate(arguments) => operate::annotate(arguments).await,
        Change::Erase(arguments) => erase::erase(arguments).await,
    }
}

/// Imports an invoice file.
pub(crate) async fn import(arguments: crate::cli::Import) -> anyhow::Result<()> {
    let rejects = arguments.rejects.unwrap_or_else(|| {
        let name = arguments
            .file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        std::path::PathBuf::from(format!("{name}.rejects.csv"))
    });
    let import = crate::import::Import {
        file: arguments.file,
        lifecycle: arguments.lifecycle,
        rejects: rejects.clone(),
        ledger: arguments.ledger,
        lanes: arguments.lanes.into(),
        quiet: arguments.quiet,
    };
    let channel = connect(&arguments.server.addr).await?;
    let summary = import.run(channel).await?;
    if arguments.format.output == crate::cli::Output::Table {
        summary.print(&rejects);
    } else {
        crate::output::line(&serde_json::to_string(&summary)?);
    }
    if summary.refused > 0 {
        let (refused, rejects) = (summary.refused, rejects.display());
        bail!("the service refused {refused} rows and steps; {rejects} says why");
    }
    Ok(())
}
