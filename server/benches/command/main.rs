//! Question: how many commands a second does the whole service accept, and how fast, beside a bare
//! handler that makes the one append which a command needs and nothing else?
//!
//! The service is the real binary, the bare twin a process of its own with the same gRPC method;
//! both get the same requests (an order of five lines, created and placed) and store as many bytes.
//! They take turns in slices of two seconds, so that other load on the machine hits both alike; the
//! median of the ratios of neighbours is the answer, the rates only say on what machine. The load
//! comes from this process and shares the machine with what it measures.
//!
//! Between slices the views of the service catch up; within one they fold as much as they get.
//!
//! `cargo bench -p server --bench command [-- embedded|lazy|always]`; NATS as the tests find it, with
//! `sync_interval` as it is by default (lazy) or `always`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a benchmark talks on stdout, measures real time, and ends when something fails"
)]

#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod harness;
#[path = "../../tests/it/tools.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod tools;

mod load;
mod twin;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use harness::{Nats, Server};
use load::{Load, Slice};
use twin::Twin;

/// Slices of each program for each number of clients; the first of them does not count.
const ROUNDS: usize = 7;
/// Thousands of commands with one client already.
const SLICE: Duration = Duration::from_secs(2);
const CLIENTS: [usize; 2] = [1, 64];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let [word, log, listen, bytes, ..] = arguments.as_slice()
        && word == twin::WORD
    {
        runtime.block_on(twin::serve(log, listen, bytes));
        return ExitCode::SUCCESS;
    }
    let bytes = runtime.block_on(load::stored_bytes());
    println!("an order of 5 lines is a commit of {bytes} bytes");
    println!(
        "{:<18} {:>7} {:<13} {:>10} {:>9} {:>9}  ratio of neighbours (lowest to highest)",
        "log", "clients", "program", "commands/s", "p50 us", "p99 us"
    );
    let wanted = |log: &str| {
        let mut names = arguments
            .iter()
            .filter(|argument| !argument.starts_with('-'));
        names.all(|name| name == log)
    };
    if wanted("embedded") {
        let folder = tempfile::tempdir().expect("folder");
        embedded(&runtime, folder.path(), bytes);
    }
    let run = [("lazy", false), ("always", true)]
        .map(|(log, always)| !wanted(log) || jetstream(&runtime, always, bytes));
    if run.contains(&false) {
        println!("not run: JetStream, for want of a nats-server");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn embedded(runtime: &tokio::runtime::Runtime, folder: &Path, bytes: usize) {
    let service = Server::ready(folder, &[]);
    let log = folder.join("twin");
    let twin = Twin::start(&log.display().to_string(), bytes);
    let programs = [
        ("bare twin", twin.address.as_str()),
        ("role all", service.grpc.as_str()),
    ];
    runtime.block_on(compare("embedded", &programs));
}

/// Each program has a NATS server of its own, or one would fold what the other writes. False when
/// there is none.
fn jetstream(runtime: &tokio::runtime::Runtime, always: bool, bytes: usize) -> bool {
    let folder = tempfile::tempdir().expect("folder");
    let mut servers = Vec::new();
    for name in ["twin", "command", "all"] {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).expect("folder");
        let Some(mut nats) = Nats::new(&place) else {
            return false;
        };
        nats.sync_always = always;
        nats.start();
        servers.push((place, nats));
    }
    let twin = Twin::start(&servers[0].1.url(), bytes);
    let [command, all] =
        [("command", &servers[1]), ("all", &servers[2])].map(|(role, (place, nats))| {
            let settings = [format!("nats.url={}", nats.url()), format!("role={role}")];
            Server::ready(place, &settings.each_ref().map(String::as_str))
        });
    let programs = [
        ("bare twin", twin.address.as_str()),
        ("role command", command.grpc.as_str()),
        ("role all", all.grpc.as_str()),
    ];
    let name = if always {
        "JetStream, always"
    } else {
        "JetStream, lazy"
    };
    runtime.block_on(compare(name, &programs));
    true
}

/// Lets the programs take turns. The first is the twin that the others are compared with.
async fn compare(log: &str, programs: &[(&str, &str)]) {
    for clients in CLIENTS {
        let mut loads = Vec::new();
        for (name, address) in programs {
            loads.push((*name, Load::new(address, clients).await, Vec::new()));
        }
        for _ in 0..ROUNDS {
            for (name, load, slices) in &mut loads {
                slices.push(load.run(SLICE).await);
                if *name != "bare twin" {
                    load.settle().await;
                }
            }
        }
        let twin: Vec<f64> = loads[0].2.iter().skip(1).map(Slice::rate).collect();
        for (name, _, slices) in &loads {
            report(log, clients, name, &slices[1..], &twin);
        }
    }
}

fn report(log: &str, clients: usize, name: &str, slices: &[Slice], twin: &[f64]) {
    let rates: Vec<f64> = slices.iter().map(Slice::rate).collect();
    let ratios = sorted(rates.iter().zip(twin).map(|(ours, bare)| ours / bare));
    let rates = sorted(rates.into_iter());
    let quantile = |q: f64| sorted(slices.iter().map(|slice| slice.micros(q)));
    println!(
        "{log:<18} {clients:>7} {name:<13} {:>10.0} {:>9.0} {:>9.0}  {:.2} ({:.2} to {:.2})",
        median(&rates),
        median(&quantile(0.50)),
        median(&quantile(0.99)),
        median(&ratios),
        ratios[0],
        ratios[ratios.len() - 1],
    );
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
