//! One command: load, decide, append; and again, when another writer was faster.
//!
//! ```text
//!   transact ─▶ load      what is known of the order, and whether it still stands in the log
//!            ─▶ judge     replay, append, or nothing to store
//!            ─▶ append    draft ─▶ personal: the commit, sealed; stored, or found out
//! ```

mod append;
mod draft;
mod judge;
mod load;
mod personal;
mod transact;

use std::sync::{Arc, Mutex, PoisonError};

use event_store::{Epoch, EventStore, KeyStore, LogIdentity, Position, StreamId};
use order::value::{OrderId, Timestamp};
use tokio::sync::OwnedMutexGuard;

use crate::cache::Cache;
use crate::config::{Clock, Config, Entropy};
use crate::failure::Failure;
use crate::known::Known;
use crate::observe::Observer;
use crate::outage::Outage;
use crate::parse::Request;

/// Who sends a request, and in which trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The authenticated principal; empty where nobody can be.
    pub(crate) principal: String,
    /// Ties calls together.
    pub(crate) correlation_id: String,
    /// W3C trace context; empty if there is none.
    pub(crate) traceparent: String,
}

/// One command on its way.
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) caller: Caller,
    /// When it arrived.
    pub(crate) now: Timestamp,
}

/// Executes commands.
pub(crate) struct Handler {
    store: Arc<dyn EventStore>,
    keys: Arc<dyn KeyStore>,
    pub(crate) clock: Clock,
    entropy: Entropy,
    pub(crate) observer: Arc<dyn Observer>,
    cache: Cache,
    identity: Mutex<Option<(Epoch, LogIdentity)>>,
    pub(crate) outage: Outage,
}

/// An order's stream in the hands of one command.
pub(crate) struct Stream {
    id: OrderId,
    name: StreamId,
    /// Whether everything that was committed before this command is known.
    fresh: bool,
    /// Which log it is in; unknown to a command that only validates.
    identity: Option<LogIdentity>,
    known: OwnedMutexGuard<Known>,
}

impl Stream {
    /// Where a token points to.
    fn at(&self, position: Position) -> Option<(LogIdentity, Position)> {
        Some((self.identity?, position))
    }
}

impl Handler {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        keys: Arc<dyn KeyStore>,
        clock: Clock,
        config: Config,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            entropy: config.entropy,
            observer: config.observer,
            cache: Cache::new(config.cached_orders_max, config.cached_bytes_max),
            identity: Mutex::new(None),
            outage: Outage::default(),
        }
    }

    /// Which log this is: asked once in each epoch.
    async fn identity(&self) -> Result<LogIdentity, Failure> {
        let epoch = self.store.epoch();
        let known = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, identity)) = known.filter(|(since, _)| *since == epoch) {
            return Ok(identity);
        }
        let head = self.store.head().await.map_err(Failure::log)?;
        let asked = Some((epoch, head.identity));
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        Ok(head.identity)
    }
}
