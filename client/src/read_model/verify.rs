//! read-model verify.

use clap::Args;
use proto::v1;
use proto::v1::read_model_service_client::ReadModelServiceClient;

use super::follow::{WorkStep, follow};
use crate::connect::Server;
use crate::error::Error;
use crate::number::thousands;
use crate::render::{Format, print_one, table};
use crate::run::Run;

#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
    /// List the differences of this order only. The whole read model is compared in any case.
    #[arg(long = "order", value_name = "ORDER_ID")]
    order_id: Option<String>,
    /// Hide the progress on standard error. Errors and the outcome are still printed.
    #[arg(long)]
    quiet: bool,
}

impl WorkStep for v1::VerifyResponse {
    type Outcome = v1::VerifyOutcome;

    fn split(self) -> (Option<v1::ReadModelWork>, Option<Self::Outcome>) {
        (self.work, self.outcome)
    }
}

impl Run for Verify {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let mut client = ReadModelServiceClient::new(service.channel());
        let steps = client.verify(v1::VerifyRequest {
            order_id: self.order_id.unwrap_or_default(),
        });
        let outcome = follow("verify", self.quiet, steps).await?;
        print_one(&self.format, "VerifyOutcome", &outcome, text)?;
        if outcome.equal {
            return Ok(());
        }
        let count = u64::try_from(outcome.difference_count).unwrap_or(0);
        Err(Error::Rejected(format!(
            "the read model differs from the log in {} keys\n\
             next: build it again with `orders read-model rebuild`",
            thousands(count)
        )))
    }
}

fn text(outcome: &v1::VerifyOutcome) -> String {
    if outcome.equal {
        return format!("the read model equals the log; digest {}", outcome.digest);
    }
    let rows: Vec<Vec<String>> = outcome
        .differences
        .iter()
        .map(|difference| {
            vec![
                difference.kind.clone(),
                difference.order_id.clone(),
                difference.key.clone(),
                difference.what.clone(),
            ]
        })
        .collect();
    table(&["KIND", "ORDER", "KEY", "DIFFERENCE"], &rows)
}
