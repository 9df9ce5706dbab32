//! projection list, projection rebuild.

use std::time::Duration;

use proto::v1;
use proto::v1::projection_service_client::ProjectionServiceClient;

use super::{connect, print, refused};
use crate::cli;
use crate::output;
use crate::progress::Progress;

/// A digest reads the whole view: the longest that the service lets a call take.
const DIGEST: Duration = Duration::from_secs(60);

/// How far every projection is.
pub(crate) async fn list(arguments: cli::ProjectionList) -> anyhow::Result<()> {
    let channel = connect(&arguments.server.addr).await?;
    let mut client = ProjectionServiceClient::new(channel);
    let mut projections = client
        .list_projections(v1::ListProjectionsRequest {})
        .await
        .map_err(|status| refused(&status))?
        .into_inner()
        .projections;
    if arguments.digest {
        for projection in &mut projections {
            let mut request = tonic::Request::new(v1::GetProjectionRequest {
                name: projection.name.clone(),
                with_digest: true,
                ..v1::GetProjectionRequest::default()
            });
            request.set_timeout(DIGEST);
            let reply = client
                .get_projection(request)
                .await
                .map_err(|status| refused(&status))?;
            *projection = reply.into_inner().projection.unwrap_or_default();
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
    print(
        arguments.format.output,
        "Projection",
        &projections,
        &header,
        |projection| {
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
        },
    )
}

/// Rebuilds one projection, and shows how far it is.
pub(crate) async fn rebuild(arguments: cli::ProjectionRebuild) -> anyhow::Result<()> {
    let channel = connect(&arguments.server.addr).await?;
    let request = v1::RebuildProjectionRequest {
        name: arguments.name.clone(),
    };
    let mut progress = ProjectionServiceClient::new(channel)
        .rebuild_projection(request)
        .await
        .map_err(|status| refused(&status))?
        .into_inner();
    let mut bar = Progress::new(0, "commits", arguments.quiet);
    while let Some(step) = progress
        .message()
        .await
        .map_err(|status| refused(&status))?
    {
        let count = |commits: i64| u64::try_from(commits).unwrap_or(0);
        bar.reach(count(step.done), count(step.total));
        if let Some(promoted) = step.promoted {
            bar.finish();
            output::line(&format!(
                "projection {} now serves generation {} at {}",
                promoted.name, promoted.generation, promoted.position
            ));
        }
    }
    Ok(())
}
