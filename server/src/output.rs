//! Data goes to standard output, everything else to standard error. A closed pipe is not an error.

use std::io::{self, ErrorKind, Write as _};

/// One line of data. Nobody can be told when this fails.
pub(crate) fn line(text: &str) {
    drop(try_line(text));
}

/// One line of data.
///
/// # Errors
/// When it cannot be written, because the device is full for example.
pub(crate) fn try_line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// One line for people. Nobody can be told when this fails.
pub(crate) fn note(text: &str) {
    let mut out = io::stderr().lock();
    drop(writeln!(out, "{text}"));
}
