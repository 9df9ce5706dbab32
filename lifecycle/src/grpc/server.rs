//! A gRPC listener as a component.

use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport};

use crate::{
    Component, Error, RunContext, StartContext, StopContext,
    socket::{Bound, Incoming, Socket},
};

type Serving = Pin<Box<dyn Future<Output = Result<(), transport::Error>> + Send>>;

/// A tonic server as a component: binds in `start`, serves in `run`.
///
/// Asked to stop, it closes its listener, tells its clients to go away, finishes the calls that
/// are in flight, and shortly before the deadline cuts the connections that are still open. How
/// many that were is in the outcome.
pub struct Server {
    name: String,
    socket: Socket,
    serve: Box<dyn FnMut(Incoming, CancellationToken) -> Serving + Send>,
}

impl Server {
    /// `serve` makes the server, with whatever layers it has, from a stream of connections:
    ///
    /// ```
    /// # use lifecycle::{Health, grpc};
    /// # let health = Health::new();
    /// # let address = "127.0.0.1:0".parse().unwrap();
    /// let server = grpc::Server::new("grpc", address, move |incoming, stopping| {
    ///     grpc::defaults()
    ///         // .layer(…)
    ///         .add_service(grpc::HealthService::server(&health))
    ///         .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
    /// });
    /// ```
    ///
    /// The token fires when the server should stop. A service with streams that never end by
    /// themselves takes a clone of it and ends them, or they are cut at the deadline.
    ///
    /// `serve` is called once per start.
    pub fn new<F, S>(name: impl Into<String>, address: SocketAddr, mut serve: F) -> Self
    where
        F: FnMut(Incoming, CancellationToken) -> S + Send + 'static,
        S: Future<Output = Result<(), transport::Error>> + Send + 'static,
    {
        Self {
            name: name.into(),
            socket: Socket::new(address),
            serve: Box::new(move |incoming, stopping| Box::pin(serve(incoming, stopping))),
        }
    }

    /// A server without layers.
    pub fn with_routes(
        name: impl Into<String>,
        address: SocketAddr,
        server: transport::Server,
        routes: Routes,
    ) -> Self {
        Self::new(name, address, move |incoming, stopping| {
            let router = server.clone().add_routes(routes.clone());
            router.serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
        })
    }

    /// The address it has got, which `:0` leaves to the system.
    pub fn bound(&self) -> Bound {
        self.socket.bound()
    }
}

/// A tonic server with limits where tonic has none.
pub fn defaults() -> transport::Server {
    transport::Server::builder()
        // A client that vanished without a word is noticed within half a minute.
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        // One connection must not queue up more work than a process can do in a second or so.
        .max_concurrent_streams(256)
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
        let Some((incoming, connections)) = self.socket.open(None) else {
            return Err(Error::permanent("run without a start"));
        };
        let serving = (self.serve)(incoming, cx.token().clone());
        connections.serve(cx, serving).await
    }

    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        self.socket.close();
        Ok(())
    }
}
