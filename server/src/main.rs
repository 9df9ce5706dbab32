//! The orders service: one binary, which serves, and which is its own client.

mod cli;
mod config;
mod exit;
mod output;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};

/// Commits, rows and replies are many small values; docs/adr/0007 has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(client::arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&error.into()),
    };
    let code = runtime.block_on(run(cli.subcommand()));
    // A handler that blocks its thread was named by the supervisor; it must not hold the exit.
    runtime.shutdown_background();
    code
}

async fn run(command: Command) -> ExitCode {
    match command {
        Command::Serve(arguments) => Box::pin(serve::serve(&arguments.settings)).await,
        Command::Config(arguments) => config::run(&arguments),
        Command::Client(subcommand) => match Box::pin(subcommand.run()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::client(&error),
        },
    }
}
