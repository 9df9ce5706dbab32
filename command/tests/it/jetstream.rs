//! The same tests over a log in NATS JetStream.

#[path = "../../../event-store/tests/it/jetstream/server.rs"]
#[allow(dead_code, reason = "the log's own tests do more to a server")]
mod server;

use std::sync::Arc;
use std::time::Duration;

use event_store::jetstream::{JetStream, JetStreamConfig};

use crate::fixture::World;
use server::Server;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server whose store can be put back to an earlier state.
pub(crate) struct Restorable(Server);

impl Restorable {
    /// `None`, said aloud, without the program.
    pub(crate) async fn start() -> Option<Self> {
        Server::start("nats-server").await.map(Self)
    }

    pub(crate) async fn connect(&self) -> Arc<JetStream> {
        let log = JetStream::connect(JetStreamConfig::new(self.0.url())).await;
        Arc::new(log.expect("connected"))
    }

    pub(crate) async fn back_up(&mut self) {
        self.0.back_up().await;
    }

    pub(crate) async fn restore(&mut self) {
        self.0.restore().await;
    }
}

/// Runs a test over a server of its own; says so where there is none.
pub(crate) async fn with_server<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let Some(server) = Server::start("nats-server").await else {
        return;
    };
    let log = JetStream::connect(JetStreamConfig::new(server.url())).await;
    test(World::over(Arc::new(log.expect("connected")))).await;
}

/// Each function over a [`World`] as two tests.
macro_rules! over_both_logs {
    ($($name:ident,)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::fixture::World::new()).await;
            })*
        }

        mod jetstream {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::jetstream::with_server(super::$name).await;
            })*
        }
    };
}
pub(crate) use over_both_logs;
