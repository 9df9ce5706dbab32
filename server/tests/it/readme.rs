//! Every command block of the README is executed, or is what runs the tests.

use std::fs;
use std::process::Command;

use crate::harness::Server;
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
    assert_eq!(blocks.len(), 3, "a new block needs a test that runs it");
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
    for service in ["Command", "Query", "History", "Report"] {
        let name = format!("{}_service.proto", service.to_lowercase());
        let proto = fs::read_to_string(root().join("proto/orders/v1").join(name)).expect("proto");
        for rpc in proto
            .lines()
            .filter_map(|line| line.trim().strip_prefix("rpc "))
        {
            let rpc = rpc.split('(').next().unwrap_or_default();
            let call = format!("orders.v1.Order{service}Service/{rpc}");
            assert!(tour.contains(&call), "the tour does not call {call}");
        }
    }
}
