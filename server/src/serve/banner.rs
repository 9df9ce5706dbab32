//! What is printed once everything listens: where, and three lines to try.

use lifecycle::socket::Bound;
use lifecycle::{Error, RunContext, async_trait};

use crate::config::{Config, LogFormat, without_credentials};
use crate::output;

/// Prints the addresses, then waits.
pub(super) struct Banner {
    role: &'static str,
    log: String,
    text: bool,
    admin_note: &'static str,
    bound: [(&'static str, Bound); 3],
}

impl Banner {
    pub(super) fn new(config: &Config, grpc: Bound, health: Bound, admin: Bound) -> Self {
        let log = match &config.nats {
            None => format!("embedded log in {}", config.data_dir.join("log").display()),
            Some(nats) => format!(
                "NATS JetStream at {}, stream {}",
                without_credentials(&nats.url),
                nats.stream
            ),
        };
        let hidden = config.role.serves_queries() && !config.serves_administration();
        Self {
            role: config.role.name(),
            log,
            text: config.log_format == LogFormat::Text,
            admin_note: if hidden {
                "ProjectionService is off: it is served on a loopback address only"
            } else {
                ""
            },
            bound: [("grpc", grpc), ("health", health), ("admin", admin)],
        }
    }
}

#[async_trait]
impl lifecycle::Component for Banner {
    fn name(&self) -> &str {
        "banner"
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let version = env!("CARGO_PKG_VERSION");
        output::line(&format!(
            "orders {version}, role {}, {}",
            self.role, self.log
        ));
        for (name, bound) in &self.bound {
            if let Some(address) = bound.now() {
                output::line(&format!("  {name:<8}{address}"));
            }
        }
        if !self.admin_note.is_empty() {
            output::line(&format!("  {}", self.admin_note));
        }
        if let (true, Some(address)) = (self.text, self.bound[0].1.now()) {
            let order = r#"{"currency_code":"GBP","payment_terms":"PAYMENT_TERMS_ON_ACCOUNT","lines":[{"sku":"MUG","quantity":2,"unit_price":{"currency_code":"GBP","minor_units":495}}],"place":{}}"#;
            output::line("try:");
            output::line(&format!("  grpcurl -plaintext {address} list"));
            output::line(&format!(
                "  grpcurl -plaintext -d '{order}' {address} orders.v1.OrderCommandService/CreateOrder"
            ));
            output::line(&format!(
                "  grpcurl -plaintext {address} orders.v1.OrderQueryService/ListOrders"
            ));
        }
        cx.stopping().await;
        Ok(())
    }
}
