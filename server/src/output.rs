//! Data on standard output, talk on standard error. A closed pipe is not an error of ours.

use std::io::Write as _;

/// One line of data.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}"));
}

/// One line of talk.
pub(crate) fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(writeln!(out, "{text}"));
}
