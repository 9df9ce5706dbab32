//! The read model's administration over gRPC.

mod reply;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use event_store::EventStore;
use proto::error;
use proto::token::ConsistencyToken;
use proto::v1;
use proto::v1::read_model_service_server as server;
use read_model::{NoView, Parked, Progress, Store, Task, keys};
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt as _, wrappers::WatchStream};
use tonic::{Code, Request, Response, Status};

use crate::{Job, Operator, Outcome, Refused, Retried};

/// How long `GetReadModel` waits for a token.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long `GetReadModel` waits for the log to say where it ends.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// When to ask again.
const RETRY: Duration = Duration::from_secs(1);
/// Parked orders on a page, unless the caller says otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 1_000;

/// `orders.v1.ReadModelService` over the read model of this process.
pub struct ReadModelService {
    store: Arc<Store>,
    operator: Operator,
    log: Arc<dyn EventStore>,
}

impl ReadModelService {
    /// A service over a store, what asks its runner, and the log that it folds.
    #[must_use]
    pub const fn new(store: Arc<Store>, operator: Operator, log: Arc<dyn EventStore>) -> Self {
        Self {
            store,
            operator,
            log,
        }
    }

    /// The progress, with the head of the log as it is now: what was asked a second ago would call
    /// a view that is behind up to date.
    async fn progress(&self) -> Progress {
        let head = tokio::time::timeout(HEAD_PATIENCE, self.log.head()).await;
        let mut progress = self.store.progress().borrow().clone();
        if let Ok(Ok(head)) = head {
            let last = head.last.iter().filter(|at| at.sequence > 0);
            progress.head = last.map(|at| (at.partition, at.sequence)).collect();
        }
        progress
    }
}

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl server::ReadModelService for ReadModelService {
    async fn get_read_model(
        &self,
        request: Request<v1::GetReadModelRequest>,
    ) -> Result<Response<v1::GetReadModelResponse>, Status> {
        let token = request.into_inner().consistency_token;
        if !token.is_empty() {
            self.reach(&token).await?;
        }
        let store = Arc::clone(&self.store);
        let listed = tokio::task::spawn_blocking(move || store.list()).await;
        let (generations, quarantined) = listed
            .map_err(|panic| unreadable(&panic))?
            .map_err(|error| unreadable(&error))?;
        let read_model = v1::ReadModel {
            generations,
            quarantined,
            ..reply::read_model(&self.progress().await)
        };
        let read_model = Some(read_model);
        Ok(Response::new(v1::GetReadModelResponse { read_model }))
    }

    type RebuildStream = Streamed<v1::RebuildResponse>;

    async fn rebuild(
        &self,
        request: Request<v1::RebuildRequest>,
    ) -> Result<Response<Self::RebuildStream>, Status> {
        audit(&request, "Rebuild", "");
        let job = self.operator.rebuild().await;
        let job = job.map_err(|why| self.refuse(&why))?;
        let replies = steps(job).map(|job| match job.outcome {
            Some(Outcome::GivenUp(why)) => Err(given_up(job.work.task, &why)),
            outcome => Ok(v1::RebuildResponse {
                work: Some(reply::work(&job.work)),
                outcome: outcome.as_ref().and_then(reply::rebuilt),
            }),
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn cancel_rebuild(
        &self,
        request: Request<v1::CancelRebuildRequest>,
    ) -> Result<Response<v1::CancelRebuildResponse>, Status> {
        audit(&request, "CancelRebuild", "");
        let cancelled = self.operator.cancel().await;
        let cancelled = cancelled.map_err(|why| self.refuse(&why))?;
        Ok(Response::new(v1::CancelRebuildResponse { cancelled }))
    }

    type VerifyStream = Streamed<v1::VerifyResponse>;

    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        audit(&request, "Verify", &request.get_ref().order_id);
        let order_id = request.into_inner().order_id;
        let job = self.operator.verify().await;
        let job = job.map_err(|why| self.refuse(&why))?;
        let replies = steps(job).map(move |job| match job.outcome {
            Some(Outcome::GivenUp(why)) => Err(given_up(job.work.task, &why)),
            outcome => Ok(v1::VerifyResponse {
                work: Some(reply::work(&job.work)),
                outcome: outcome
                    .as_ref()
                    .and_then(|it| reply::verified(it, &order_id)),
            }),
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn list_parked_orders(
        &self,
        request: Request<v1::ListParkedOrdersRequest>,
    ) -> Result<Response<v1::ListParkedOrdersResponse>, Status> {
        let request = request.into_inner();
        let page = match usize::try_from(request.page_size) {
            Ok(0) => PAGE,
            Ok(size) => size.min(PAGE_MAX),
            Err(_negative) => return Err(invalid("page_size", "at least 0")),
        };
        let reader = self.store.reader();
        let read = tokio::task::spawn_blocking(move || -> Result<_, Status> {
            let view = reader.view().map_err(|none| building(&none))?;
            list(&view, &request, page)
        });
        let reply = read.await.map_err(|panic| unreadable(&panic))??;
        Ok(Response::new(reply))
    }

    async fn retry_parked_order(
        &self,
        request: Request<v1::RetryParkedOrderRequest>,
    ) -> Result<Response<v1::RetryParkedOrderResponse>, Status> {
        let order_id = request.get_ref().order_id.clone();
        audit(&request, "RetryParkedOrder", &order_id);
        let retried = self.operator.retry(&order_id).await;
        match retried.map_err(|why| self.refuse(&why))? {
            Retried::Healed | Retried::NotParked => {
                Ok(Response::new(v1::RetryParkedOrderResponse {
                    healed: true,
                    parked: None,
                }))
            }
            Retried::Parked(parked) => Ok(Response::new(v1::RetryParkedOrderResponse {
                healed: false,
                parked: Some(reply::parked(order_id, &parked)),
            })),
        }
    }
}

impl ReadModelService {
    fn refuse(&self, why: &Refused) -> Status {
        let message = why.to_string();
        match why {
            Refused::Busy(task) => error::status(
                Code::FailedPrecondition,
                "READ_MODEL_BUSY",
                &format!("{message}; wait for its end, or cancel it"),
                [("task", task.name().to_owned())],
            ),
            Refused::NoView => match self.store.reader().view() {
                Err(none) => building(&none),
                Ok(_there_now) => away("the read model has just been built; ask again"),
            },
            Refused::Away(cause) => away(cause),
            Refused::Stopped => error::retryable(
                Code::Unavailable,
                "SHUTTING_DOWN",
                "this node is stopping; ask another one",
                [],
                RETRY,
            ),
        }
    }

    /// Waits until the view shows what the token asks for.
    async fn reach(&self, token: &str) -> Result<(), Status> {
        let token: ConsistencyToken = token
            .parse()
            .map_err(|_invalid| token_invalid("is not one of ours"))?;
        let mut progress = self.store.progress().subscribe();
        let identity = progress.borrow().identity;
        if identity != [0; 16] && identity != token.identity {
            return Err(token_invalid("is of another log"));
        }
        let reached = progress.wait_for(|it| it.serving && it.covers(&token.positions));
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(Ok(_reached)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let position = reply::position(&self.store.progress().borrow().positions);
                Err(error::retryable(
                    Code::Unavailable,
                    "READ_MODEL_BEHIND",
                    "the read model has not reached the token yet",
                    [("position", position)],
                    RETRY,
                ))
            }
        }
    }
}

/// A line in the log of the process for every call of an operator; the line has the time.
fn audit<T>(request: &Request<T>, call: &'static str, order_id: &str) {
    let caller = request.remote_addr();
    let caller = caller.map_or_else(|| "in process".to_owned(), |address| address.to_string());
    tracing::info!(target: "audit", call, caller, order_id, "operator call");
}

/// Every state of a job, the last one with its outcome. Who is slow misses some in between.
fn steps(job: watch::Receiver<Job>) -> impl Stream<Item = Job> + Send {
    let mut ended = false;
    WatchStream::new(job).take_while(move |job| {
        let goes_on = !ended;
        ended = job.outcome.is_some();
        goes_on
    })
}

fn list(
    view: &read_model::View,
    request: &v1::ListParkedOrdersRequest,
    page: usize,
) -> Result<v1::ListParkedOrdersResponse, Status> {
    let mut reply = v1::ListParkedOrdersResponse::default();
    let begin = keys::parked(&request.page_token);
    for entry in view.prefix(&[keys::PARKED]) {
        let (key, value) = entry.map_err(|error| unreadable(&error))?;
        let order_id = keys::order_id(&key).unwrap_or_default();
        let wanted = request.order_id.is_empty() || request.order_id == order_id;
        let seen = !request.page_token.is_empty() && key <= begin;
        if !wanted || seen {
            continue;
        }
        if reply.parked_orders.len() == page {
            let last = reply.parked_orders.last();
            reply.next_page_token = last.map_or_else(String::new, |it| it.order_id.clone());
            break;
        }
        let Some(parked) = Parked::decode(&value) else {
            view.report_damage(&format!("what is parked of {order_id} cannot be read"));
            return Err(unreadable(&"a parked order cannot be decoded"));
        };
        reply.parked_orders.push(reply::parked(order_id, &parked));
    }
    Ok(reply)
}

fn building(none: &NoView) -> Status {
    let metadata = [
        ("done", none.done.to_string()),
        ("total", none.total.to_string()),
    ];
    error::retryable(
        Code::Unavailable,
        "READ_MODEL_BUILDING",
        &format!("{none}; ask again"),
        metadata,
        RETRY,
    )
}

fn away(cause: &str) -> Status {
    error::retryable(
        Code::Unavailable,
        "READ_MODEL_UNAVAILABLE",
        cause,
        [],
        RETRY,
    )
}

fn given_up(task: Task, why: &str) -> Status {
    let task = task.name();
    let message = format!("the {task} was given up: {why}; what serves goes on serving");
    let metadata = [("task", task.to_owned()), ("cause", why.to_owned())];
    error::status(Code::Aborted, "REBUILD_GIVEN_UP", &message, metadata)
}

fn token_invalid(what: &str) -> Status {
    let message = format!("the consistency token {what}");
    error::status(Code::InvalidArgument, "TOKEN_INVALID", &message, [])
}

fn invalid(field: &str, rule: &str) -> Status {
    let message = format!("{field} must be {rule}");
    let metadata = [("field", field.to_owned()), ("rule", rule.to_owned())];
    error::status(Code::InvalidArgument, "FIELD_INVALID", &message, metadata)
}

fn unreadable(cause: &dyn std::fmt::Display) -> Status {
    tracing::error!(%cause, "failed to read the read model");
    away("the read model cannot be read now; it is healed by itself, ask again")
}
