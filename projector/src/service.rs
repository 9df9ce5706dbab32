//! Administration of the projections over gRPC.

use std::sync::Arc;
use std::time::Duration;

use event_store::{EventStore, Positions};
use proto::error;
use proto::token::ConsistencyToken;
use proto::v1;
use proto::v1::projection_service_server as server;
use read_model::{Progress, Store};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt as _, once};
use tonic::{Code, Request, Response, Status};

use crate::{Rebuild, RebuildRefused, Step};

/// How long `GetProjection` waits for a token.
const PATIENCE: Duration = Duration::from_secs(5);

/// `orders.v1.ProjectionService` over the projections of this process.
pub struct ProjectionService {
    log: Arc<dyn EventStore>,
    projections: Vec<(Arc<Store>, Rebuild)>,
}

impl ProjectionService {
    /// A service over projections: for each its views and what rebuilds it.
    #[must_use]
    pub fn new(log: Arc<dyn EventStore>, projections: Vec<(Arc<Store>, Rebuild)>) -> Self {
        Self { log, projections }
    }

    fn find(&self, name: &str) -> Result<&(Arc<Store>, Rebuild), Status> {
        self.projections
            .iter()
            .find(|(views, _)| views.projection() == name)
            .ok_or_else(|| {
                let known: Vec<_> = self
                    .projections
                    .iter()
                    .map(|(v, _)| v.projection())
                    .collect();
                let known = known.join(", ");
                let message = format!("there is no such projection; this node has {known}");
                let metadata = [("name", name.to_owned()), ("known", known)];
                error::status(Code::NotFound, "PROJECTION_NOT_FOUND", &message, metadata)
            })
    }

    async fn describe(&self, views: &Store, digest: bool) -> Result<v1::Projection, Status> {
        let progress = views.progress().borrow().clone();
        let head = self.log.head().await.ok().map(|head| head.last);
        let generation = views.active();
        let name = generation.name().to_owned();
        let digest = if digest {
            let read = tokio::task::spawn_blocking(move || generation.digest()).await;
            let read = read
                .map_err(|panic| internal(&panic))?
                .map_err(|error| internal(&error))?;
            read.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            String::new()
        };
        let position = at(&progress);
        let end = head.unwrap_or_else(|| of(&progress.head));
        Ok(v1::Projection {
            name: views.projection().to_owned(),
            generation: name,
            position: position.to_string(),
            head: end.to_string(),
            lag_commits: i64::try_from(position.distance_to(&end)).unwrap_or(i64::MAX),
            parked: i64::try_from(progress.parked).unwrap_or(i64::MAX),
            digest,
            trouble: progress.trouble.unwrap_or_default(),
        })
    }
}

#[tonic::async_trait]
impl server::ProjectionService for ProjectionService {
    async fn list_projections(
        &self,
        _request: Request<v1::ListProjectionsRequest>,
    ) -> Result<Response<v1::ListProjectionsResponse>, Status> {
        let mut projections = Vec::new();
        for (views, _) in &self.projections {
            projections.push(self.describe(views, false).await?);
        }
        Ok(Response::new(v1::ListProjectionsResponse { projections }))
    }

    async fn get_projection(
        &self,
        request: Request<v1::GetProjectionRequest>,
    ) -> Result<Response<v1::GetProjectionResponse>, Status> {
        let request = request.into_inner();
        let (views, _) = self.find(&request.name)?;
        if !request.consistency_token.is_empty() {
            reach(views, &request.consistency_token).await?;
        }
        let projection = Some(self.describe(views, request.with_digest).await?);
        Ok(Response::new(v1::GetProjectionResponse { projection }))
    }

    type RebuildProjectionStream = std::pin::Pin<
        Box<
            dyn tokio_stream::Stream<Item = Result<v1::RebuildProjectionResponse, Status>>
                + Send
                + 'static,
        >,
    >;

    async fn rebuild_projection(
        &self,
        request: Request<v1::RebuildProjectionRequest>,
    ) -> Result<Response<Self::RebuildProjectionStream>, Status> {
        let (views, rebuild) = self.find(&request.get_ref().name)?;
        let steps: mpsc::Receiver<Step> =
            rebuild.begin().await.map_err(|refused| match refused {
                RebuildRefused::Running => error::status(
                    Code::FailedPrecondition,
                    "REBUILD_RUNNING",
                    "a rebuild of this projection is running; wait for it to end",
                    [],
                ),
                RebuildRefused::Stopped => error::retryable(
                    Code::Unavailable,
                    "SHUTTING_DOWN",
                    "this node is stopping; ask another one",
                    [],
                    Duration::from_secs(1),
                ),
            })?;
        let views = Arc::clone(views);
        let mut promoted = false;
        let steps = ReceiverStream::new(steps).map(Some).chain(once(None));
        let replies = steps.filter_map(move |step| match step {
            Some(step) => {
                promoted |= step.promoted.is_some();
                Some(Ok(reply(&views, step)))
            }
            None if promoted => None,
            None => Some(Err(given_up())),
        });
        Ok(Response::new(Box::pin(replies)))
    }
}

/// Waits until the view shows what the token asks for.
async fn reach(views: &Store, token: &str) -> Result<(), Status> {
    let token: ConsistencyToken = token.parse().map_err(|_invalid| {
        let message = "the consistency token is not one of ours";
        error::status(Code::InvalidArgument, "TOKEN_INVALID", message, [])
    })?;
    let mut progress = views.progress().subscribe();
    let identity = progress.borrow().identity;
    if identity != [0; 16] && identity != token.identity {
        let message = "the consistency token is of another log";
        let status = error::status(Code::InvalidArgument, "TOKEN_INVALID", message, []);
        return Err(status);
    }
    let reached = progress.wait_for(|progress| progress.covers(&token.positions));
    match tokio::time::timeout(PATIENCE, reached).await {
        Ok(Ok(_reached)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(error::retryable(
            Code::Unavailable,
            "READ_MODEL_BEHIND",
            "the read model has not reached the token yet",
            [("position", at(&views.progress().borrow()).to_string())],
            Duration::from_millis(200),
        )),
    }
}

fn given_up() -> Status {
    let message =
        "the rebuild was given up, the log of the node says why; what serves goes on serving";
    error::status(Code::Aborted, "REBUILD_GIVEN_UP", message, [])
}

fn reply(views: &Store, step: Step) -> v1::RebuildProjectionResponse {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = step.done as f64 / step.elapsed.as_secs_f64().max(0.001);
    let remaining = step.remaining().and_then(|left| left.try_into().ok());
    v1::RebuildProjectionResponse {
        done: i64::try_from(step.done).unwrap_or(i64::MAX),
        total: i64::try_from(step.total).unwrap_or(i64::MAX),
        commits_per_second: rate,
        remaining,
        promoted: step.promoted.map(|generation| v1::Projection {
            name: views.projection().to_owned(),
            generation,
            position: at(&views.progress().borrow()).to_string(),
            ..v1::Projection::default()
        }),
    }
}

fn at(progress: &Progress) -> Positions {
    of(&progress.positions)
}

fn of(positions: &std::collections::BTreeMap<u32, u64>) -> Positions {
    let positions = positions.iter();
    positions
        .map(|(&partition, &sequence)| event_store::Position::new(partition, sequence))
        .collect()
}

fn internal(cause: &dyn std::fmt::Display) -> Status {
    tracing::error!(%cause, "failed to read a view");
    error::status(Code::Internal, "INTERNAL", "the view cannot be read", [])
}
