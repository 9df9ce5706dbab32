//! How the process ends: a message with the next step, and a documented exit code.

use std::process::ExitCode;

use client::exit::{REFUSED, STORAGE, USAGE};

use crate::output;

pub(crate) use client::exit::CONFIGURATION;

/// Help and version are not errors; every other result of the parser is a wrong command line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        output::note(text.trim_end());
        return ExitCode::from(USAGE);
    }
    match output::try_line(text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failed(&anyhow::Error::new(error).context("failed to write to standard output"))
        }
    }
}

/// Prints why a client subcommand failed.
pub(crate) fn client(error: &client::Error) -> ExitCode {
    output::note(&format!("error: {error}"));
    ExitCode::from(error.code())
}

/// Prints what failed and every cause of it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    output::note(&format!("error: {error:#}"));
    let storage = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<read_model::Error>() || cause.is::<std::io::Error>()
    };
    ExitCode::from(if error.chain().any(storage) {
        STORAGE
    } else {
        REFUSED
    })
}
