//! read-model rebuild.

use clap::Args;
use proto::v1;
use proto::v1::read_model_service_client::ReadModelServiceClient;

use super::follow::{WorkStep, follow};
use crate::connect::Server;
use crate::error::Error;
use crate::render::{Format, print_one};
use crate::run::Run;

#[derive(Debug, Args)]
pub struct Rebuild {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
    /// Hide the progress on standard error. Errors and the outcome are still printed.
    #[arg(long)]
    quiet: bool,
}

impl WorkStep for v1::RebuildResponse {
    type Outcome = v1::RebuildOutcome;

    fn split(self) -> (Option<v1::ReadModelWork>, Option<Self::Outcome>) {
        (self.work, self.outcome)
    }
}

impl Run for Rebuild {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let mut client = ReadModelServiceClient::new(service.channel());
        let steps = client.rebuild(v1::RebuildRequest {});
        let outcome = follow("rebuild", self.quiet, steps).await?;
        print_one(&self.format, "RebuildOutcome", &outcome, text)?;
        if outcome.different {
            return Err(Error::Rejected(
                "the new read model differs from the one that it replaced: one of the two was \
                 wrong\nnext: read in the log of the node what differs, and verify the new one \
                 with `orders read-model verify`"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

fn text(outcome: &v1::RebuildOutcome) -> String {
    let compared = if outcome.different {
        "differs from the one before"
    } else {
        "equals the one before"
    };
    format!(
        "generation {} serves and {compared}; digest {}",
        outcome.generation, outcome.digest
    )
}
