//! Each example does what its first line says: with SIGINT, with SIGTERM, and with a failing member.

#![cfg(unix)]
use std::{path::Path, process::Command};

use crate::process::Process;

fn example(name: &str, argument: Option<&str>) -> Process {
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join(name);
    assert!(
        program.exists(),
        "{} was not built; `cargo test -p lifecycle` builds the examples, `--test it` alone does not",
        program.display()
    );
    let mut command = Command::new(program);
    command.args(argument);
    Process::spawn(command)
}

#[track_caller]
fn obeys(name: &str, last_line_of_the_start: &str, line_of_the_stop: &str) {
    for signal in ["INT", "TERM"] {
        let mut process = example(name, None);
        process.says(last_line_of_the_start);
        process.signal(signal);
        if !line_of_the_stop.is_empty() {
            process.says(line_of_the_stop);
        }
        let (code, said) = process.ended();
        assert_eq!((code, &*said), (Some(0), ""), "{name}, {signal}");
    }
}

#[track_caller]
fn fails(name: &str, code: i32, line: &str) {
    let (ended, said) = example(name, Some("fail")).ended();
    assert_eq!(ended, Some(code), "{name}: {said}");
    assert_eq!(said.lines().count(), 1, "{name}: {said}");
    assert!(
        said.starts_with(&format!("error: {line}")),
        "{name}: {said}"
    );
}

#[test]
fn three_workers() {
    obeys("workers", "three works", "is done");
    fails(
        "workers",
        70,
        "stopped because two failed to run: out of paper; ",
    );
}

#[cfg(feature = "admin")]
#[test]
fn resources_a_server_and_retries() {
    obeys("resources", "the pool is open", "the pool is closed");
    fails(
        "resources",
        69,
        "stopped because pool failed to start: no such host; ",
    );
}

#[cfg(feature = "disk")]
#[test]
fn a_service_with_checks_gauges_a_delay_and_a_cleanup() {
    let sample = r#"Sample { name: "letters", tags: [("box", "out")], value: 1.0 }"#;
    obeys("service", sample, "the folder is cleaned up");
    fails(
        "service",
        70,
        "stopped because mail failed to run: no mail server; ",
    );
}

#[cfg(feature = "admin")]
#[test]
fn a_full_one_with_probes_a_watchdog_and_restarts() {
    obeys("full", "the feed flows", "");
    fails(
        "full",
        70,
        "stopped because feed failed to run: the feed broke off; ",
    );
}

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let mut tests = String::new();
    for entry in std::fs::read_dir(crate_root().join("tests/it")).unwrap() {
        tests += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    let readme = std::fs::read_to_string(crate_root().join("README.md")).unwrap();
    let rows = readme
        .lines()
        .filter(|line| line.starts_with('|') && line.ends_with("` |"));
    let names: Vec<_> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    assert_eq!(names.len(), 9);
    for name in names {
        assert!(
            tests.contains(&format!("fn {name}()")),
            "no test is called {name}"
        );
    }
}

#[test]
fn an_example_is_read_in_a_minute() {
    let folder = crate_root().join("examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = text.lines().filter(code).count();
        assert!(lines <= 30, "{} has {lines} lines", path.display());
    }
}
