//! projection list, projection rebuild.

use std::time::Duration;

use clap::{Args, Subcommand};
use proto::v1;
use proto::v1::projection_service_client::ProjectionServiceClient;

use crate::connect::Server;
use crate::error::Error;
use crate::output;
use crate::progress::Progress;
use crate::render::{Format, print};
use crate::run::{Run, run};

/// A digest reads the whole view: this is the longest time that the service lets a request take.
const DIGEST: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub enum Projection {
    /// Show the position of every projection of a node.
    #[command(after_help = "Example: orders projection list --digest")]
    List(ProjectionList),
    /// Build a projection from the start of the log, and serve the new one when it is complete.
    #[command(after_help = "Example: orders projection rebuild orders")]
    Rebuild(ProjectionRebuild),
}

impl Projection {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(list) => run(list).await,
            Self::Rebuild(rebuild) => run(rebuild).await,
        }
    }
}

#[derive(Debug, Args)]
pub struct ProjectionList {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
    /// Show the digest of every projection; this reads all of its data.
    #[arg(long)]
    digest: bool,
}

impl Run for ProjectionList {
    async fn run(self) -> Result<(), Error> {
        let service = match self.digest {
            true => self.server.connect_for(DIGEST).await?,
            false => self.server.connect().await?,
        };
        let request = v1::ListProjectionsRequest {};
        let answer = service
            .ask(request, async |channel, request| {
                ProjectionServiceClient::new(channel)
                    .list_projections(request)
                    .await
            })
            .await?;
        let mut projections = answer.projections;
        if self.digest {
            for projection in &mut projections {
                let request = v1::GetProjectionRequest {
                    name: projection.name.clone(),
                    with_digest: true,
                    ..v1::GetProjectionRequest::default()
                };
                let answer = service
                    .ask(request, async |channel, request| {
                        ProjectionServiceClient::new(channel)
                            .get_projection(request)
                            .await
                    })
                    .await?;
                *projection = answer.projection.unwrap_or_default();
            }
        }
        let header = [
            "PROJECTION",
            "GENERATION",
            "POSITION",
            "HEAD",
            "LAG",
            "PARKED",
            "DIGEST",
            "TROUBLE",
        ];
        print(&self.format, "Projection", &projections, &header, row)
    }
}

fn row(projection: &v1::Projection) -> Vec<String> {
    vec![
        projection.name.clone(),
        projection.generation.clone(),
        projection.position.clone(),
        projection.head.clone(),
        projection.lag_commits.to_string(),
        projection.parked.to_string(),
        projection.digest.clone(),
        projection.trouble.clone(),
    ]
}

#[derive(Debug, Args)]
pub struct ProjectionRebuild {
    #[command(flatten)]
    server: Server,
    /// Name of the projection: orders or reports.
    name: String,
    /// Hide the progress on standard error. Errors and the result are still printed.
    #[arg(long)]
    quiet: bool,
}

impl Run for ProjectionRebuild {
    /// Shows how far the rebuild is.
    async fn run(self) -> Result<(), Error> {
        let service = self.server.connect().await?;
        let request = v1::RebuildProjectionRequest { name: self.name };
        let mut client = ProjectionServiceClient::new(service.channel());
        let mut steps = client.rebuild_projection(request).await?.into_inner();
        let mut progress = Progress::new(0, "commits", self.quiet);
        while let Some(step) = steps.message().await? {
            let count = |commits: i64| u64::try_from(commits).unwrap_or(0);
            progress.reach(count(step.done), count(step.total));
            if let Some(promoted) = step.promoted {
                progress.finish();
                output::line(&format!(
                    "projection {} now serves generation {} at {}",
                    promoted.name, promoted.generation, promoted.position
                ))?;
            }
        }
        Ok(())
    }
}
