//! read-model show, read-model rebuild.

use clap::{Args, Subcommand};
use proto::v1;
use proto::v1::read_model_service_client::ReadModelServiceClient;

use crate::connect::Server;
use crate::error::Error;
use crate::output;
use crate::progress::Progress;
use crate::render::{Format, print};
use crate::run::{Run, run};

#[derive(Debug, Subcommand)]
pub enum ReadModel {
    /// Show how far the read model of a node is, and its digest.
    #[command(after_help = "Example: orders read-model show")]
    Show(ReadModelShow),
    /// Build the read model from the start of the log beside the one that serves, and serve it.
    #[command(after_help = "Example: orders read-model rebuild")]
    Rebuild(ReadModelRebuild),
}

impl ReadModel {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::Show(show) => run(show).await,
            Self::Rebuild(rebuild) => run(rebuild).await,
        }
    }
}

#[derive(Debug, Args)]
pub struct ReadModelShow {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

impl Run for ReadModelShow {
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let request = v1::GetReadModelRequest::default();
        let answer = service
            .ask(request, async |channel, request| {
                ReadModelServiceClient::new(channel)
                    .get_read_model(request)
                    .await
            })
            .await?;
        let read_model = answer.read_model.unwrap_or_default();
        let header = [
            "GENERATION",
            "POSITION",
            "HEAD",
            "LAG",
            "PARKED",
            "DIGEST",
            "TROUBLE",
        ];
        print(&self.format, "ReadModel", &[read_model], &header, row)
    }
}

fn row(shown: &v1::ReadModel) -> Vec<String> {
    vec![
        shown.generation.clone(),
        shown.position.clone(),
        shown.head.clone(),
        shown.lag_commits.to_string(),
        shown.parked.to_string(),
        shown.digest.clone(),
        shown.trouble.clone(),
    ]
}

#[derive(Debug, Args)]
pub struct ReadModelRebuild {
    #[command(flatten)]
    server: Server,
    /// Hide the progress on standard error. Errors and the result are still printed.
    #[arg(long)]
    quiet: bool,
}

impl Run for ReadModelRebuild {
    /// Shows how far the rebuild is.
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let mut client = ReadModelServiceClient::new(service.channel());
        let mut steps = client.rebuild(v1::RebuildRequest {}).await?.into_inner();
        let mut progress = Progress::new(0, "commits", self.quiet);
        while let Some(step) = steps.message().await? {
            let work = step.work.unwrap_or_default();
            let count = |commits: i64| u64::try_from(commits).unwrap_or(0);
            progress.reach(count(work.done), count(work.total));
            if let Some(outcome) = step.outcome {
                progress.finish();
                let compared = match outcome.different {
                    true => "it differs from the one before: the log of the node says in what",
                    false => "it is the same as the one before",
                };
                output::line(&format!(
                    "generation {} serves, digest {}; {compared}",
                    outcome.generation, outcome.digest
                ))?;
            }
        }
        Ok(())
    }
}
