//! projection list, projection rebuild.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use proto::v1;
use proto::v1::projection_service_client::ProjectionServiceClient;

use super::order::print;
use super::{connect, refused};
use crate::cli;
use crate::output;

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
            let request = v1::GetProjectionRequest {
                name: projection.name.clone(),
                with_digest: true,
                ..v1::GetProjectionRequest::default()
            };
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
    let terminal = std::io::stderr().is_terminal();
    let hidden = arguments.quiet || !terminal;
    let target = if hidden {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} commits {per_sec} ETA {eta}")
        .unwrap_or_else(|_invalid| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(None, target).with_style(style);
    while let Some(step) = progress
        .message()
        .await
        .map_err(|status| refused(&status))?
    {
        bar.set_length(u64::try_from(step.total).unwrap_or(0));
        bar.set_position(u64::try_from(step.done).unwrap_or(0));
        if !arguments.quiet && !terminal {
            let rate = step.commits_per_second;
            output::note(&format!(
                "{}/{} commits, {rate:.0}/s",
                step.done, step.total
            ));
        }
        if let Some(promoted) = step.promoted {
            bar.finish_and_clear();
            output::line(&format!(
                "projection {} now serves generation {} at {}",
                promoted.name, promoted.generation, promoted.position
            ));
        }
    }
    Ok(())
}
