//! Data goes to standard output, everything else to standard error.

use std::io::{self, ErrorKind, Write};

use crate::error::Error;

/// Writes data, and ends it with a line break.
///
/// A reader that has closed the pipe has seen enough (`orders list | head -1`): no error.
///
/// # Errors
/// When the data cannot be written, because the device is full for example.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    write_line(&mut io::stdout().lock(), text)
}

fn write_line(out: &mut impl Write, text: &str) -> Result<(), Error> {
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::storage("write to standard output")),
    }
}

/// Writes one line for people. Nobody can be told when this fails.
pub(crate) fn note(text: &str) {
    let mut out = io::stderr().lock();
    drop(writeln!(out, "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_device_is_an_error_of_storage() {
        let error = write_line(&mut Failing(ErrorKind::StorageFull), "data").expect_err("full");
        assert_eq!(error.code(), 74);
        assert!(error.to_string().contains("standard output"), "{error}");
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        write_line(&mut Failing(ErrorKind::BrokenPipe), "data").expect("enough was read");
    }
}
