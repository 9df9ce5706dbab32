//! A pool that is opened with retries, and an HTTP server that uses it.
//! With the argument `fail`, the pool never opens.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use axum::{Router, routing::get};
use lifecycle::{ComponentExt, Fixed, Supervisor, http, resource};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let fails = std::env::args().any(|argument| argument == "fail");
    let open = move || async move {
        if fails {
            Err("no such host")?;
        }
        println!("the pool is open");
        Ok("the pool")
    };
    let pool = resource("pool", open, |pool| async move {
        println!("{pool} is closed");
        Ok(())
    });
    let slot = pool.slot();
    let answer = move || async move { slot.get().unwrap_or("away") };
    let local = ([127, 0, 0, 1], 0).into();
    let server = http::Server::new("http", local, Router::new().route("/", get(answer)));
    let supervisor = Supervisor::builder()
        .termination_delay(Duration::ZERO)
        .add(pool.retry(Fixed::every(Duration::from_millis(50)).at_most(3)))
        .add(server.after(["pool"]))
        .build();
    supervisor.expect("two names").run().await.into()
}
