//! Real programs, fetched by `server/tests/tools/install` into the target folder.
//!
//! Cargo's test harness cannot skip a test that has begun. A test that lacks a program notes itself
//! in `target/tmp/skipped` and returns; `tests/skipped/main.rs` runs last and lists these tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// The folder that holds what was fetched.
pub(crate) fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let usual = || target.expect("a target folder").join("tools");
    std::env::var_os("ORDERS_TOOLS_DIR").map_or_else(usual, PathBuf::from)
}

/// A program, fetched if need be. A test that lacks it is skipped, and fails under `CI=true`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = folder().join("bin").join(name);
    if path.exists() || fetch(name) {
        was_found(name);
        return Some(path);
    }
    let script = root().join("server/tests/tools/install");
    let (_, how, _) = run(Command::new(script).args(["--how", name]));
    skip(name, how.trim());
    None
}

/// Whether the script has brought the program. It is asked once per process.
fn fetch(name: &str) -> bool {
    static ASKED: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    *asked.entry(name.to_owned()).or_insert_with(|| {
        let script = root().join("server/tests/tools/install");
        let mut script = Command::new(script);
        script.arg(name).env("ORDERS_TOOLS_DIR", folder());
        run(&mut script).0 == 0
    })
}

/// Skips this test for want of a program; fails under `CI=true`, where all tests must run.
pub(crate) fn skip(lacks: &str, how: &str) {
    let complete = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(
        !complete,
        "{lacks} is missing, and no test may be skipped under CI=true; {how}"
    );
    note_skipped(lacks, how);
}

/// Notes that this test did not run, what it lacks, and how to get it.
pub(crate) fn note_skipped(lacks: &str, how: &str) {
    let note = note(lacks);
    std::fs::create_dir_all(note.parent().expect("a folder")).expect("a folder for notes");
    std::fs::write(note, format!("{lacks}\n{}\n{how}\n", test())).expect("a note");
}

/// Takes back what an earlier run noted: this test runs now.
pub(crate) fn was_found(name: &str) {
    // Usually there is no note of an earlier run.
    drop(std::fs::remove_file(note(name)));
}

fn note(lacks: &str) -> PathBuf {
    let name =
        format!("{}-{}-{lacks}", env!("CARGO_PKG_NAME"), test()).replace([':', '/', ' '], "_");
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("skipped")
        .join(name)
}

/// The name of this test; the harness names the thread after it.
fn test() -> String {
    let thread = std::thread::current();
    thread.name().unwrap_or("a test").to_owned()
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
