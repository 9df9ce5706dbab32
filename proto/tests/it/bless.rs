//! Committed files that tests compare with, and the one way to write them anew.

use std::path::PathBuf;

/// Whether the run may write committed files: `ORDERS_BLESS=1`.
pub(crate) fn allowed() -> bool {
    std::env::var_os("ORDERS_BLESS").is_some_and(|value| value == "1")
}

/// A committed file.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// The text of a committed file; a missing one fails the test.
#[track_caller]
pub(crate) fn read(name: &str) -> String {
    let text = std::fs::read_to_string(path(name));
    assert!(
        text.is_ok(),
        "golden file {name}: {text:?}; a new one is written with ORDERS_BLESS=1"
    );
    text.unwrap_or_default()
}

/// Writes a committed file.
#[track_caller]
pub(crate) fn write(name: &str, text: &str) {
    std::fs::write(path(name), text).expect("the golden folder is writable");
}
