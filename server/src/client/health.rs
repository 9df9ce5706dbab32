//! healthcheck: grpc-health-probe's flags, words and exit codes.

use std::time::Duration;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cli;
use crate::config::duration;
use crate::output;

/// 0 serving, 1 arguments, 2 connect, 3 rpc, 4 not serving.
pub(crate) async fn healthcheck(arguments: cli::Healthcheck) -> u8 {
    let timeouts = (
        duration(&arguments.connect_timeout),
        duration(&arguments.rpc_timeout),
    );
    let (Some(connect), Some(rpc)) = timeouts else {
        output::note("error: a timeout is a duration such as 1s or 500ms");
        return 1;
    };
    let host = if arguments.addr.starts_with(':') {
        "127.0.0.1"
    } else {
        ""
    };
    let endpoint = match Endpoint::from_shared(format!("http://{host}{}", arguments.addr)) {
        Ok(endpoint) => endpoint.connect_timeout(connect).timeout(rpc),
        Err(error) => {
            output::note(&format!(
                "error: the address {:?} is none: {error}",
                arguments.addr
            ));
            return 1;
        }
    };
    let channel = match tokio::time::timeout(connect, endpoint.connect()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| error.to_string());
            output::note(&format!(
                "error: failed to connect service at {:?}: {cause}",
                arguments.addr
            ));
            return 2;
        }
        Err(_elapsed) => {
            output::note(&format!(
                "timeout: failed to connect service {:?} within {connect:?}",
                arguments.addr
            ));
            return 2;
        }
    };
    check(HealthClient::new(channel), arguments.service, rpc).await
}

async fn check(
    mut client: HealthClient<tonic::transport::Channel>,
    service: String,
    limit: Duration,
) -> u8 {
    let asked = tokio::time::timeout(limit, client.check(HealthCheckRequest { service })).await;
    match asked {
        Ok(Ok(reply)) => {
            let status = reply.into_inner().status();
            let text = format!("status: {}", status.as_str_name());
            if status == ServingStatus::Serving {
                output::line(&text);
                0
            } else {
                output::note(&format!(
                    "service unhealthy (responded with {:?})",
                    status.as_str_name()
                ));
                4
            }
        }
        Ok(Err(status)) => {
            output::note(&format!("error: health rpc failed: {}", status.message()));
            3
        }
        Err(_elapsed) => {
            output::note(&format!(
                "timeout: health rpc did not complete within {limit:?}"
            ));
            3
        }
    }
}
