//! What the parts of the service share: the log and its keys, which may open later, the write side,
//! health and numbers.

use std::sync::Arc;

use command::CommandService;
use event_store::{Deferred, EventStore, KeyStore};
use lifecycle::Health;

use super::clock::now;
use super::metrics::Metrics;
use crate::config::Config;

pub(super) struct Shared {
    pub(super) log: Deferred<dyn EventStore>,
    pub(super) keys: Deferred<dyn KeyStore>,
    /// Served where the role says so, and used by the workers of the process itself.
    pub(super) commands: CommandService,
    pub(super) health: Health,
    pub(super) metrics: Arc<Metrics>,
}

impl Shared {
    pub(super) fn new(config: &Config) -> Self {
        let (log, keys) = (Deferred::new(), Deferred::new());
        let metrics = Arc::new(Metrics::new());
        let limits = command::Config {
            cached_orders_max: config.cache.orders.count(),
            cached_bytes_max: config.cache.bytes.memory(),
            observer: metrics.clone(),
            ..command::Config::default()
        };
        let commands = CommandService::new(
            Arc::new(log.clone()),
            Arc::new(keys.clone()),
            Arc::new(now),
            limits,
        );
        Self {
            log,
            keys,
            commands,
            health: Health::new(),
            metrics,
        }
    }

    pub(super) fn event_store(&self) -> Arc<dyn EventStore> {
        Arc::new(self.log.clone())
    }

    pub(super) fn key_store(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.keys.clone())
    }
}
