//! `orders serve`: puts the service together and runs it.
//!
//! | component | does | starts after | stops before |
//! |---|---|---|---|
//! | `grpc` | answers commands and queries | | everything that it calls, and `health` |
//! | `deadlines` | sends the commands whose time has come | | `read-model`, `log` |
//! | `erasures` | finishes erasures after a crash | | `read-model`, `log` |
//! | `read-model` | folds the log into the read model | the embedded log | `log` |
//! | `log` | opens the log and the keys; NATS in the background | | `health`, `admin` |
//! | `disk`, `clock` | check the surroundings | | |
//! | `watchdog` | checks that the runtime gets to run its tasks | | |
//! | `health` | answers health over gRPC | | `admin` |
//! | `admin` | answers probes and metrics over HTTP, to the last | | |
//!
//! Listeners are bound at once. NATS may come later: until then commands answer that the log is out
//! of reach, and health says so.

mod announce;
mod clock;
mod deadlines;
mod erasures;
mod failed;
mod guard;
mod handover;
mod log;
mod metrics;
mod name;
mod program;
mod read_model;
mod services;
mod shared;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::health::{self, Health, Requires};
use lifecycle::{Builder, ComponentExt, Member, Outcome, Restart, Signals, Supervisor, Watchdog};

use self::read_model::ReadModel;
use crate::cli::Settings;
use crate::config::{self, Config, Filter, Problem};
use crate::{exit, telemetry};
use announce::Announcement;
use failed::Failed;
use name::{ADMIN, CLOCK, DISK, GRPC, HEALTH, LOG, READ_MODEL};
use shared::Shared;

/// A node that alone lost the log leaves rotation only when it stays lost.
const DWELL: Duration = Duration::from_secs(5);
/// Tasks of a busy machine wait for a second or two, not for this long.
const STARVED: Duration = Duration::from_secs(15);
/// Below this the disk is reported. A rebuild needs room for a second view.
const FREE_PERCENT: u8 = 10;
/// What a time server may correct in one step.
const CLOCK_STEP: Duration = Duration::from_secs(5);

/// Runs the service until it is told to stop.
pub(crate) async fn serve(settings: &Settings) -> ExitCode {
    // Before anything else: a signal during the start must find somebody.
    let signals = Signals::arm();
    let terminal = telemetry::is_terminal();
    let loaded = config::load(settings);
    let format = loaded.log_format(terminal);
    let config = match loaded.config {
        Ok(config) => config,
        Err(problems) => {
            telemetry::install(format, &Filter::default());
            return refuse(&problems);
        }
    };
    telemetry::install(format, &config.logging.filter);
    warn_of_unknown(&loaded.layers.unknown_variables);
    let ended = match signals {
        Ok(signals) => Box::pin(run(&config, signals, terminal)).await,
        Err(error) => Err(Failed::signals(&error)),
    };
    ended.map_or_else(|failed| failed.report(), ExitCode::from)
}

fn refuse(problems: &[Problem]) -> ExitCode {
    for Problem { origin, text } in problems {
        tracing::error!(origin, "the configuration is not valid: {text}");
    }
    ExitCode::from(exit::CONFIGURATION)
}

/// Kubernetes injects `ORDERS_…` variables where a Service is named `orders`, so these are no errors.
fn warn_of_unknown(variables: &[String]) {
    if !variables.is_empty() {
        let variables = variables.join(", ");
        let hint = "unknown variables are ignored; `orders config show` lists all settings";
        tracing::warn!(variables, "{hint}");
    }
}

async fn run(config: &Config, signals: Signals, terminal: bool) -> Result<Outcome, Failed> {
    let shared = Shared::new(config);
    name_services(config, &shared.health);
    let read_model = if config.process.role.serves_queries() {
        Some(ReadModel::open(config, &shared).await?)
    } else {
        None
    };
    let listeners = Listeners::new(config, &shared, read_model.as_ref());
    let announcement = listeners.announcement(config, terminal);
    let health = shared.health.clone();
    let supervisor = components(config, shared, read_model, listeners)
        .termination_delay(config.shutdown.delay(terminal))
        .drain_timeout(config.shutdown.drain)
        .stop_timeout(config.shutdown.drain + config.shutdown.stop)
        .signals(signals)
        .build()?;
    tokio::select! {
        outcome = supervisor.run() => Ok(outcome),
        never = announcement.when_ready(&health) => match never {},
    }
}

/// The three ports.
struct Listeners {
    grpc: lifecycle::grpc::Server,
    health: lifecycle::grpc::Server,
    admin: lifecycle::admin::Server,
}

impl Listeners {
    fn new(config: &Config, shared: &Shared, read_model: Option<&ReadModel>) -> Self {
        let metrics = metrics::routes(Arc::clone(&shared.metrics));
        Self {
            grpc: services::server(config, shared, read_model),
            health: services::health_server(config, &shared.health),
            admin: lifecycle::admin::Server::new(config.admin.listen, shared.health.clone())
                .mount(metrics),
        }
    }

    fn announcement(&self, config: &Config, terminal: bool) -> Announcement {
        let bound = [self.grpc.bound(), self.health.bound(), self.admin.bound()];
        Announcement::new(config, terminal, bound)
    }
}

/// The table above, as code.
fn components(
    config: &Config,
    shared: Shared,
    read_model: Option<ReadModel>,
    listeners: Listeners,
) -> Builder {
    let log = log::member(config, &shared);
    let deadlines = read_model.as_ref().map(|it| {
        let (reader, grace) = (it.reader(), config.deadlines.clock_grace);
        deadlines::Component::new(reader, shared.commands.clone(), Arc::new(clock::now), grace)
    });
    let erasures = read_model
        .as_ref()
        .map(|it| erasures::Component::new(it.reader(), shared.keys.clone()));
    let read_model = read_model.map(|it| it.member(config));
    // Without a read model and with NATS there is nothing on this machine's disk.
    let disk = config.process.role.serves_queries();
    let disk = disk.then(|| lifecycle::disk(DISK, &config.process.data_dir, FREE_PERCENT));
    let clock = lifecycle::clock(CLOCK, clock::wall, CLOCK_STEP, config.deadlines.clock_grace);
    Supervisor::builder()
        .health(shared.health)
        .add(listeners.admin)
        .add(listeners.health.stops_before([ADMIN]))
        .add(Watchdog::new(STARVED))
        .maybe_add(disk)
        .add(clock)
        .add(log)
        .maybe_add(read_model)
        .maybe_add(deadlines.map(worker))
        .maybe_add(erasures.map(worker))
        .add(
            listeners
                .grpc
                .stops_before([READ_MODEL, LOG, HEALTH])
                .drain_within(config.shutdown.drain),
        )
}

/// Reads the read model and writes to the log. A panic in it is a defect, which the next round may not
/// meet again; five of them within ten minutes stop the process.
fn worker(component: impl ComponentExt) -> Member {
    let pauses = lifecycle::exponential(Duration::from_secs(1), Duration::from_secs(60));
    component
        .stops_before([READ_MODEL, LOG])
        .restart(Restart::new(5, Duration::from_secs(600), pauses))
}

/// What each name that health is asked for needs in order to be serving.
fn name_services(config: &Config, health: &Health) {
    let commands = "orders.v1.OrderCommandService";
    if config.process.role.serves_queries() {
        read_model::name_services(health);
    } else {
        health.service(health::READINESS, Requires::only([LOG, GRPC]).dwell(DWELL));
    }
    if config.serves_administration() {
        health.service("orders.v1.ReadModelService", Requires::only([GRPC]));
    }
    if config.process.role.serves_commands() {
        health.service(commands, Requires::only([LOG, GRPC]));
    }
}
