//! The read side: query, history and report services.
//!
//! ```text
//!  request ─▶ parse ─▶ wait for the token ─▶ view ─▶ index ─▶ rows ─▶ open ─▶ mask ─▶ reply
//!                                              └ its checkpoint is the reply's read_token
//! ```
//!
//! Orders and reports are served from the views; history, and an order as of some version or time,
//! from the log itself. Personal data is opened here, at the edge.

mod as_of;
mod fault;
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
mod time;

use std::sync::Arc;

use event_store::{EventStore, KeyStore};
use read_model::Reader;

pub use freshness::deadline;

/// `OrderQueryService`, `OrderHistoryService` and `OrderReportService` over two views and the log.
#[derive(Clone)]
pub struct QueryService(Arc<Sources>);

/// What the services read from.
struct Sources {
    orders: Reader,
    reports: Reader,
    log: Arc<dyn EventStore>,
    keys: Arc<dyn KeyStore>,
}

impl QueryService {
    /// The three services; clones share everything.
    pub fn new(
        orders: Reader,
        reports: Reader,
        log: Arc<dyn EventStore>,
        keys: Arc<dyn KeyStore>,
    ) -> Self {
        Self(Arc::new(Sources {
            orders,
            reports,
            log,
            keys,
        }))
    }
}
