//! Connections to the server: how they are made and what the server must be able to do.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};

use super::MAX_RECORD_BYTES;
use super::config::{ConnectError, Credentials, JetStreamConfig};

/// Notices a dead peer after two missed answers, so within 15 s.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A server that is back must not wait for us, and must not be stormed either.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(1);

/// Appends in flight on one connection. Above it they are refused rather than queued: a queue
/// would only hide how far behind the server is.
const APPENDS_IN_FLIGHT_MAX: usize = 16_384;

/// What headers and subject add to a payload, at most.
const ENVELOPE_BYTES_MAX: usize = 2_048;

/// Oldest server whose check of the expected sequence is right, alone and replicated.
const FLOOR_SINGLE: (i64, i64, i64) = (2, 9, 10);
const FLOOR_REPLICATED: (i64, i64, i64) = (2, 11, 0);

/// Connects once. `purpose` names the connection in the server's lists.
pub(super) async fn connect<F>(
    config: &JetStreamConfig,
    purpose: &str,
    on_event: F,
) -> Result<Client, ConnectError>
where
    F: Fn(Event) + Send + Sync + 'static,
{
    let servers = servers(config)?;
    let options = options(config)
        .await?
        .name(format!("{} {purpose}", config.node))
        .event_callback(move |event| {
            on_event(event);
            std::future::ready(())
        });
    options.connect(servers).await.map_err(|error| {
        let cause = format!("{} ({error})", place(config));
        match error.kind() {
            ConnectErrorKind::ServerParse => {
                ConnectError::misconfigured(format!("the server address is not valid: {cause}"))
            }
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                ConnectError::misconfigured(format!(
                    "the server refused the credentials: {cause}; check user, token or \
                     credentials file"
                ))
            }
            ConnectErrorKind::Dns
            | ConnectErrorKind::TimedOut
            | ConnectErrorKind::Tls
            | ConnectErrorKind::Io
            | ConnectErrorKind::MaxReconnects => ConnectError::unavailable(cause),
        }
    })
}

fn servers(config: &JetStreamConfig) -> Result<Vec<ServerAddr>, ConnectError> {
    config
        .urls
        .iter()
        .map(|url| {
            url.parse().map_err(|error| {
                ConnectError::misconfigured(format!("a server address is not valid: {error}"))
            })
        })
        .collect()
}

async fn options(config: &JetStreamConfig) -> Result<ConnectOptions, ConnectError> {
    let mut options = ConnectOptions::new()
        .connection_timeout(config.connect_timeout / 2)
        .request_timeout(Some(config.read_timeout))
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts.min(6)).unwrap_or(6);
            let delay = Duration::from_millis(25) * 2_u32.pow(doublings);
            delay
                .min(RECONNECT_DELAY_MAX)
                .mul_f64(rand::random_range(0.75..1.0))
        })
        .require_tls(config.tls.required);
    if let Some(path) = &config.tls.root_certificates {
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &config.tls.client_certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(match &config.credentials {
        Credentials::None => with_credentials_of_url(options, config),
        Credentials::Password { user, password } => {
            options.user_and_password(user.clone(), password.clone())
        }
        Credentials::Token(token) => options.token(token.clone()),
        Credentials::NKey(seed) => options.nkey(seed.clone()),
        Credentials::File(path) => options.credentials_file(path).await.map_err(|error| {
            ConnectError::misconfigured(format!(
                "the credentials file {} cannot be used: {error}",
                path.display()
            ))
        })?,
    })
}

/// `nats://user:password@host` or `nats://token@host`, which the client library leaves to us.
fn with_credentials_of_url(options: ConnectOptions, config: &JetStreamConfig) -> ConnectOptions {
    let addresses = config.urls.iter().filter_map(|url| url.parse().ok());
    let Some(named) = addresses.into_iter().find(ServerAddr::has_user_pass) else {
        return options;
    };
    match (named.username(), named.password()) {
        (Some(user), Some(password)) => {
            options.user_and_password(percent_decode(user), percent_decode(password))
        }
        (Some(token), None) => options.token(percent_decode(token)),
        (None, _) => options,
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One connection and its context. A context spawns a task, so it is made once.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    pub(super) context: Context,
}

impl Connection {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self {
            context: context(client.clone(), timeout),
            client,
        }
    }

    /// Borrowed: the context gives only clones, and a clone costs as much as half an append.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the client is connected at this moment.
    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}

pub(super) fn context(client: Client, timeout: Duration) -> Context {
    ContextBuilder::new()
        .timeout(timeout)
        .max_ack_inflight(APPENDS_IN_FLIGHT_MAX)
        .backpressure_on_inflight(false)
        .build(client)
}

/// The servers for people: without user and password.
pub(super) fn place(config: &JetStreamConfig) -> String {
    let places: Vec<_> = config
        .urls
        .iter()
        .map(|url| match url.parse::<ServerAddr>() {
            Ok(addr) => format!("{}://{}:{}", addr.scheme(), addr.host(), addr.port()),
            Err(_unreadable) => "an address that is not valid".to_owned(),
        })
        .collect();
    places.join(",")
}

/// Refuses a server that is too old for what is configured, or takes too small messages.
pub(super) fn check_server(client: &Client, config: &JetStreamConfig) -> Result<(), ConnectError> {
    let version = client.server_info().version;
    let is_at_least = |(major, minor, patch)| client.is_server_compatible(major, minor, patch);
    if !is_at_least(FLOOR_SINGLE) {
        return Err(ConnectError::misconfigured(format!(
            "nats-server {version} is older than 2.9.10, whose check of the expected sequence is \
             the first that is right; upgrade the server"
        )));
    }
    if config.replicas > 1 && !is_at_least(FLOOR_REPLICATED) {
        return Err(ConnectError::misconfigured(format!(
            "nats-server {version} checks the expected sequence of replicated streams wrongly; \
             upgrade to 2.11 or later, or configure 1 replica"
        )));
    }
    let needed = MAX_RECORD_BYTES + ENVELOPE_BYTES_MAX;
    if client.max_payload() < needed {
        return Err(ConnectError::misconfigured(format!(
            "the server takes messages of {} bytes, a record needs up to {needed}; raise \
             max_payload in its configuration",
            client.max_payload()
        )));
    }
    Ok(())
}

/// Versions that stop for ever at a batched direct get (nats-server pull request 7458).
const BATCHES_HANG: [&str; 2] = ["2.12.0", "2.12.1"];

/// Whether a server may be asked for many messages with one direct get.
pub(super) fn takes_batches(client: &Client) -> bool {
    client.is_server_compatible(2, 11, 0) && !batches_hang(&client.server_info().version)
}

/// Whether a batched direct get would stop this server. Builds before a release (`2.12.1-RC.3`) have
/// the fault too.
pub(super) fn batches_hang(version: &str) -> bool {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    BATCHES_HANG.contains(&release)
}

#[cfg(test)]
mod tests {
    use super::{batches_hang, percent_decode};

    #[test]
    fn servers_that_hang_on_batches_are_known() {
        for version in ["2.12.0", "2.12.1", "2.12.1-RC.3", "2.12.0+build"] {
            assert!(batches_hang(version), "{version}");
        }
        for version in ["2.11.9", "2.12.2", "2.12.10", "2.12.15", "2.15.2", ""] {
            assert!(!batches_hang(version), "{version}");
        }
    }

    #[test]
    fn credentials_in_an_address_may_be_escaped() {
        assert_eq!(percent_decode("p%40ss%2Fword"), "p@ss/word");
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz"), "%zz");
    }
}
