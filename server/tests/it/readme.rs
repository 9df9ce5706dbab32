//! README.md: its commands run, its output is what they print, and its tests exist.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Server, free_port, orders};
use crate::tools::{program, root, run};

/// What stands between a line `fence` and the next closing fence, once for each such line.
pub(crate) fn blocks(document: &str, fence: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = document;
    while let Some(begin) = rest.find(fence) {
        let body = &rest[begin + fence.len()..];
        let end = body.find("```").expect("a closing fence");
        blocks.push(body[..end].to_owned());
        rest = &body[end + 3..];
    }
    blocks
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

#[test]
fn every_command_block_has_its_test() {
    let blocks = blocks(&readme(), "```sh\n");
    // The harness starts the first; the last one is what runs this test.
    assert_eq!(blocks[0], "cargo run\n");
    assert!(blocks[1].starts_with("nats-server "), "{}", blocks[1]);
    assert_eq!(blocks[2], "cargo test --workspace\n");
    assert_eq!(blocks.len(), 3, "a new block needs a test that runs it");
    let ci = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    assert!(
        ci.contains("cargo test --workspace"),
        "CI runs the test command of the README"
    );
}

/// The commands of a block with output, each with the lines that it prints.
fn steps(block: &str) -> Vec<(&str, String)> {
    let mut steps: Vec<(&str, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, String::new())),
            (None, Some((_, output))) => *output += &format!("{line}\n"),
            (None, None) => panic!("{line:?} comes before the first command"),
        }
    }
    steps
}

/// Output without what differs from run to run: times, tokens and the width of columns.
fn normal(output: &str) -> String {
    let word = |word: &str| {
        let time = word.starts_with("20") && word.contains('T') && word.ends_with('Z');
        let token = word.len() > 40 && !word.contains(['.', ':']);
        match (time, token) {
            (true, _) => "TIME".to_owned(),
            (_, true) => "TOKEN".to_owned(),
            (false, false) => word.to_owned(),
        }
    };
    let line = |line: &str| {
        line.split_whitespace()
            .map(word)
            .collect::<Vec<_>>()
            .join(" ")
    };
    output.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_screen_prints_what_it_shows() {
    let readme = readme();
    let [block] = &blocks(&readme, "```console\n")[..] else {
        panic!("one block with output");
    };
    let printed = first_screen(&steps(block));
    if std::env::var_os("ORDERS_BLESS").is_some() && normal(&printed) != normal(block) {
        let readme = readme.replace(block.as_str(), &printed);
        fs::write(root().join("README.md"), readme).expect("README.md");
        return;
    }
    assert_eq!(
        normal(&printed),
        normal(block),
        "the first screen of README.md prints something else now; ORDERS_BLESS=1 writes it anew"
    );
}

/// Runs the commands one after the other; answers the block that they make.
fn first_screen(steps: &[(&str, String)]) -> String {
    assert!(steps.len() >= 5, "five commands at least");
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let program = orders().get_program().to_string_lossy().into_owned();
    let mut block = String::new();
    for (command, _) in steps {
        assert!(command.starts_with("target/debug/orders "), "{command}");
        let script = command.replace("target/debug/orders", &program);
        let (_, printed, _) = run(Command::new("sh")
            .args(["-c", &format!("{script} 2>&1")])
            .env("ORDERS_ADDR", format!("http://{}", server.grpc)));
        block += &format!("$ {command}\n{printed}");
        // What the next command reads must be in the views by then.
        server.digest();
    }
    block
}

#[test]
fn output_that_differs_in_more_than_times_and_tokens_is_noticed() {
    let shown = "TIME      2026-11-24T17:00:00Z  ok";
    assert_eq!(normal(shown), normal("TIME  2027-01-01T00:00:00.123Z ok"));
    assert_ne!(normal(shown), normal("TIME  2026-11-24T17:00:00Z  refused"));
    assert_eq!(
        steps("$ a\nb\nc\n$ d\n"),
        [("a", "b\nc\n".to_owned()), ("d", String::new())]
    );
}

/// Text of every Rust file below a folder.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(fs::read_to_string(path).expect("text"));
        }
    }
    found
}

#[test]
fn every_guarantee_names_a_test_that_exists() {
    let readme = readme();
    let table = readme
        .split("| guarantee | test |")
        .nth(1)
        .expect("the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let tests: Vec<&str> = rows
        .map(|row| row.split('`').rev().nth(1).expect("a name"))
        .collect();
    assert!(tests.len() > 10, "{tests:?}");
    let sources = sources(&root());
    for test in tests {
        let definition = format!("fn {test}(");
        assert!(
            sources.iter().any(|text| text.contains(&definition)),
            "README.md names the test {test}, which does not exist"
        );
    }
}

#[test]
fn the_two_commands_for_nats_run() {
    let Some(nats_server) = program("nats-server") else {
        return;
    };
    let block = blocks(&readme(), "```sh\n").remove(1);
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
