//! Numbers for Prometheus. No ids in labels.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
use read_model::{Progress, Store};

/// Everything that is counted.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    commands: Family<CommandLabels, Counter>,
    append_seconds: Histogram,
    conflicts: Counter,
    replays: Counter,
    read_model: Gauges,
    store: OnceLock<Arc<Store>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

/// What is shown of the read model; sampled when it is asked for.
#[derive(Default)]
struct Gauges {
    position: Gauge,
    head: Gauge,
    lag_commits: Gauge,
    lag_seconds: Gauge<f64, AtomicU64>,
    serving: Gauge,
    parked: Gauge,
    damaged: Gauge,
    rolled_back: Gauge,
    different: Gauge,
    work_done: Gauge,
    work_total: Gauge,
}

impl Gauges {
    fn all(&self) -> [(&'static str, &'static str, &Gauge); 10] {
        [
            (
                "position",
                "Sequences folded, all partitions",
                &self.position,
            ),
            ("head", "Sequences in the log, all partitions", &self.head),
            ("lag_commits", "Commits not folded yet", &self.lag_commits),
            ("serving", "1 while a view serves", &self.serving),
            ("parked_orders", "Orders set aside", &self.parked),
            (
                "damaged",
                "Generations found damaged since the start",
                &self.damaged,
            ),
            (
                "rolled_back",
                "Logs found rolled back since the start",
                &self.rolled_back,
            ),
            (
                "different",
                "Rebuilds and verifications that differed since the start",
                &self.different,
            ),
            (
                "work_done",
                "Commits folded by the build or check that runs",
                &self.work_done,
            ),
            (
                "work_total",
                "Commits that the build or check that runs has to fold",
                &self.work_total,
            ),
        ]
    }

    fn sample(&self, progress: &Progress) {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let behind = progress
            .behind_since
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        self.lag_seconds.set(behind);
        let work = progress.work.map_or((0, 0), |work| (work.done, work.total));
        for (gauge, value) in [
            (&self.position, progress.positions.values().sum()),
            (&self.head, progress.head.values().sum()),
            (&self.lag_commits, progress.lag_commits()),
            (&self.serving, u64::from(progress.serving)),
            (&self.parked, progress.parked),
            (&self.damaged, progress.healed.damaged),
            (&self.rolled_back, progress.healed.rolled_back),
            (&self.different, progress.healed.different),
            (&self.work_done, work.0),
            (&self.work_total, work.1),
        ] {
            gauge.set(count(value));
        }
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            commands: Family::default(),
            append_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            conflicts: Counter::default(),
            replays: Counter::default(),
            read_model: Gauges::default(),
            store: OnceLock::new(),
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
        for (name, help, gauge) in self.read_model.all() {
            registry.register(format!("orders_read_model_{name}"), help, gauge.clone());
        }
        registry.register(
            "orders_read_model_lag_seconds",
            "For how long the view has not shown everything",
            self.read_model.lag_seconds.clone(),
        );
    }

    /// Shows the progress of this read model from now on.
    pub(super) fn watch(&self, store: &Arc<Store>) {
        // One process has one.
        self.store.get_or_init(|| Arc::clone(store));
    }

    fn sample(&self) {
        if let Some(store) = self.store.get() {
            self.read_model.sample(&store.progress().borrow());
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
