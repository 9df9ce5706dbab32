//! The gRPC server and its health service, over real sockets and on real time.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use lifecycle::{
    Component, ComponentExt as _, Health, Laggard,
    grpc::{self, HealthServer, HealthService, Server},
    health::{self, Requires},
    socket::Bound,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient, health_server,
};

use crate::rig::{Act, Diary, builder, ms, run};

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn server(health: &Health) -> (Server, Bound) {
    let health = health.clone();
    let server = Server::new("grpc", any_port(), move |incoming, stopping| {
        grpc::defaults()
            .add_service(HealthService::server(&health))
            .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
    });
    let bound = server.bound();
    (server, bound)
}

async fn client(bound: &Bound) -> HealthClient<Channel> {
    let address = bound.address().await.expect("it binds");
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("a uri");
    HealthClient::new(endpoint.connect().await.expect("it serves"))
}

fn ask(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<ServingStatus, Code> {
    let response = client.check(ask(service)).await;
    response
        .map(|response| response.into_inner().status())
        .map_err(|status| status.code())
}

#[tokio::test]
async fn health_is_checked_by_name() {
    let health = Health::new();
    health.service("orders.v1.OrderCommandService", Requires::only(["log"]));
    let (server, bound) = server(&health);
    let running = run(builder()
        .health(health.clone())
        .add(
            Diary::new()
                .script("log")
                .start([Act::Fails; 999])
                .retry(lifecycle::Fixed::every(ms(10)))
                .in_background(),
        )
        .add(server));
    let mut client = client(&bound).await;
    while !health.is_serving(health::STARTUP) {
        sleep(ms(1)).await;
    }
    for (service, expected) in [
        ("startup", Ok(ServingStatus::Serving)),
        ("liveness", Ok(ServingStatus::Serving)),
        ("readiness", Ok(ServingStatus::NotServing)),
        ("", Ok(ServingStatus::NotServing)),
        (
            "orders.v1.OrderCommandService",
            Ok(ServingStatus::NotServing),
        ),
        ("grpc", Ok(ServingStatus::Serving)),
        ("nobody", Err(Code::NotFound)),
    ] {
        assert_eq!(check(&mut client, service).await, expected, "{service:?}");
    }
    drop(client);
    let outcome = running.terminated_after(ms(0)).await;
    assert_eq!(outcome.exit_code(), 0, "{outcome}");
}

#[tokio::test]
async fn a_watch_follows_the_status_and_ends_with_the_drain() {
    let health = Health::new();
    let (server, bound) = server(&health);
    let running = run(builder().health(health.clone()).add(server));
    let mut client = client(&bound).await;
    let mut overall = client.watch(ask("")).await.unwrap().into_inner();
    let mut unknown = client.watch(ask("late")).await.unwrap().into_inner();

    let mut status = overall.message().await.unwrap().unwrap().status();
    if status == ServingStatus::NotServing {
        status = overall.message().await.unwrap().unwrap().status();
    }
    assert_eq!(status, ServingStatus::Serving);
    let first = unknown.message().await.unwrap().unwrap().status();
    assert_eq!(first, ServingStatus::ServiceUnknown);
    timeout(ms(50), unknown.message())
        .await
        .expect_err("the stream stays open");
    health.reporter("late").ready();
    assert_eq!(
        unknown.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );

    let outcome = running.terminated_after(ms(0)).await;
    for mut stream in [overall, unknown] {
        let last = stream.message().await.unwrap().unwrap().status();
        assert_eq!(last, ServingStatus::NotServing);
        assert_eq!(stream.message().await.unwrap(), None, "and then it ends");
    }
    assert!(outcome.is_clean(), "{outcome}");
}

#[tokio::test]
async fn an_occupied_port_fails_the_start_with_its_address() {
    let occupant = TcpListener::bind(any_port()).await.unwrap();
    let address = occupant.local_addr().unwrap();
    let server = Server::with_routes("grpc", address, grpc::defaults(), Default::default());
    let outcome = run(builder().add(server)).outcome().await;
    let said = outcome.failures[0].to_string();
    assert!(
        said.starts_with(&format!(
            "grpc failed to start: cannot listen on {address}: "
        )),
        "{said}"
    );
    assert_eq!(outcome.exit_code(), 69);
}

/// A service that answers when it likes, or never.
struct Slow(Duration);

#[tonic::async_trait]
impl health_server::Health for Slow {
    async fn check(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        sleep(self.0).await;
        Ok(Response::new(HealthCheckResponse {
            status: ServingStatus::Serving.into(),
        }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let first = HealthCheckResponse {
            status: ServingStatus::Serving.into(),
        };
        let endless = tokio_stream::once(Ok(first)).chain(tokio_stream::pending());
        Ok(Response::new(Box::pin(endless)))
    }
}

fn slow(time: Duration) -> (Server, Bound) {
    let server = Server::new("grpc", any_port(), move |incoming, stopping| {
        grpc::defaults()
            .add_service(HealthServer::new(Slow(time)))
            .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
    });
    let bound = server.bound();
    (server, bound)
}

#[tokio::test]
async fn calls_in_flight_complete_and_new_ones_are_refused() {
    let diary = Diary::new();
    let (server, bound) = slow(ms(500));
    let running = run(builder()
        .add(diary.script("store"))
        .add(server.after(["store"])));
    let mut client = client(&bound).await;
    let mut second = client.clone();
    let call = tokio::spawn(async move { check(&mut client, "").await });
    sleep(ms(100)).await;
    let signalled = tokio::spawn(running.terminated_after(ms(0)));
    sleep(ms(100)).await;
    // Which of the two a tonic client says depends on whether it has already seen the GOAWAY.
    let refused = check(&mut second, "").await;
    assert!(
        matches!(refused, Err(Code::Unavailable | Code::Cancelled)),
        "{refused:?}"
    );
    TcpStream::connect(bound.now().unwrap())
        .await
        .expect_err("the listener is closed");
    assert_eq!(
        diary.count("store.drain"),
        0,
        "the call may still need the store"
    );

    assert_eq!(call.await.unwrap(), Ok(ServingStatus::Serving));
    let outcome = signalled.await.unwrap();
    assert!(outcome.is_clean(), "{outcome}");
}

#[tokio::test]
async fn whoever_holds_a_connection_open_is_cut_in_time_and_counted() {
    let diary = Diary::new();
    let (server, bound) = slow(Duration::from_secs(3_600));
    let running = run(builder()
        .add(diary.script("store"))
        .add(server.drain_within(ms(400)).after(["store"])));
    let address = bound.address().await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut watching = client(&bound).await;
    let mut endless = watching.watch(ask("")).await.unwrap().into_inner();
    endless.message().await.unwrap().unwrap();
    let mut stuck = client(&bound).await;
    let stuck = tokio::spawn(async move { check(&mut stuck, "").await });
    sleep(ms(50)).await;

    let began = Instant::now();
    let outcome = running.terminated_after(ms(0)).await;
    assert!(began.elapsed() >= ms(350), "{outcome}");
    let cut = Laggard {
        component: "grpc".to_owned(),
        what: "3 connections".to_owned(),
    };
    assert_eq!(outcome.laggards, [cut]);
    assert_eq!(diary.count("store.stopped"), 1);
    assert_ne!(stuck.await.unwrap(), Ok(ServingStatus::Serving));
    endless.message().await.expect_err("it was cut");
    let mut rest = Vec::new();
    // Either end of file or a reset: it is over.
    timeout(ms(100), silent.read_to_end(&mut rest))
        .await
        .expect("it was cut")
        .ok();
}

#[tokio::test]
async fn the_address_is_known_before_anything_is_served() {
    let (mut server, bound) = server(&Health::new());
    assert_eq!((server.name(), bound.now()), ("grpc", None));
    drop(std::mem::replace(&mut server, slow(ms(0)).0));
    assert_eq!(bound.address().await, None, "it never will be");
}
