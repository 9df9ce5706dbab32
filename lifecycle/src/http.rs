//! An HTTP server as a component.

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use crate::{
    Component, Error, RunContext, StartContext, StopContext,
    socket::{Bound, Socket},
};

/// An answer that takes longer has lost its reader.
const REQUEST: Duration = Duration::from_secs(30);
/// Longer than a request may take, because a connection is silent while its request is worked on;
/// and longer than the 60 s after which load balancers close one themselves, so that they never
/// send a request into a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(75);

/// Serves an axum router: binds in `start`, serves in `run`.
///
/// * A request that takes longer than 30 s, or [`Server::request_timeout`], is dropped and answered
///   with 503.
/// * A connection that sends nothing for 75 s, or [`Server::idle_timeout`], is closed: a client
///   that never speaks holds nothing.
/// * Asked to stop, it closes its listener, finishes the requests that are in flight, and shortly
///   before the deadline cuts the connections that are still open. The outcome says how many.
pub struct Server {
    name: String,
    socket: Socket,
    router: Router,
    request_timeout: Duration,
    idle_timeout: Duration,
}

impl Server {
    /// A server of this router. With port 0 the system chooses one.
    pub fn new(name: impl Into<String>, address: SocketAddr, router: Router) -> Self {
        Self {
            name: name.into(),
            socket: Socket::new(address),
            router,
            request_timeout: REQUEST,
            idle_timeout: IDLE,
        }
    }

    /// How long a request may take until its answer begins.
    #[must_use]
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    /// How long a connection may be silent. A request that takes longer is cut as well.
    #[must_use]
    pub fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// The address it has got, which `:0` leaves to the system.
    pub fn bound(&self) -> Bound {
        self.socket.bound()
    }

    pub(crate) fn merge(&mut self, router: Router) {
        self.router = std::mem::take(&mut self.router).merge(router);
    }
}

async fn limited(limit: Duration, request: Request, next: Next) -> Response {
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let said = format!("no answer within {limit:.1?}\n");
            (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
        }
    }
}

#[async_trait]
impl Component for Server {
    fn name(&self) -> &str {
        &self.name
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        self.socket.bind(cx).await
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let Some((incoming, connections)) = self.socket.open(Some(self.idle_timeout)) else {
            return Err(Error::permanent("run without a start"));
        };
        let limit = self.request_timeout;
        let limited = from_fn(move |request, next| limited(limit, request, next));
        let serving = axum::serve(incoming, self.router.clone().layer(limited))
            .with_graceful_shutdown(cx.token().clone().cancelled_owned());
        connections.serve(cx, serving.into_future()).await
    }

    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        self.socket.close();
        Ok(())
    }
}
