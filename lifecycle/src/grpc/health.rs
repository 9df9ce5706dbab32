//! The gRPC health protocol, answered from the registry.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::sync::watch;
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{self, HealthServer},
};

use crate::{Health, health::HealthSnapshot};

/// `grpc.health.v1.Health`, from the registry.
///
/// * `Check` of a name that neither a service nor an entry has: `NOT_FOUND`.
/// * `Watch` of such a name: `SERVICE_UNKNOWN`, and the stream stays open, for the name may come.
/// * `Watch` sends a status when it changes. In the drain it sends the last one and ends, so that
///   no stream holds up the stop.
pub struct HealthService {
    snapshots: watch::Receiver<Arc<HealthSnapshot>>,
}

impl HealthService {
    /// The service, ready to be added to a server.
    pub fn server(health: &Health) -> HealthServer<Self> {
        HealthServer::new(Self {
            snapshots: health.subscribe(),
        })
    }
}

#[tonic::async_trait]
impl health_server::Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let name = request.into_inner().service;
        let snapshot = self.snapshots.borrow().clone();
        match serving_status(&snapshot, &name) {
            ServingStatus::ServiceUnknown => {
                Err(Status::not_found(format!("no service is called {name:?}")))
            }
            status => Ok(Response::new(response(status))),
        }
    }

    type WatchStream = Watching;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let name = request.into_inner().service;
        let snapshots = WatchStream::new(self.snapshots.clone());
        let stream = Watching {
            name,
            snapshots,
            last: None,
            over: false,
        };
        Ok(Response::new(stream))
    }
}

/// The answer to one `Watch`.
pub struct Watching {
    name: String,
    snapshots: WatchStream<Arc<HealthSnapshot>>,
    last: Option<ServingStatus>,
    /// Draining has begun: nothing will change any more.
    over: bool,
}

impl Stream for Watching {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.over {
            let Some(snapshot) = ready!(Pin::new(&mut self.snapshots).poll_next(cx)) else {
                return Poll::Ready(None);
            };
            self.over = snapshot.draining;
            let status = serving_status(&snapshot, &self.name);
            if self.last.replace(status) != Some(status) {
                return Poll::Ready(Some(Ok(response(status))));
            }
        }
        Poll::Ready(None)
    }
}

fn serving_status(snapshot: &HealthSnapshot, name: &str) -> ServingStatus {
    match snapshot.lookup(name) {
        None => ServingStatus::ServiceUnknown,
        Some(service) if service.serving => ServingStatus::Serving,
        Some(_) => ServingStatus::NotServing,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
