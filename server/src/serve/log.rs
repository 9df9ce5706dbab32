//! The log as a component: opens the embedded one, or reaches for NATS until it is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event_store::embedded::{Embedded, OpenError};
use event_store::jetstream::{ConnectError, Credentials, JetStream, JetStreamConfig};
use event_store::keys::{CachedKeys, EmbeddedKeys};
use event_store::{Availability, Deferred, Durability, EventStore, KeyStore};
use lifecycle::{
    ComponentExt as _, Error, Member, RunContext, StartContext, StopContext, async_trait,
    exponential,
};

use super::{ADMIN, HEALTH, LOG, Parts, handover};
use crate::config::{Config, NatsConfig};

/// First and longest wait between two tries to reach NATS.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
/// A store that cannot be opened: exit code of the process.
const STORE_IO: u8 = 74;

/// Opens the log and its keys, hands them in, watches them, closes them.
struct Component {
    place: Place,
    log: Deferred<dyn EventStore>,
    keys: Deferred<dyn KeyStore>,
    opened: Option<Opened>,
}

enum Place {
    Embedded(PathBuf),
    Nats(Box<JetStreamConfig>),
}

enum Opened {
    Embedded {
        log: Arc<Embedded>,
        keys: Arc<CachedKeys<EmbeddedKeys>>,
    },
    Nats(Arc<JetStream>),
}

/// The log with its options. The rest of the service starts without waiting for NATS, which is tried
/// for ever.
pub(super) fn member(config: &Config, parts: &Parts) -> Member {
    let log = Component::new(config, parts)
        .stops_before([HEALTH, ADMIN])
        .stop_within(config.stop);
    match config.nats {
        None => log,
        Some(_) => log.in_background().retry(exponential(RETRY.0, RETRY.1)),
    }
}

impl Component {
    fn new(config: &Config, parts: &Parts) -> Self {
        let place = match &config.nats {
            None => Place::Embedded(config.data_dir.clone()),
            Some(nats) => Place::Nats(Box::new(jetstream(config, nats))),
        };
        Self {
            place,
            log: parts.log.clone(),
            keys: parts.keys.clone(),
            opened: None,
        }
    }

    async fn open_embedded(&self, directory: &std::path::Path) -> Result<Opened, Error> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::permanent(format!("failed to open the embedded log: {error}"))
                .with_exit_code(STORE_IO)
        };
        let is_in_use = |error: &OpenError| matches!(error, OpenError::InUse { .. });
        let open = || Embedded::open(directory.join("log"));
        let log = handover::open("log", open, is_in_use).await;
        let log = log.map_err(|error| failed(&error))?;
        let open = || EmbeddedKeys::open(directory.join("keys"));
        let keys = handover::open("keys", open, is_in_use).await;
        let keys = keys.map_err(|error| failed(&error))?;
        let (log, keys) = (Arc::new(log), Arc::new(CachedKeys::new(keys)));
        self.log.set(log.clone());
        self.keys.set(keys.clone());
        Ok(Opened::Embedded { log, keys })
    }

    async fn connect(&self, config: &JetStreamConfig) -> Result<Opened, Error> {
        let failed = |error: ConnectError| {
            if error.is_permanent() {
                Error::permanent(error)
            } else {
                Error::new(error)
            }
        };
        let log = JetStream::connect(config.clone()).await.map_err(failed)?;
        let keys = log.keys().await.map_err(failed)?;
        let log = Arc::new(log);
        self.log.set(log.clone());
        self.keys.set(Arc::new(CachedKeys::new(keys)));
        Ok(Opened::Nats(log))
    }
}

#[async_trait]
impl lifecycle::Component for Component {
    fn name(&self) -> &str {
        LOG
    }

    async fn start(&mut self, _cx: &StartContext) -> Result<(), Error> {
        let opened = match &self.place {
            Place::Embedded(directory) => self.open_embedded(directory).await?,
            Place::Nats(config) => self.connect(config).await?,
        };
        let description = self.log.describe();
        let durability = match description.durability {
            Durability::Memory => "nothing: the records are in memory",
            Durability::PageCache => "kill -9, not a power cut",
            Durability::Fsync => "a power cut",
        };
        tracing::info!(
            log = description.name,
            acknowledged_survives = durability,
            "log open"
        );
        for warning in &description.warnings {
            tracing::warn!(warning, "log");
        }
        self.opened = Some(opened);
        Ok(())
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let mut availability = self.log.availability();
        loop {
            match &*availability.borrow_and_update() {
                Availability::Available => cx.health().ready(),
                Availability::Unavailable { cause } => cx.health().not_ready(cause.clone()),
            }
            tokio::select! {
                () = cx.stopping() => return Ok(()),
                changed = availability.changed() => {
                    if changed.is_err() {
                        cx.stopping().await;
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        match self.opened.take() {
            Some(Opened::Embedded { log, keys }) => {
                log.close().await;
                keys.store().close().await;
            }
            Some(Opened::Nats(log)) => log.close().await,
            None => {}
        }
        Ok(())
    }
}

fn jetstream(config: &Config, nats: &NatsConfig) -> JetStreamConfig {
    let credentials = match (
        &nats.credentials_file,
        &nats.token,
        &nats.user,
        &nats.password,
    ) {
        (Some(path), _, _, _) => Credentials::File(path.clone()),
        (None, Some(token), _, _) => Credentials::Token(token.0.clone()),
        (None, None, Some(user), Some(password)) => Credentials::Password {
            user: user.clone(),
            password: password.0.clone(),
        },
        _ => Credentials::None,
    };
    let node = if config.node.is_empty() {
        format!("{}-{}", host(), std::process::id())
    } else {
        config.node.clone()
    };
    JetStreamConfig {
        urls: nats
            .url
            .split(',')
            .map(|url| url.trim().to_owned())
            .collect(),
        credentials,
        stream: nats.stream.clone(),
        partitions: nats.partitions,
        replicas: nats.replicas,
        max_bytes: nats.max_bytes,
        create: nats.create,
        durability: if nats.fsync {
            Durability::Fsync
        } else {
            Durability::PageCache
        },
        node,
        ..JetStreamConfig::new(nats.url.clone())
    }
}

/// Name of this machine, or of the container.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "orders" } else { name }.to_owned()
}
