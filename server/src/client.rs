//! The client subcommands: one request of the public API each, printed for people or machines.

mod health;
mod order;
mod projection;
mod render;
mod report;

use std::time::Duration;

use anyhow::Context as _;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

pub(crate) use health::healthcheck;
pub(crate) use order::{get, history, list, place};
pub(crate) use projection::{list as list_projections, rebuild};
pub(crate) use render::{json, money, table};
pub(crate) use report::{revenue, skus, states};

/// Connects to a service.
///
/// # Errors
/// When nobody listens there, with what to do about it.
pub(crate) async fn connect(addr: &str) -> anyhow::Result<Channel> {
    let url = if addr.contains("://") { addr.to_owned() } else { format!("http://{addr}") };
    let endpoint = Endpoint::from_shared(url.clone())
        .with_context(|| format!("failed to read the address {addr:?}; try http://127.0.0.1:50051"))?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_adaptive_window(true);
    endpoint.connect().await.with_context(|| {
        format!("failed to reach the service at {url}; start one with `orders serve`, or name another with --addr")
    })
}

/// A refused request as an error for people: reason, message and every field violation.
pub(crate) fn refused(status: &Status) -> anyhow::Error {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone());
    let mut text = format!("{reason}: {}", status.message());
    for violation in details.bad_request().map(|bad| &bad.field_violations[..]).unwrap_or_default() {
        text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
    }
    anyhow::Error::msg(text)
}
