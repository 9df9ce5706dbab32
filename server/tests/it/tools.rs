//! Real programs, fetched by `server/tests/tools/install`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// The folder that holds what was fetched.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("ORDERS_TOOLS_DIR").map_or_else(|| root().join("target/tools"), PathBuf::from)
}

/// A program, fetched if need be. What cannot be had is named, and is a failure under `CI=true`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = folder().join("bin").join(name);
    if !path.exists() {
        let install = root().join("server/tests/tools/install");
        let status = Command::new(install)
            .arg(name)
            .status()
            .expect("the install script runs");
        if !status.success() || !path.exists() {
            assert!(std::env::var_os("CI").is_none(), "{name} could not be had");
            // Not by `println!`: what a test that passes prints is never shown.
            writeln!(std::io::stderr(), "SKIPPED a test: {name} could not be had").expect("told");
            return None;
        }
    }
    Some(path)
}

/// Runs a program to its end; answers its exit code and what it printed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}
