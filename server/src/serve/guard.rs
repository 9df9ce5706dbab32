//! What stands before every handler: a limit of requests in flight, the caller's deadline, and a net
//! under panics.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// A request without a deadline.
const DEFAULT: Duration = Duration::from_secs(10);
/// No request may take longer.
const LONGEST: Duration = Duration::from_secs(60);
/// When to come back after load was shed.
const RETRY: Duration = Duration::from_millis(100);

/// Path of the service whose calls may have done something.
const COMMANDS: &str = "/orders.v1.OrderCommandService/";

/// The layer; clones share the limit.
#[derive(Clone)]
pub(super) struct Guard(Arc<Semaphore>);

/// A service behind the guard.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    room: Arc<Semaphore>,
}

impl Guard {
    pub(super) fn new(concurrency: usize) -> Self {
        Self(Arc::new(Semaphore::new(concurrency)))
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            room: Arc::clone(&self.0),
        }
    }
}

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            let message = "too many requests are in flight; come back in a moment";
            let status =
                proto::error::retryable(Code::ResourceExhausted, "OVERLOADED", message, [], RETRY);
            return Box::pin(std::future::ready(Ok(status.into_http())));
        };
        let limit = limit(request.headers());
        let commands = request.uri().path().starts_with(COMMANDS);
        let handled = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let answer = match tokio::time::timeout(limit, handled).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_panic)) => Ok(panicked().into_http()),
                Err(_elapsed) => Ok(late(commands).into_http()),
            };
            drop(room);
            answer
        })
    }
}

/// A little less than the caller's deadline: the answer should arrive before it, and name it.
fn limit(headers: &http::HeaderMap) -> Duration {
    let metadata = tonic::metadata::MetadataMap::from_headers(headers.clone());
    query::deadline(&metadata)
        .map_or(DEFAULT, |left| left.mul_f32(0.95))
        .min(LONGEST)
}

fn late(command: bool) -> Status {
    let message = if command {
        "the deadline passed; send the command again with the same request_id"
    } else {
        "the deadline passed; give the call more time, up to a minute, or ask for less"
    };
    proto::error::status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message, [])
}

fn panicked() -> Status {
    proto::error::status(Code::Internal, "INTERNAL", "an internal error", [])
}
