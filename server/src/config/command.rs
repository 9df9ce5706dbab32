//! `orders config show` and `orders config validate`.

use std::process::ExitCode;

use super::{load, show};
use crate::cli::ConfigCommand;
use crate::{exit, output};

pub(crate) fn run(command: &ConfigCommand) -> ExitCode {
    let (ConfigCommand::Show(given) | ConfigCommand::Validate(given)) = command;
    let loaded = load(given);
    if let Err(problems) = &loaded.config {
        output::note("error: the configuration is not valid");
        for problem in problems {
            output::note(&format!("  {problem}"));
        }
        return ExitCode::from(exit::CONFIGURATION);
    }
    match command {
        ConfigCommand::Validate(_) => output::line("the configuration is valid"),
        ConfigCommand::Show(_) => {
            output::line(&client::table(
                &show::COLUMNS,
                &show::values(&loaded.layers),
            ));
        }
    }
    ExitCode::SUCCESS
}
