//! Every command block of the README is executed, or is what runs the tests.

use std::fs;
use std::process::Command;

use crate::harness::{Server, free_port};
use crate::tools::{folder, program, root, run};

fn blocks(readme: &str, fence: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = readme;
    while let Some(begin) = rest.find(fence) {
        let body = &rest[begin + fence.len()..];
        let end = body.find("```").expect("a closing fence");
        blocks.push(body[..end].to_owned());
        rest = &body[end + 3..];
    }
    blocks
}

#[test]
fn every_shell_block_is_known() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let blocks = blocks(&readme, "```sh\n");
    // The first is what whoever runs this has just done; the second is what the harness starts.
    assert_eq!(blocks[0], "cargo build\ncargo test --workspace\n");
    assert_eq!(blocks[1], "cargo run\n");
    assert_eq!(blocks.len(), 4, "a new block needs a test that runs it");
    let ci = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    assert!(
        ci.contains("cargo test --workspace"),
        "CI runs the README's test command"
    );
}

#[test]
fn the_tour_runs_line_by_line() {
    if program("grpcurl").is_none() || program("jq").is_none() {
        return;
    }
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let tour = blocks(&readme, "```sh\n").remove(2);
    let folder_of_server = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder_of_server.path(), &[]);
    let script = format!(
        "set -eu -o pipefail\n{}",
        tour.replace("127.0.0.1:50051", &server.grpc)
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let (code, out, err) = run(Command::new("bash")
        .args(["-xc", &script])
        .env("PATH", format!("{}:{path}", folder().join("bin").display())));
    assert_eq!(code, 0, "{err}");
    for word in ["\"replayed\": true", "\"missingIds\"", "\"promoted\""] {
        assert!(out.contains(word), "{word} is not in {out}");
    }
    let calls = calls();
    assert!(calls.len() > 30, "{calls:?}");
    for call in calls {
        assert!(tour.contains(&call), "the tour does not call {call}");
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

#[test]
fn the_two_commands_for_nats_run() {
    let Some(nats_server) = program("nats-server") else {
        return;
    };
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let block = blocks(&readme, "```sh\n").remove(3);
    let [nats, service] = block.lines().collect::<Vec<_>>()[..] else {
        panic!("two commands, not {block}");
    };
    let folder = tempfile::tempdir().expect("folder");
    let port = free_port();
    let nats = nats.strip_prefix("nats-server ").expect("the server");
    let mut nats = Command::new(nats_server)
        .args(nats.split(' '))
        .args(["-a", "127.0.0.1", "-p", &port.to_string()])
        .args(["-l", "nats.log"])
        .current_dir(folder.path())
        .spawn()
        .expect("nats-server starts");
    let setting = service.strip_suffix(" cargo run").expect("the service");
    let (variable, url) = setting.split_once('=').expect("a setting");
    assert_eq!(variable, "ORDERS_NATS__URL");
    let url = url.replace("4222", &port.to_string());
    let mut server = Server::ready(folder.path(), &[&format!("nats.url={url}")]);
    let log = server.log();
    assert!(
        log.contains("NATS JetStream at") && log.contains("an acknowledged command survives"),
        "{log}"
    );
    server.stop();
    nats.kill()
        .and_then(|()| nats.wait())
        .expect("NATS is gone");
}
