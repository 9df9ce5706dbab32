//! The line that says that the service is ready, and where; on a terminal also three commands to
//! try.

use std::convert::Infallible;
use std::io::Write as _;

use lifecycle::Health;
use lifecycle::health::READINESS;
use lifecycle::socket::Bound;

use crate::config::{Config, Log, LogFormat};

/// What the line says.
pub(super) struct Announcement {
    pub(super) grpc: Bound,
    pub(super) health: Bound,
    pub(super) admin: Bound,
    log: String,
    role: &'static str,
    administration: Option<&'static str>,
    tour: bool,
}

impl Announcement {
    pub(super) fn new(config: &Config, terminal: bool, [grpc, health, admin]: [Bound; 3]) -> Self {
        let text = config.logging.format.or(LogFormat::Text) == LogFormat::Text;
        let hidden = config.process.role.serves_queries() && !config.serves_administration();
        Self {
            grpc,
            health,
            admin,
            log: place(config),
            role: config.process.role.name(),
            administration: hidden.then_some("off: it is served on a loopback address only"),
            tour: terminal && text,
        }
    }

    /// Waits until the process is ready, says so once, and never ends.
    pub(super) async fn when_ready(&self, health: &Health) -> Infallible {
        let mut snapshots = health.subscribe();
        let ready = snapshots.wait_for(|snapshot| {
            let readiness = snapshot.lookup(READINESS);
            readiness.is_some_and(|readiness| readiness.serving)
        });
        if ready.await.is_ok() {
            self.say();
        }
        std::future::pending().await
    }

    fn say(&self) {
        let address = |bound: &Bound| bound.now().map(|address| address.to_string());
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            role = self.role,
            log = self.log,
            grpc = address(&self.grpc),
            health = address(&self.health),
            admin = address(&self.admin),
            administration = self.administration,
            "ready"
        );
        if let (true, Some(address)) = (self.tour, address(&self.grpc)) {
            // A terminal that is gone reads no tour.
            drop(
                std::io::stdout()
                    .lock()
                    .write_all(tour(&address).as_bytes()),
            );
        }
    }
}

fn place(config: &Config) -> String {
    match &config.log {
        Log::Embedded => {
            let folder = config.process.data_dir.join("log");
            format!("embedded log in {}", folder.display())
        }
        Log::Nats(nats) => {
            format!("NATS JetStream at {}, stream {}", nats.url, nats.stream.0)
        }
    }
}

fn tour(grpc: &str) -> String {
    let order = r#"{"currency_code":"GBP","payment_terms":"PAYMENT_TERMS_ON_ACCOUNT","lines":[{"sku":"MUG","quantity":2,"unit_price":{"currency_code":"GBP","minor_units":495}}],"place":{}}"#;
    format!(
        "\ntry in a second terminal:
  grpcurl -plaintext {grpc} list
  grpcurl -plaintext -d '{order}' {grpc} orders.v1.OrderCommandService/CreateOrder
  grpcurl -plaintext {grpc} orders.v1.OrderQueryService/ListOrders\n\n"
    )
}
