//! Numbers for Prometheus. No ids in labels.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use read_model::Store;

/// Everything that is counted.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    commands: Family<CommandLabels, Counter>,
    append_seconds: Histogram,
    conflicts: Counter,
    replays: Counter,
    position: Family<ProjectionLabels, Gauge>,
    head: Family<ProjectionLabels, Gauge>,
    lag: Family<ProjectionLabels, Gauge>,
    parked: Family<ProjectionLabels, Gauge>,
    views: Mutex<Vec<Arc<Store>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProjectionLabels {
    projection: String,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            commands: Family::default(),
            append_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            conflicts: Counter::default(),
            replays: Counter::default(),
            position: Family::default(),
            head: Family::default(),
            lag: Family::default(),
            parked: Family::default(),
            views: Mutex::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs", build);
        registry.register(
            "orders_commands",
            "Commands by name, outcome and reason",
            self.commands.clone(),
        );
        registry.register(
            "orders_append_duration_seconds",
            "Time until the log acknowledged an append",
            self.append_seconds.clone(),
        );
        registry.register(
            "orders_append_conflicts",
            "Appends that lost a race against another writer",
            self.conflicts.clone(),
        );
        registry.register(
            "orders_command_replays",
            "Commands answered with the reply of an earlier request",
            self.replays.clone(),
        );
        let gauges = [
            (
                "orders_projection_position",
                "Sequences folded, all partitions",
                &self.position,
            ),
            (
                "orders_projection_head",
                "Sequences in the log, all partitions",
                &self.head,
            ),
            (
                "orders_projection_lag_commits",
                "Commits not folded yet",
                &self.lag,
            ),
            ("orders_projection_parked", "Orders set aside", &self.parked),
        ];
        for (name, help, family) in gauges {
            registry.register(name, help, family.clone());
        }
    }

    /// Shows a projection's progress from now on.
    pub(super) fn watch(&self, views: &Arc<Store>) {
        self.views
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(views));
    }

    fn sample(&self) {
        for views in self
            .views
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            let progress = views.progress().borrow().clone();
            let labels = ProjectionLabels {
                projection: views.projection().to_owned(),
            };
            let sum =
                |sequences: Vec<u64>| i64::try_from(sequences.iter().sum::<u64>()).unwrap_or(0);
            let position = sum(progress.positions.values().copied().collect());
            self.position.get_or_create(&labels).set(position);
            self.head
                .get_or_create(&labels)
                .set(sum(progress.head.values().copied().collect()));
            self.lag
                .get_or_create(&labels)
                .set(sum(vec![progress.lag_commits()]));
            self.parked
                .get_or_create(&labels)
                .set(sum(vec![progress.parked]));
        }
    }

    fn render(&self) -> String {
        self.sample();
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = encode(&mut text, &registry) {
            tracing::error!(%error, "failed to encode the metrics");
        }
        text
    }
}

impl command::Observer for Metrics {
    fn command(&self, method: &'static str, end: command::End, reason: &'static str) {
        let labels = CommandLabels {
            command: method,
            outcome: end.label(),
            reason,
        };
        self.commands.get_or_create(&labels).inc();
        if end == command::End::Replayed {
            self.replays.inc();
        }
    }

    fn append(&self, took: Duration) {
        self.append_seconds.observe(took.as_secs_f64());
    }

    fn conflict(&self) {
        self.conflicts.inc();
    }
}

/// `/metrics`.
pub(super) fn routes(metrics: Arc<Metrics>) -> Router {
    let content = [(
        "content-type",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )];
    Router::new().route(
        "/metrics",
        get(move || async move { (content, metrics.render()) }),
    )
}
