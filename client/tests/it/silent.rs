//! A silent peer ends a request at its time limit, and a stream by the missing sign of life.
//!
//! The clock is paused: it jumps to the next timer whenever there is nothing else to do.

use std::time::Duration;

use clap::Parser;
use client::{Error, Subcommand};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    subcommand: Subcommand,
}

/// Runs a subcommand, written as on a shell without quotes, against a listener.
async fn fail(line: &str, peer: &TcpListener) -> (Error, Duration) {
    let address = peer.local_addr().expect("an address").to_string();
    let words = ["orders"].into_iter().chain(line.split(' '));
    let cli = Cli::try_parse_from(words.chain(["--addr", &address])).expect("a command line");
    ended(cli).await
}

/// What a subcommand ends with, and after what time. An hour is for ever.
async fn ended(cli: Cli) -> (Error, Duration) {
    let start = Instant::now();
    let run = Box::pin(cli.subcommand.run());
    let ended = tokio::time::timeout(Duration::from_secs(3600), run).await;
    let error = ended.expect("it ends").expect_err("no answer");
    (error, start.elapsed())
}

async fn peer() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("bound")
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_after_ten_seconds() {
    let (error, took) = fail("get o-1", &peer().await).await;
    assert_eq!(error.code(), 75, "{error}");
    assert!(error.to_string().contains("within 10s"), "{error}");
    assert_eq!(took.as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_of_a_request_can_be_given() {
    let (error, took) = fail("ship o-1 --item L1:1 --timeout 500ms", &peer().await).await;
    assert_eq!(error.code(), 75, "{error}");
    assert!(error.to_string().contains("within 500ms"), "{error}");
    assert_eq!(took.as_millis(), 500);
}

#[tokio::test(start_paused = true)]
async fn without_a_time_limit_a_request_ends_when_the_peer_gives_no_sign_of_life() {
    let (error, took) = fail("get o-1 --timeout 0", &peer().await).await;
    assert_eq!(error.code(), 69, "{error}");
    assert!(took > Duration::from_secs(10), "{took:?}");
}

/// The server's half of HTTP/2 that begins a reply, and nothing more: SETTINGS, the acknowledgement
/// of the client's, and the headers of stream 1.
const HEADERS_OF_A_REPLY: &[u8] = b"\
    \0\0\0\x04\0\0\0\0\0\
    \0\0\0\x04\x01\0\0\0\0\
    \0\0\x14\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc";

/// Type, flags (END_HEADERS) and stream of the frame that begins the request.
const HEADERS: &[u8] = b"\x01\x04\0\0\0\x01";

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_ends_without_a_time_limit() {
    let peer = peer().await;
    let address = peer.local_addr().expect("an address");
    let silent = tokio::spawn(async move {
        let (mut stream, _) = peer.accept().await.expect("a client");
        // The preface, SETTINGS and the request arrive in one piece or in several; a reply may be
        // sent once the request's headers are here.
        let mut bytes = Vec::new();
        while !bytes.windows(HEADERS.len()).any(|it| it == HEADERS) {
            let read = stream.read_buf(&mut bytes).await.expect("a request");
            assert!(read > 0, "the client hung up");
        }
        stream.write_all(HEADERS_OF_A_REPLY).await.expect("sent");
        stream
    });
    let words = ["orders", "read-model", "rebuild", "--quiet", "--addr"];
    let address = address.to_string();
    let words = words.into_iter().chain([address.as_str()]);
    let cli = Cli::try_parse_from(words).expect("a command line");
    let (error, took) = ended(cli).await;
    assert_eq!(error.code(), 69, "{error}");
    assert!(took > Duration::from_secs(10), "{took:?}: {error}");
    drop(silent.await.expect("the peer"));
}
