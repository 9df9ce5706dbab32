//! docs/tour.md runs line by line, and calls every method that there is.

use std::fs;
use std::process::Command;

use crate::harness::Server;
use crate::readme::blocks;
use crate::tools::{folder, program, root, run};

fn tour() -> String {
    let document = fs::read_to_string(root().join("docs/tour.md")).expect("docs/tour.md");
    let [tour] = &blocks(&document, "```sh\n")[..] else {
        panic!("one block of commands: a new one needs a test that runs it");
    };
    tour.clone()
}

#[test]
fn the_tour_runs_line_by_line() {
    if program("grpcurl").is_none() || program("jq").is_none() {
        return;
    }
    let data = tempfile::tempdir().expect("folder");
    let server = Server::ready(data.path(), &[]);
    let commands = tour().replace("127.0.0.1:50051", &server.grpc);
    let script = format!("set -eu -o pipefail\n{commands}");
    let path = std::env::var("PATH").unwrap_or_default();
    let (code, out, err) = run(Command::new("bash")
        .args(["-xc", &script])
        .env("PATH", format!("{}:{path}", folder().join("bin").display())));
    assert_eq!(code, 0, "{err}");
    for word in ["\"replayed\": true", "\"missingIds\"", "\"equal\": true"] {
        assert!(out.contains(word), "{word} is not in {out}");
    }
}

#[test]
fn the_tour_calls_every_method() {
    let (tour, calls) = (tour(), calls());
    assert!(calls.len() > 30, "{calls:?}");
    for call in calls {
        assert!(tour.contains(&call), "docs/tour.md does not call {call}");
    }
}

/// Every rpc that the proto files declare, as grpcurl names it.
fn calls() -> Vec<String> {
    let mut calls = Vec::new();
    for entry in fs::read_dir(root().join("proto/orders/v1")).expect("a folder") {
        let proto = fs::read_to_string(entry.expect("an entry").path()).expect("proto");
        let mut service = "";
        for line in proto.lines() {
            let mut words = line.trim().split([' ', '(']);
            match (words.next(), words.next()) {
                (Some("service"), Some(name)) => service = name,
                (Some("rpc"), Some(name)) => calls.push(format!("orders.v1.{service}/{name}")),
                _ => {}
            }
        }
    }
    calls
}
