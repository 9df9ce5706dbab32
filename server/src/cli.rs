//! The command line. What `orders` does as a client is in the crate `client`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// An event-sourced order service: gRPC commands, a durable log, views, gRPC queries.
#[derive(Debug, Parser)]
#[command(
    name = "orders",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    after_help = client::exit::CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

impl Cli {
    /// The subcommand; `serve` when none was given.
    pub(crate) fn subcommand(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service. This is what `orders` does without a subcommand.
    #[command(after_help = "Examples: orders serve --data-dir ./data\n          \
                            orders serve --role query --set nats.url=nats://127.0.0.1:4222")]
    Serve(Serve),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(flatten)]
    Client(Box<client::Subcommand>),
}

#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Flags of the settings that are changed most; `--set` reaches every other.
#[derive(Debug, Default, Args)]
pub(crate) struct Settings {
    /// Configuration file, TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What this process does: all, command or query.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Directory of the embedded log, the keys and the read model.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Any setting, for example `--set nats.replicas=3`; see `orders config show`.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value and its origin.
    #[command(after_help = "Example: orders config show --config orders.toml")]
    Show(Settings),
    /// Check the configuration; exit 0 when it is valid, 78 when it is not.
    #[command(after_help = "Example: orders config validate --config orders.toml")]
    Validate(Settings),
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_fits_together() {
        Cli::command().debug_assert();
    }

    /// Every subcommand that has none below it, with the words that lead to it.
    fn leaves(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, clap::Command)> {
        let below: Vec<_> = command.get_subcommands().collect();
        if below.is_empty() {
            return vec![(path.to_owned(), command.clone())];
        }
        let below = below.into_iter().flat_map(|command| {
            let path: Vec<String> = [path, &[command.get_name().to_owned()]].concat();
            leaves(command, &path)
        });
        below.collect()
    }

    /// The command lines among the examples of a help text, up to a pipe.
    fn examples(help: &str) -> Vec<&str> {
        let lines = help.lines().map(str::trim);
        let lines = lines.map(|line| line.trim_start_matches("Examples: "));
        let lines = lines.map(|line| line.trim_start_matches("Example: "));
        let lines = lines.filter(|line| line.starts_with("orders "));
        lines
            .map(|line| line.split(" | ").next().unwrap_or_default())
            .collect()
    }

    /// Splits a line as a shell does; quotes are double.
    fn words(line: &str) -> Vec<OsString> {
        let mut words = Vec::new();
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 1 {
                words.push(part.into());
            } else {
                words.extend(part.split_ascii_whitespace().map(OsString::from));
            }
        }
        words
    }

    #[test]
    fn the_help_of_every_subcommand_has_an_example_that_parses() {
        let leaves = leaves(&Cli::command(), &[]);
        assert!(leaves.len() > 30, "{}", leaves.len());
        for (path, command) in leaves {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let examples = examples(&help);
            assert!(!examples.is_empty(), "{path:?} has no example: {help:?}");
            for example in examples {
                let words = client::arguments(words(example).into_iter());
                let matches = Cli::command().try_get_matches_from(words);
                let matches = matches.unwrap_or_else(|error| panic!("{example}: {error}"));
                let mut below = Some(&matches);
                for word in &path {
                    let (name, next) = below.and_then(|it| it.subcommand()).unzip();
                    assert_eq!(name, Some(&**word), "{example} is about something else");
                    below = next;
                }
            }
        }
    }

    #[test]
    fn flags_of_serve_need_no_subcommand() {
        let serve = |line: &str| Cli::try_parse_from(line.split(' ')).map(Cli::subcommand);
        let role = |command| match command {
            Ok(Command::Serve(serve)) => serve.settings.role,
            other => panic!("{other:?} is not serve"),
        };
        assert_eq!(role(serve("orders --role query")), Some("query".to_owned()));
        assert_eq!(
            role(serve("orders serve --role query")),
            Some("query".to_owned())
        );
        assert!(serve("orders --role query get o-1").is_err());
    }

    #[test]
    fn what_quiet_hides_is_said() {
        for (path, command) in leaves(&Cli::command(), &[]) {
            let quiet = command.get_arguments().find(|it| it.get_id() == "quiet");
            let help = quiet.and_then(clap::Arg::get_help).map(ToString::to_string);
            let said = help.is_none_or(|help| help.contains("progress") && help.contains("still"));
            assert!(said, "--quiet of {path:?}");
        }
    }
}
