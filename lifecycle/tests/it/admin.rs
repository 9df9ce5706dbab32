//! Probes over HTTP, on a real socket.

use std::{net::SocketAddr, time::Duration};

use lifecycle::{ComponentExt as _, Fixed, Health, admin::Server, health, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::rig::{Act, Diary, builder, ms, run};

async fn get(address: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[tokio::test]
async fn probes_answer_while_a_dependency_is_away() {
    let health = Health::new();
    let extra = axum::Router::new().route("/metrics", axum::routing::get(async || "up 1\n"));
    let admin = Server::new(SocketAddr::from(([127, 0, 0, 1], 0)), health.clone()).mount(extra);
    let bound = admin.bound();
    let running = run(builder().health(health.clone()).add(admin).add(
        Diary::new()
            .script("log")
            .start([Act::Fails])
            .retry(Fixed::every(ms(600_000)))
            .in_background(),
    ));
    let address = bound.address().await.unwrap();
    while !health.is_serving(health::STARTUP) {
        sleep(ms(1)).await;
    }
    health.reporter("projector").degraded("one order is parked");

    let ok = (200, "ok\n".to_owned());
    for path in ["/startupz", "/startup", "/livez", "/live", "/healthz"] {
        assert_eq!(get(address, path, "").await, ok, "{path}");
    }
    let log = "attempt 1: start broke, next try in 600.0s";
    let causes = format!("log: not ready: {log}; projector: degraded: one order is parked\n");
    for path in ["/readyz", "/ready"] {
        assert_eq!(
            get(address, path, "").await,
            (503, causes.clone()),
            "{path}"
        );
    }
    let verbose = format!(
        "[+]admin ok\n[-]log failed: {log}\n[+]projector degraded: one order is parked\n\
         readiness check failed\n"
    );
    assert_eq!(get(address, "/readyz?verbose", "").await, (503, verbose));
    assert_eq!(
        get(address, "/metrics", "").await,
        (200, "up 1\n".to_owned())
    );
    assert_eq!(get(address, "/nothing", "").await.0, 404);

    let (code, json) = get(address, "/readyz", "accept: application/json\r\n").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["serving"]), (503, &false.into()));
    assert_eq!(json["causes"][0]["name"], "log");
    assert_eq!(json["entries"][2]["status"], "degraded");
    assert_eq!(running.terminated_after(ms(0)).await.exit_code(), 0);
}

#[tokio::test]
async fn it_still_answers_while_the_others_drain() {
    let health = Health::new();
    let admin = Server::new(SocketAddr::from(([127, 0, 0, 1], 0)), health.clone());
    let bound = admin.bound();
    let running = run(builder().health(health).add(admin).add(
        Diary::new()
            .script("slow")
            .drain(Act::Takes(ms(2_000)))
            .stops_before([Server::NAME]),
    ));
    let address = bound.address().await.unwrap();
    sleep(ms(50)).await;
    let stopped = tokio::spawn(running.terminated_after(ms(0)));
    let draining = (503, "process: not ready: draining\n".to_owned());
    while get(address, "/readyz", "").await != draining {
        assert!(!stopped.is_finished(), "it never said that it drains");
    }
    assert_eq!(get(address, "/livez", "").await, (200, "ok\n".to_owned()));
    assert!(stopped.await.unwrap().is_clean());
}

fn slow(time: Duration) -> http::Server {
    let answer = move || async move {
        sleep(time).await;
        "done"
    };
    let router = axum::Router::new().route("/", axum::routing::get(answer));
    http::Server::new("http", SocketAddr::from(([127, 0, 0, 1], 0)), router)
}

#[tokio::test]
async fn requests_in_flight_complete_and_new_connections_are_refused() {
    let diary = Diary::new();
    let server = slow(ms(500));
    let bound = server.bound();
    let running = run(builder()
        .add(diary.script("store"))
        .add(server.after(["store"])));
    let address = bound.address().await.unwrap();
    let request = tokio::spawn(async move { get(address, "/", "").await });
    sleep(ms(100)).await;
    let signalled = tokio::spawn(running.terminated_after(ms(0)));
    while TcpStream::connect(address).await.is_ok() {
        assert!(!request.is_finished(), "the listener was never closed");
    }
    assert_eq!(
        diary.count("store.stop"),
        0,
        "the request may still need the store"
    );
    assert_eq!(request.await.unwrap(), (200, "done".to_owned()));
    let outcome = signalled.await.unwrap();
    assert!(outcome.is_clean(), "{outcome}");
    assert_eq!(diary.count("store.stopped"), 1);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_and_a_silent_client_cut() {
    let server = slow(ms(3_600_000))
        .request_timeout(ms(20))
        .idle_timeout(ms(60));
    let bound = server.bound();
    let running = run(builder().add(server));
    let address = bound.address().await.unwrap();
    let late = (503, "no answer within 20.0ms\n".to_owned());
    assert_eq!(get(address, "/", "").await, late);

    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut rest = Vec::new();
    // Either end of file or a reset: it is over.
    let cut = timeout(ms(30_000), silent.read_to_end(&mut rest)).await;
    cut.expect("it was cut").ok();
    assert!(rest.is_empty());
    assert!(running.terminated_after(ms(0)).await.is_clean());
}
