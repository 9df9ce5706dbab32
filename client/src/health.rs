//! healthcheck: the flags and exit codes of grpc-health-probe.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::error::{Error, causes};
use crate::output;
use crate::value::duration;

/// The exit codes of grpc-health-probe; 0 is serving.
const ARGUMENTS: u8 = 1;
const CONNECTION: u8 = 2;
const CALL: u8 = 3;
const NOT_SERVING: u8 = 4;

/// The flags of grpc-health-probe, with one dash or two.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// host:port of the health service; `:port` is this machine.
    #[arg(long, default_value = "127.0.0.1:50052")]
    addr: String,
    /// Service to ask for; empty: the process as a whole.
    #[arg(long, default_value = "")]
    service: String,
    /// How long to wait for the connection.
    #[arg(long, default_value = "1s")]
    connect_timeout: String,
    /// How long to wait for the answer.
    #[arg(long, default_value = "1s")]
    rpc_timeout: String,
}

/// The arguments as clap takes them: `healthcheck` also accepts the single dash of
/// grpc-health-probe.
#[must_use]
pub fn arguments(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_none_or(|it| it != "healthcheck") {
        return arguments;
    }
    let double = |argument: OsString| match argument.to_str() {
        Some(flag) if flag.len() > 2 && flag.starts_with('-') && !flag.starts_with("--") => {
            format!("-{flag}").into()
        }
        _ => argument,
    };
    arguments.into_iter().map(double).collect()
}

impl Healthcheck {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let limit = |text: &str| duration(text).map_err(|problem| failed(ARGUMENTS, problem));
        let connect_limit = limit(&self.connect_timeout)?;
        let answer_limit = limit(&self.rpc_timeout)?;
        let channel = connect(&self.addr, connect_limit, answer_limit).await?;
        check(channel, self.service, answer_limit).await
    }
}

async fn connect(addr: &str, limit: Duration, answer_limit: Duration) -> Result<Channel, Error> {
    let host = if addr.starts_with(':') {
        "127.0.0.1"
    } else {
        ""
    };
    let endpoint = Endpoint::from_shared(format!("http://{host}{addr}"));
    let endpoint = endpoint.map_err(|_invalid| {
        let text = format!("{addr:?} is not an address such as 127.0.0.1:50052");
        failed(ARGUMENTS, text)
    })?;
    let endpoint = endpoint.connect_timeout(limit).timeout(answer_limit);
    match tokio::time::timeout(limit, endpoint.connect()).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => {
            let cause = causes(&error);
            let text = format!("failed to connect to the service at {addr:?}: {cause}");
            Err(failed(CONNECTION, text))
        }
        Err(_elapsed) => {
            let text = format!("failed to connect to the service at {addr:?} within {limit:?}");
            Err(failed(CONNECTION, text))
        }
    }
}

async fn check(channel: Channel, service: String, limit: Duration) -> Result<(), Error> {
    let mut client = HealthClient::new(channel);
    let answer = client.check(HealthCheckRequest { service });
    let answer = match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(status)) => {
            let text = format!("the health check failed: {}", status.message());
            return Err(failed(CALL, text));
        }
        Err(_elapsed) => {
            let text = format!("the service did not answer the health check within {limit:?}");
            return Err(failed(CALL, text));
        }
    };
    let status = answer.status();
    let name = status.as_str_name();
    if status != ServingStatus::Serving {
        return Err(failed(
            NOT_SERVING,
            format!("the service is not healthy: {name}"),
        ));
    }
    // The exit code is the answer of a probe, whether or not anyone can read the line.
    output::line(&format!("status: {name}")).or(Ok(()))
}

fn failed(code: u8, text: impl Into<String>) -> Error {
    Error::Unhealthy {
        code,
        text: text.into(),
    }
}
