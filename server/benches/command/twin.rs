//! The bare twin: the same method, one append of as many bytes, nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use event_store::embedded::Embedded;
use event_store::{CommitId, EventStore as _, NewRecord, StreamId};
use futures::future::BoxFuture;
use proto::v1::{CreateOrderRequest, CreateOrderResponse};
use tonic::codegen::http;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::harness::{free_port, wait_until};

/// The argument with which this program is the twin.
pub(crate) const WORD: &str = "twin";
const STREAM: &str = "TWIN";
/// Numbers the commits.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The twin as a process that ends with its owner.
pub(crate) struct Twin {
    child: Child,
    pub(crate) address: String,
}

impl Twin {
    /// `log` is a folder, or the URL of a NATS server.
    pub(crate) fn start(log: &str, bytes: usize) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let program = std::env::current_exe().expect("a path");
        let child = Command::new(program)
            .args([WORD, log, &address, &bytes.to_string()])
            .spawn()
            .expect("the twin starts");
        wait_until("the twin listens", || {
            std::net::TcpStream::connect(&address).is_ok()
        });
        Self { child, address }
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

pub(crate) async fn serve(log: &str, listen: &str, bytes: &str) {
    let payload: usize = bytes.parse().expect("a number of bytes");
    let log = if log.starts_with("nats://") {
        Log::bare_jetstream(log).await
    } else {
        Log::Embedded(Arc::new(Embedded::open(log).expect("opened")))
    };
    let listen: SocketAddr = listen.parse().expect("an address");
    let incoming = TcpIncoming::bind(listen).expect("bound");
    let service = Service {
        log,
        payload: vec![b'x'; payload].into(),
    };
    tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(incoming.with_nodelay(Some(true)))
        .await
        .expect("served");
}

#[derive(Clone)]
enum Log {
    Embedded(Arc<Embedded>),
    JetStream(Arc<async_nats::jetstream::Context>),
}

impl Log {
    async fn bare_jetstream(url: &str) -> Self {
        let client = async_nats::connect(url).await.expect("connected");
        let context = async_nats::jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(30))
            .build(client);
        let stream = Config {
            name: STREAM.into(),
            subjects: vec!["twin.>".into()],
            ..Config::default()
        };
        context.create_stream(stream).await.expect("created");
        Self::JetStream(Arc::new(context))
    }

    async fn append(&self, order_id: &str, payload: bytes::Bytes) -> Result<(), String> {
        match self {
            Self::Embedded(log) => {
                let stream = StreamId::new(order_id).map_err(|error| error.to_string())?;
                let record = NewRecord {
                    commit_id: CommitId(
                        u128::from(NUMBER.fetch_add(1, Ordering::Relaxed)).to_be_bytes(),
                    ),
                    payload,
                    label: String::new(),
                };
                let stored = log.append(&stream, None, log.epoch(), record).await;
                stored.map(|_| ()).map_err(|error| error.to_string())
            }
            Self::JetStream(context) => {
                let publish = PublishMessage::build()
                    .payload(payload)
                    .expected_last_subject_sequence(0);
                let sent = context
                    .send_publish(format!("twin.{order_id}"), publish)
                    .await;
                let acknowledged = sent.map_err(|error| error.to_string())?.await;
                acknowledged.map(|_| ()).map_err(|error| error.to_string())
            }
        }
    }
}

#[derive(Clone)]
struct Service {
    log: Log,
    payload: bytes::Bytes,
}

impl NamedService for Service {
    const NAME: &'static str = "orders.v1.OrderCommandService";
}

impl UnaryService<CreateOrderRequest> for Service {
    type Response = CreateOrderResponse;
    type Future = BoxFuture<'static, Result<Response<CreateOrderResponse>, Status>>;

    fn call(&mut self, request: Request<CreateOrderRequest>) -> Self::Future {
        let Self { log, payload } = self.clone();
        Box::pin(async move {
            let order_id = request.into_inner().order_id;
            let stored = log.append(&order_id, payload).await;
            stored.map_err(Status::unavailable)?;
            Ok(Response::new(CreateOrderResponse::default()))
        })
    }
}

impl tower::Service<http::Request<tonic::body::Body>> for Service {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let service = self.clone();
        let codec = ProstCodec::<CreateOrderResponse, CreateOrderRequest>::default();
        Box::pin(async move { Ok(Grpc::new(codec).unary(service, request).await) })
    }
}
