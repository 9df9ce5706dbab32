//! `orders serve`: reads the configuration, puts the service together, runs it.
//!
//! ```text
//!   grpc ──stops before──▶ projection.orders, projection.reports ──▶ log ──▶ health, admin
//! ```
//!
//! Listeners are bound at once. The log may come later: until then commands answer that it is out
//! of reach, and health says so.

mod banner;
mod deadlines;
mod erasures;
mod guard;
mod handover;
mod log;
mod metrics;
mod projection;
mod services;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Deferred, EventStore, KeyStore};
use lifecycle::health::{self, Requires};
use lifecycle::{Builder, ComponentExt, Health, Member, Signals, Supervisor};
use order::value::Timestamp;
use projector::{Orders, Projection as _, Projector, Reports};
use read_model::Store;

use crate::cli::{ConfigCommand, Settings};
use crate::config::{Config, Layers, Problem, SETTINGS, Sources, without_credentials};
use crate::{exit, output, telemetry};

/// Names of the components; health and dependencies know them by these.
const LOG: &str = "log";
const GRPC: &str = "grpc";
const HEALTH: &str = "health";
const ADMIN: &str = lifecycle::admin::Server::NAME;
const ORDERS: &str = "projection.orders";
const REPORTS: &str = "projection.reports";
const DEADLINES: &str = "deadlines";
const ERASURES: &str = "erasures";

/// A node that alone lost the log leaves rotation only when it stays lost.
const DWELL: Duration = Duration::from_secs(5);

/// Runs the service until it is told to stop.
pub(crate) async fn serve(settings: &Settings) -> ExitCode {
    // Before anything else: a signal during the start must find somebody.
    let signals = match Signals::arm() {
        Ok(signals) => signals,
        Err(error) => return exit::failed(&anyhow::Error::msg(error.to_string())),
    };
    let (layers, config) = match load(settings) {
        Ok(loaded) => loaded,
        Err(problems) => return report(&problems),
    };
    telemetry::install(&config);
    for variable in &layers.unknown_variables {
        tracing::warn!(
            variable,
            "unknown variable ignored; `orders config show` lists all settings"
        );
    }
    match assemble(&config).await {
        Ok(builder) => run(builder.signals(signals)).await,
        Err(error) => exit::failed(&error),
    }
}

async fn run(builder: Builder) -> ExitCode {
    match builder.build() {
        Ok(supervisor) => Box::pin(supervisor.run()).await.into(),
        Err(error) => exit::failed(&anyhow::Error::msg(format!("{error}"))),
    }
}

/// `orders config show` and `orders config validate`.
pub(crate) fn config(command: &ConfigCommand) -> ExitCode {
    let (ConfigCommand::Show(settings) | ConfigCommand::Validate(settings)) = command;
    let (layers, _) = match load(settings) {
        Ok(loaded) => loaded,
        Err(problems) => return report(&problems),
    };
    if matches!(command, ConfigCommand::Validate(_)) {
        output::line("the configuration is valid");
        return ExitCode::SUCCESS;
    }
    let rows: Vec<Vec<String>> = SETTINGS
        .iter()
        .map(|setting| {
            let value = layers.value(setting.name);
            let shown = if setting.secret && !value.is_empty() {
                "[redacted]".to_owned()
            } else if setting.name == "nats.url" {
                without_credentials(value)
            } else {
                value.to_owned()
            };
            let origin = layers.origin(setting.name).to_string();
            vec![
                setting.name.to_owned(),
                shown,
                origin,
                setting.about.to_owned(),
            ]
        })
        .collect();
    output::line(&crate::client::table(
        &["SETTING", "VALUE", "FROM", "WHAT"],
        &rows,
    ));
    ExitCode::SUCCESS
}

fn load(settings: &Settings) -> Result<(Layers, Config), Vec<Problem>> {
    let sources = sources(settings)?;
    let (layers, problems) = Layers::read(sources);
    if !problems.is_empty() {
        return Err(problems);
    }
    let terminal = std::io::stdout().is_terminal();
    let config = Config::load(&layers, terminal)?;
    Ok((layers, config))
}

fn sources(settings: &Settings) -> Result<Sources, Vec<Problem>> {
    let problem = |origin: &str, text: String| {
        vec![Problem {
            origin: origin.to_owned(),
            text,
        }]
    };
    let file = match &settings.config {
        None => None,
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| {
                problem("flag --config", format!("failed to read {name}: {error}"))
            })?;
            Some((name, text))
        }
    };
    let (mut flags, mut sets) = (Vec::new(), Vec::new());
    let given = [("role", &settings.role), ("data_dir", &settings.data_dir)];
    for (name, value) in given {
        flags.extend(value.clone().map(|value| (name.to_owned(), value)));
    }
    for set in &settings.set {
        let (name, value) = set
            .split_once('=')
            .ok_or_else(|| problem("flag --set", format!("{set:?} is not NAME=VALUE")))?;
        sets.push((name.to_owned(), value.to_owned()));
    }
    Ok(Sources {
        file,
        environment: environment()?,
        flags,
        sets,
    })
}

/// The environment as text. What is none is a problem where it is ours, and nobody's business else.
fn environment() -> Result<Vec<(String, String)>, Vec<Problem>> {
    let mut readable = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => readable.push((name, value)),
            Err(_) if !name.starts_with("ORDERS_") => {}
            Err(_) => {
                return Err(vec![Problem {
                    origin: format!("env {name}"),
                    text: "is not UTF-8".to_owned(),
                }]);
            }
        }
    }
    Ok(readable)
}

fn report(problems: &[Problem]) -> ExitCode {
    output::note("error: the configuration is not valid");
    for problem in problems {
        output::note(&format!("  {problem}"));
    }
    ExitCode::from(exit::CONFIGURATION)
}

/// Everything that the parts share.
struct Parts {
    log: Deferred<dyn EventStore>,
    keys: Deferred<dyn KeyStore>,
    health: Health,
    metrics: Arc<metrics::Metrics>,
}

async fn assemble(config: &Config) -> anyhow::Result<Builder> {
    let parts = Parts {
        log: Deferred::new(),
        keys: Deferred::new(),
        health: Health::new(),
        metrics: Arc::new(metrics::Metrics::new()),
    };
    let projections = if config.role.serves_queries() {
        Some(projections(config, &parts).await?)
    } else {
        None
    };
    name_services(config, &parts.health);
    let commands = services::commands(config, &parts);
    let routes = services::routes(config, &parts, &commands, projections.as_ref());
    let workers = projections.as_ref().map(|(_, orders, _)| {
        let clock: command::Clock = Arc::new(now);
        let grace = config.clock_grace;
        (
            deadlines::Component::new(orders.reader(), commands, clock, grace),
            erasures::Component::new(orders.reader(), parts.keys.clone()),
        )
    });
    let (deadlines, erasures) = workers.unzip();
    let grpc = services::server(config, routes);
    let health = services::health_server(config, &parts.health);
    let admin = lifecycle::admin::Server::new(config.admin_listen, parts.health.clone())
        .mount(metrics::routes(Arc::clone(&parts.metrics)));
    let banner = banner::Banner::new(config, grpc.bound(), health.bound(), admin.bound());
    let (orders, reports) = projections.map_or((None, None), |(_, o, r)| (Some(o), Some(r)));
    let log = log::member(config, &parts);
    Ok(Supervisor::builder()
        .health(parts.health)
        .termination_delay(config.termination_delay)
        .drain_timeout(config.drain)
        .stop_timeout(config.drain + config.stop)
        .add(admin)
        .add(health.stops_before([ADMIN]))
        .add(log)
        .maybe_add(orders.map(|it| view(config, it)))
        .maybe_add(reports.map(|it| view(config, it)))
        .maybe_add(deadlines.map(|it| it.stops_before([ORDERS, LOG])))
        .maybe_add(erasures.map(|it| it.stops_before([ORDERS, LOG])))
        .add(
            grpc.stops_before([ORDERS, REPORTS, LOG, HEALTH])
                .drain_within(config.drain),
        )
        .add(banner.after([GRPC, HEALTH, ADMIN])))
}

fn view(config: &Config, projection: impl ComponentExt) -> Member {
    // The embedded log opens in milliseconds; NATS may take its time, and an intact view serves.
    let before: &[&str] = if config.nats.is_none() { &[LOG] } else { &[] };
    projection
        .after(before.iter().copied())
        .stops_before([LOG])
        .drain_within(config.drain)
        .stop_within(config.stop)
}

async fn projections(config: &Config, parts: &Parts) -> anyhow::Result<services::Projections> {
    let orders = open_view(config, Orders.name(), Orders.schema()).await?;
    let reports = open_view(config, Reports.name(), Reports.schema()).await?;
    parts.metrics.watch(&orders);
    parts.metrics.watch(&reports);
    let log: Arc<dyn EventStore> = Arc::new(parts.log.clone());
    Ok((
        (Arc::clone(&orders), Arc::clone(&reports)),
        projection::Component::new(ORDERS, Projector::new(Orders, Arc::clone(&log), orders)),
        projection::Component::new(REPORTS, Projector::new(Reports, log, reports)),
    ))
}

async fn open_view(config: &Config, name: &str, schema: u32) -> anyhow::Result<Arc<Store>> {
    let root = config.data_dir.join("read-model");
    let open = || Store::open(&root, name, schema, config.read_model_cache);
    let is_in_use = |error: &_| matches!(error, read_model::Error::InUse { .. });
    let opened = handover::open(name, open, is_in_use).await;
    opened.map(Arc::new).map_err(|error| {
        let next = if is_in_use(&error) {
            "; stop that process, or give this one a data_dir of its own"
        } else {
            ""
        };
        anyhow::Error::new(error).context(format!("failed to open the view {name}{next}"))
    })
}

/// What each name that health is asked for needs in order to be serving.
fn name_services(config: &Config, health: &Health) {
    let command = "orders.v1.OrderCommandService";
    if config.role.serves_queries() {
        health.service(health::READINESS, Requires::only([ORDERS, REPORTS, GRPC]));
        health.service(
            "orders.v1.OrderQueryService",
            Requires::only([ORDERS, GRPC]),
        );
        health.service(
            "orders.v1.OrderReportService",
            Requires::only([REPORTS, GRPC]),
        );
        health.service("orders.v1.OrderHistoryService", Requires::only([LOG, GRPC]));
    } else {
        health.service(health::READINESS, Requires::only([LOG, GRPC]).dwell(DWELL));
    }
    if config.serves_administration() {
        health.service("orders.v1.ProjectionService", Requires::only([GRPC]));
    }
    if config.role.serves_commands() {
        health.service(command, Requires::only([LOG, GRPC]));
    }
}

/// The clock of the process: microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge where time enters"
)]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map(|since| since.as_micros()).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
