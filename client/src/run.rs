//! A subcommand's arguments, and how they are carried out.

use clap::{Args, Command};

use crate::error::Error;
use crate::flag;

/// The arguments of one subcommand.
pub(crate) trait Run: Args {
    /// Does what the subcommand says.
    ///
    /// # Errors
    /// Each implementation's own.
    async fn run(self) -> Result<(), Error>;
}

/// Carries a subcommand out. A refusal of the service names the flags that were given instead of
/// the fields that these became.
///
/// # Errors
/// Those of the subcommand.
pub(crate) async fn run<R: Run>(arguments: R) -> Result<(), Error> {
    let done = Box::pin(arguments.run()).await;
    done.map_err(|error| match error {
        Error::Refused(refusal) => {
            let command = R::augment_args(Command::new(""));
            Error::Refused(Box::new(refusal.name(|field| flag::of(&command, field))))
        }
        other => other,
    })
}
