//! How the process ends when a subcommand does: a message with the next step, and a documented code.

use std::process::ExitCode;

use tonic::Code;

use crate::client::Refusal;
use crate::output;

/// The command line is not one.
const USAGE: u8 = 64;
/// The request was refused, or the answer differs.
const REFUSED: u8 = 65;
/// A dependency is not there.
const UNAVAILABLE: u8 = 69;
/// A defect of the service.
const INTERNAL: u8 = 70;
/// Reading or writing a file failed.
const STORAGE: u8 = 74;
/// Not now; the same again later may do.
const TEMPORARY: u8 = 75;
/// The configuration is not valid.
pub(crate) const CONFIGURATION: u8 = 78;

/// The codes above, for `--help`.
pub(crate) const CODES: &str = "\
Exit codes: 0   done
            64  the command line is wrong
            65  refused, or the answer differs
            69  the service, or what it needs, is not there
            70  the service failed
            74  a file or a store cannot be read or written
            75  not now; repeat it later
            78  the configuration is wrong
`healthcheck` has the codes of grpc-health-probe.";

/// A command line that clap takes, and that still cannot be meant.
#[derive(Debug)]
pub(crate) struct Misuse(pub(crate) String);

impl std::error::Error for Misuse {}

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

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
    let codes = error.chain().filter_map(|cause| {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return Some(refused(refusal));
        }
        if cause.is::<Misuse>() {
            return Some(USAGE);
        }
        if cause.is::<read_model::Error>() || cause.is::<std::io::Error>() {
            return Some(STORAGE);
        }
        cause.is::<tonic::transport::Error>().then_some(UNAVAILABLE)
    });
    ExitCode::from({ codes }.next().unwrap_or(REFUSED))
}

fn refused(refusal: &Refusal) -> u8 {
    match refusal.code {
        Code::Unavailable => UNAVAILABLE,
        Code::Internal | Code::Unknown | Code::DataLoss => INTERNAL,
        Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => TEMPORARY,
        Code::Aborted if refusal.reason == "CONTENTION" => TEMPORARY,
        _the_request => REFUSED,
    }
}
