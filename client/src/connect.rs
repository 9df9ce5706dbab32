//! Where the service is, and the one way to ask it something.

use std::time::Duration;

use clap::Args;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::error::Error;
use crate::value::duration;

/// The address without `--addr` and without [`VARIABLE`].
const ADDR: &str = "http://127.0.0.1:50051";

/// The environment variable that holds an address; empty is the same as not set.
const VARIABLE: &str = "ORDERS_ADDR";

/// How long one request may take without `--timeout`.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may take. A service in reach accepts in milliseconds, even across oceans.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A stream that is silent for this long is asked for a sign of life …
const SILENCE: Duration = Duration::from_secs(10);

/// … and given up when none comes within this time.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Where the service is.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Address of the service. Without it: the variable ORDERS_ADDR if it is not empty, else
    /// http://127.0.0.1:50051.
    #[arg(long, value_name = "URL")]
    addr: Option<String>,
    /// The longest time for one request, such as 500ms or 2m; 0 is no limit. Without it: 10s.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

impl Server {
    /// Connects.
    ///
    /// # Errors
    /// When the address is not usable, or nobody listens there.
    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        self.connect_for(LIMIT).await
    }

    /// Connects for requests that take longer than others: `limit` holds without `--timeout`.
    ///
    /// # Errors
    /// As [`Server::connect`].
    pub(crate) async fn connect_for(&self, limit: Duration) -> Result<Connection, Error> {
        let limit = self.timeout.unwrap_or(limit);
        let limit = (!limit.is_zero()).then_some(limit);
        let connect_limit = limit.map_or(CONNECT_LIMIT, |limit| limit.min(CONNECT_LIMIT));
        let endpoint = self.endpoint()?.connect_timeout(connect_limit);
        let channel = endpoint.connect().await;
        let url = endpoint.uri().to_string();
        let channel = channel.map_err(|error| Error::unreachable(&url, &error))?;
        Ok(Connection { channel, limit })
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let (text, origin) = match &self.addr {
            Some(given) => (given.clone(), "--addr"),
            None => match variable() {
                Some(set) => (set, VARIABLE),
                None => (ADDR.to_owned(), "the default"),
            },
        };
        let endpoint = endpoint(&text);
        endpoint.map_err(|problem| Error::Usage(format!("{origin}: {problem}")))
    }
}

/// The address that the environment names.
fn variable() -> Option<String> {
    let text = std::env::var_os(VARIABLE)?;
    (!text.is_empty()).then(|| text.to_string_lossy().into_owned())
}

/// Reads `http://HOST:PORT` or `HOST:PORT`.
///
/// # Errors
/// What is wrong, and what to write instead.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    let (scheme, host) = text.split_once("://").unwrap_or(("http", text));
    match scheme {
        "http" => {}
        "https" => {
            return Err(format!(
                "{text:?} asks for TLS, which this client does not support yet; use http:// in a \
                 trusted network only"
            ));
        }
        _ => return Err(malformed(text)),
    }
    let endpoint = Endpoint::from_shared(format!("http://{host}"));
    let endpoint = endpoint.map_err(|_invalid| malformed(text))?;
    let authority = endpoint.uri().authority().ok_or_else(|| malformed(text))?;
    let plain = authority.as_str() == authority.host();
    let path = endpoint.uri().path_and_query();
    let at_root = path.is_none_or(|path| path.as_str() == "/");
    let user = authority.as_str().contains('@');
    if authority.host().is_empty() || user || !at_root || (!plain && authority.port_u16().is_none())
    {
        return Err(malformed(text));
    }
    Ok(endpoint
        .tcp_nodelay(true)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(SILENCE)
        .keep_alive_timeout(SIGN_OF_LIFE))
}

fn malformed(text: &str) -> String {
    format!("{text:?} is not an address such as http://127.0.0.1:50051")
}

/// A service that is connected.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    channel: Channel,
    /// Of one request.
    limit: Option<Duration>,
}

impl Connection {
    /// Sends one message and waits for its answer, both within the time limit.
    ///
    /// # Errors
    /// Any status but OK.
    pub(crate) async fn ask<Q, R>(
        &self,
        message: Q,
        call: impl AsyncFnOnce(Channel, Request<Q>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
        let mut request = Request::new(message);
        let Some(limit) = self.limit else {
            return Ok(call(self.channel(), request).await?.into_inner());
        };
        request.set_timeout(limit);
        let answer = tokio::time::timeout(limit, call(self.channel(), request)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) if !is_timeout_of_transport(&status) => Err(status),
            Ok(Err(_)) | Err(_) => Err(Status::deadline_exceeded(format!(
                "the service did not answer within {limit:?}"
            ))),
        }
    }

    /// For a stream. It has no time limit; a peer that falls silent is noticed all the same.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

/// The transport keeps the same limit and may be first to notice.
fn is_timeout_of_transport(status: &Status) -> bool {
    status.code() == Code::Cancelled && status.message() == "Timeout expired"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Option<String> {
        endpoint(text).err()
    }

    #[test]
    fn addresses_are_hosts_with_or_without_scheme_and_port() {
        for good in [
            "http://127.0.0.1:50051",
            "127.0.0.1:50051",
            "orders.shop.svc:50051",
            "localhost",
            "http://[::1]:50051/",
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
    }

    #[test]
    fn a_malformed_address_is_refused_with_a_good_one() {
        for wrong in [
            "",
            "not an address",
            "http://",
            "ftp://127.0.0.1:50051",
            "127.0.0.1:99999",
            "127.0.0.1:",
            ":50051",
            "http://127.0.0.1:50051/orders",
            "http://me@127.0.0.1:50051",
        ] {
            let problem = problem(wrong).unwrap_or_else(|| panic!("{wrong:?} was taken"));
            assert!(problem.contains("http://127.0.0.1:50051"), "{problem}");
        }
    }

    #[test]
    fn https_is_refused_as_long_as_there_is_no_tls() {
        let problem = problem("https://127.0.0.1:50051").expect("refused");
        assert!(problem.contains("TLS"), "{problem}");
    }
}
