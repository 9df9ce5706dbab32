//! The log of the real binary: what machines and people find in it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Map, Value};

use crate::harness::{Server, orders};
use crate::tools::run;

/// Any free port for each listener.
const ANY: [&str; 6] = [
    "--set",
    "grpc.listen=127.0.0.1:0",
    "--set",
    "health.listen=127.0.0.1:0",
    "--set",
    "admin.listen=127.0.0.1:0",
];

/// The lines of a log, each of which must be one JSON object that says everything once.
#[track_caller]
fn parsed(log: &str) -> Vec<Map<String, Value>> {
    let parse = |line: &str| -> Map<String, Value> {
        let object = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["timestamp", "level", "message", "target"] {
            assert_eq!(
                line.matches(&format!("\"{key}\":")).count(),
                1,
                "{key} in {line}"
            );
        }
        for key in ["component", "name", "span", "spans"] {
            let most = usize::from(key == "component");
            assert!(
                line.matches(&format!("\"{key}\":")).count() <= most,
                "{key} in {line}"
            );
        }
        object
    };
    assert!(!log.is_empty(), "the log is empty");
    log.lines().map(parse).collect()
}

fn serve(folder: &tempfile::TempDir) -> Command {
    let mut serve = orders();
    serve
        .arg("serve")
        .arg("--data-dir")
        .arg(folder.path())
        .args(ANY);
    serve
}

#[test]
fn every_line_of_a_json_log_is_json_from_the_start_to_the_stop() {
    // Where the log is no terminal, nothing has to be set.
    for format in ["log.format=json", "log.format=auto"] {
        let folder = tempfile::tempdir().expect("folder");
        let mut server = Server::ready(folder.path(), &[format, "log.filter=debug"]);
        server.client(&["place", "--line", "MUG:2:4.95"]);
        server.digest();
        server.stop();
        let lines = parsed(&server.log());
        assert_eq!(server.err(), "", "everything is in the log");
        assert!(
            lines.iter().any(|line| line["message"] == "ready"),
            "{}",
            server.log()
        );
    }
}

#[test]
fn a_start_is_one_line_per_component_and_one_that_says_ready() {
    let folder = tempfile::tempdir().expect("folder");
    let mut server = Server::ready(folder.path(), &[]);
    server.stop();
    // The first start also builds the views, and says so.
    let first = server.log().len();
    server.start();
    server.wait_ready();
    server.stop();
    let log = server.log().split_off(first);
    let lines = parsed(&log);
    let ready = lines.iter().position(|line| line["message"] == "ready");
    let ready = ready.unwrap_or_else(|| panic!("no ready line in {log}"));
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &lines[..ready] {
        let component = line.get("component").and_then(Value::as_str);
        *told.entry(component.unwrap_or("the process")).or_default() += 1;
    }
    assert!(
        told.len() > 6 && told.values().all(|lines| *lines == 1),
        "{told:?}"
    );
    for key in ["version", "role", "log", "grpc", "health", "admin"] {
        assert!(
            lines[ready].contains_key(key),
            "{key} is not in the ready line"
        );
    }
    let grpc = lines[ready]["grpc"].as_str();
    assert_eq!(grpc, Some(server.grpc.as_str()));
}

#[test]
fn configuration_errors_are_log_lines_all_of_them() {
    for format in ["log.format=json", "log.format=loud"] {
        let (code, out, err) = run(orders()
            .args(["serve", "--role", "king", "--set", "grpc.listen=nowhere"])
            .args(["--set", "grpc.listem=x", "--set", format]));
        assert_eq!((code, err.as_str()), (78, ""), "{out}");
        let lines = parsed(&out);
        let said = |text: &str| {
            let message = |line: &Map<String, Value>| line["message"].to_string().contains(text);
            lines
                .iter()
                .any(|line| message(line) && line["level"] == "ERROR")
        };
        for text in [
            "role must be one of",
            "grpc.listen must be",
            "did you mean grpc.listen?",
        ] {
            assert!(said(text), "{text} is not in {out}");
        }
        let problems = 3 + usize::from(format == "log.format=loud");
        assert_eq!(lines.len(), problems, "{out}");
    }
}

#[test]
fn text_in_a_file_has_no_colours() {
    let folder = tempfile::tempdir().expect("folder");
    let mut server = Server::ready(folder.path(), &["log.format=text"]);
    server.stop();
    let log = server.log();
    assert!(
        log.contains(" INFO log: started") && !log.contains('\u{1b}'),
        "{log}"
    );
    assert!(
        !log.contains("grpcurl"),
        "the tour is for a terminal: {log}"
    );
}

#[test]
fn an_occupied_port_is_one_error_line_the_last_with_cause_and_next_step() {
    for name in ["grpc", "health", "admin"] {
        let folder = tempfile::tempdir().expect("folder");
        let occupied = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = occupied.local_addr().expect("its address").to_string();
        let mut serve = serve(&folder);
        serve.args(["--set", &format!("{name}.listen={address}")]);
        let (code, out, err) = run(&mut serve);
        assert_eq!((code, err.as_str()), (69, ""), "{out}");
        let lines = parsed(&out);
        let errors: Vec<_> = lines
            .iter()
            .filter(|line| line["level"] == "ERROR")
            .collect();
        assert_eq!(errors.len(), 1, "{out}");
        let last = lines.last().expect("a line");
        assert_eq!(last["level"], "ERROR", "{out}");
        let message = last["message"].as_str().expect("text");
        for text in [name, &address, "in use", "next step"] {
            assert!(message.contains(text), "{text} is not in {message}");
        }
        assert!(lines.len() <= 12, "{} lines: {out}", lines.len());
    }
}
