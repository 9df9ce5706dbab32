//! The read side: query, history and report services.
//!
//! ```text
//!  request ─▶ check ─▶ wait for the token ─▶ view ─▶ index ─▶ rows ─▶ open ─▶ mask ─▶ reply
//!                                              └ its checkpoint is the reply's read_token
//! ```
//!
//! Orders and reports are served from the read model (`call::Query`); history, and an order as of
//! some version or time, from the log itself (`call::Replay`). Personal data is opened here, at
//! the edge.

mod as_of;
mod blocking;
mod call;
mod caller;
mod failure;
mod fetch;
mod filter;
mod freshness;
mod history;
mod mask;
mod orders;
mod page;
mod personal;
mod reports;
mod scan;
mod schema;
mod served;
mod sort;
mod stream;
mod time;
mod watch;
mod wire;

use std::sync::Arc;

use event_store::{EventStore, KeyStore};
use read_model::Reader;
use watch::Watches;

pub use caller::deadline;
pub use watch::Messages;

/// `OrderQueryService`, `OrderHistoryService` and `OrderReportService` over the read model and the
/// log.
#[derive(Clone)]
pub struct QueryService(Arc<Sources>);

/// What the services read from.
struct Sources {
    reader: Reader,
    log: Arc<dyn EventStore>,
    keys: Arc<dyn KeyStore>,
    watches: Watches,
}

impl QueryService {
    /// The three services; clones share everything.
    pub fn new(reader: Reader, log: Arc<dyn EventStore>, keys: Arc<dyn KeyStore>) -> Self {
        Self(Arc::new(Sources {
            reader,
            log,
            keys,
            watches: Watches::default(),
        }))
    }

    /// Ends all watches, each with `SHUTTING_DOWN` and where to go on, and takes no more.
    pub fn stop_watches(&self) {
        self.0.watches.stop();
    }
}
