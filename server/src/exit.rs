//! How the process ends when a subcommand does: a message with the next step, and a documented code.

use std::process::ExitCode;

use tonic::Status;

use crate::output;

/// The command line is not one.
const USAGE: u8 = 64;
/// The request was refused, or the answer differs.
const REFUSED: u8 = 65;
/// A dependency is not there.
const UNAVAILABLE: u8 = 69;
/// The configuration is not valid.
pub(crate) const CONFIGURATION: u8 = 78;

/// Help and version are no errors; everything else is code 64.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if error.use_stderr() {
        output::note(text.to_string().trim_end());
        ExitCode::from(USAGE)
    } else {
        output::line(text.to_string().trim_end());
        ExitCode::SUCCESS
    }
}

/// Prints what failed and every cause of it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    output::note(&format!("error: {error:#}"));
    let unavailable = error.chain().any(|cause| {
        cause.is::<tonic::transport::Error>()
            || cause
                .downcast_ref::<Status>()
                .is_some_and(|s| s.code() == tonic::Code::Unavailable)
    });
    ExitCode::from(if unavailable { UNAVAILABLE } else { REFUSED })
}
