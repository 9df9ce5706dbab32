//! The orders service: one binary, which serves, and which is its own client.

mod cli;
mod client;
mod config;
mod exit;
mod import;
mod output;
mod progress;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};

/// Commits, rows and replies are many small values; docs/adr/0007 has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(cli::arguments(std::env::args_os())) {
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
    let code = runtime.block_on(run(cli
        .command
        .unwrap_or(Command::Serve(cli::Serve::default()))));
    // A handler that blocks its thread was named by the supervisor; it must not hold the exit.
    runtime.shutdown_background();
    code
}

async fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Serve(arguments) => return Box::pin(serve::serve(&arguments.settings)).await,
        Command::Config(arguments) => return config::run(&arguments),
        Command::Healthcheck(arguments) => {
            return ExitCode::from(client::healthcheck(arguments).await);
        }
        Command::Change(command) => Box::pin(client::change(*command)).await,
        Command::Get(arguments) => client::get(arguments).await,
        Command::List(arguments) => client::list(arguments).await,
        Command::Count(arguments) => client::count(arguments).await,
        Command::Lookup(arguments) => client::lookup(arguments).await,
        Command::History(arguments) => client::history(arguments).await,
        Command::Report(cli::Report::Revenue(arguments)) => client::revenue(arguments).await,
        Command::Report(cli::Report::Skus(arguments)) => client::skus(arguments).await,
        Command::Report(cli::Report::States(arguments)) => client::states(arguments).await,
        Command::Report(cli::Report::Funnel(arguments)) => client::funnel(arguments).await,
        Command::Projection(cli::Projection::List(arguments)) => {
            client::list_projections(arguments).await
        }
        Command::Projection(cli::Projection::Rebuild(arguments)) => {
            client::rebuild(arguments).await
        }
        Command::Import(arguments) => Box::pin(client::import(arguments)).await,
    };
    done.map_or_else(|error| exit::failed(&error), |()| ExitCode::SUCCESS)
}
