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

use super::failed::STORE_IO;
use super::handover;
use super::name::{ADMIN, HEALTH, LOG};
use super::shared::Shared;
use crate::config::{Config, Log, Nats, Secret};

/// First and longest wait between two tries to reach NATS.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// The log with its options. The service starts without waiting for NATS, which is tried for ever.
pub(super) fn member(config: &Config, shared: &Shared) -> Member {
    let log = Component::new(config, shared)
        .stops_before([HEALTH, ADMIN])
        .stop_within(config.shutdown.stop);
    match config.log {
        Log::Embedded => log,
        Log::Nats(_) => log.in_background().retry(exponential(RETRY.0, RETRY.1)),
    }
}

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

impl Component {
    fn new(config: &Config, shared: &Shared) -> Self {
        let place = match &config.log {
            Log::Embedded => Place::Embedded(config.process.data_dir.clone()),
            Log::Nats(nats) => Place::Nats(Box::new(jetstream(&config.process.node, nats))),
        };
        Self {
            place,
            log: shared.log.clone(),
            keys: shared.keys.clone(),
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
        let open = || EmbeddedKeys::open_for(&log, directory.join("keys"));
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

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
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
        let name = &description.name;
        cx.describe(format!(
            "{name}; an acknowledged command survives {durability}"
        ));
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
                // Liveness fails with it: only a new process can tell what the disk holds.
                Availability::Failed { cause } => cx.health().failed(cause.clone()),
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

fn jetstream(node: &str, nats: &Nats) -> JetStreamConfig {
    let node = if node.is_empty() {
        format!("{}-{}", host(), std::process::id())
    } else {
        node.to_owned()
    };
    JetStreamConfig {
        urls: nats.url.0.clone(),
        credentials: credentials(nats),
        stream: nats.stream.0.clone(),
        partitions: nats.partitions.0,
        replicas: nats.replicas.0,
        max_bytes: nats.max_bytes.signed(),
        create: nats.create,
        durability: nats.durability,
        node,
        ..JetStreamConfig::new("")
    }
}

/// The configuration allows one of them at most.
fn credentials(nats: &Nats) -> Credentials {
    if let Some(path) = &nats.credentials_file {
        Credentials::File(path.clone())
    } else if let Some(Secret(token)) = &nats.token {
        Credentials::Token(token.clone())
    } else if let (Some(user), Some(Secret(password))) = (&nats.user, &nats.password) {
        Credentials::Password {
            user: user.clone(),
            password: password.clone(),
        }
    } else {
        Credentials::None
    }
}

/// Name of this machine, or of the container.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "orders" } else { name }.to_owned()
}
