//! The two projections: opened, run, served, watched. Nothing about them stands elsewhere in the
//! wiring.

use std::sync::Arc;
use std::time::Duration;

use event_store::EventStore;
use lifecycle::health::{self, Health, Requires, Status};
use lifecycle::{ComponentExt as _, Error, Member, RunContext, StartContext, async_trait};
use projector::{Orders, Projection, ProjectionService, Projector, Reports};
use read_model::{Progress, Reader, Store};
use tokio::time::Instant;

use super::failed::{Failed, STORE_IO};
use super::handover;
use super::name::{GRPC, LOG};
use super::shared::Shared;
use crate::config::{Config, Log};

/// Names of the components.
pub(super) const NAMES: [&str; 2] = [ORDERS, REPORTS];
const ORDERS: &str = "projection.orders";
const REPORTS: &str = "projection.reports";

/// How long a log may be out of reach before an intact view serves without it.
const WITHOUT_LOG: Duration = Duration::from_secs(10);

/// Both projections, each with the view that it fills.
pub(super) struct Projections {
    orders: Component<Orders>,
    reports: Component<Reports>,
}

impl Projections {
    /// Opens both views.
    pub(super) async fn open(config: &Config, shared: &Shared) -> Result<Self, Failed> {
        Ok(Self {
            orders: Component::open(ORDERS, Orders, config, shared).await?,
            reports: Component::open(REPORTS, Reports, config, shared).await?,
        })
    }

    pub(super) fn orders(&self) -> Reader {
        self.orders.projector.reader()
    }

    pub(super) fn reports(&self) -> Reader {
        self.reports.projector.reader()
    }

    /// Rebuilds over gRPC.
    pub(super) fn administration(&self, log: Arc<dyn EventStore>) -> ProjectionService {
        let Self { orders, reports } = self;
        let views = vec![
            (Arc::clone(&orders.view), orders.projector.rebuild()),
            (Arc::clone(&reports.view), reports.projector.rebuild()),
        ];
        ProjectionService::new(log, views)
    }

    /// The embedded log opens in milliseconds, so they wait for it. NATS may take its time, and an
    /// intact view serves without it.
    pub(super) fn members(self, config: &Config) -> [Member; 2] {
        let after: &[&str] = match config.log {
            Log::Embedded => &[LOG],
            Log::Nats(_) => &[],
        };
        [self.orders.member(), self.reports.member()].map(|projection| {
            projection
                .after(after.iter().copied())
                .stops_before([LOG])
                .drain_within(config.shutdown.drain)
                .stop_within(config.shutdown.stop)
        })
    }
}

/// What the services that read the views need in order to be serving.
pub(super) fn name_services(health: &Health) {
    let needs = |service: &str, entries: &[&str]| {
        health.service(service, Requires::only(entries.iter().copied()));
    };
    needs(health::READINESS, &[ORDERS, REPORTS, GRPC]);
    needs("orders.v1.OrderQueryService", &[ORDERS, GRPC]);
    needs("orders.v1.OrderReportService", &[REPORTS, GRPC]);
    needs("orders.v1.OrderHistoryService", &[LOG, GRPC]);
}

/// Runs one projector.
struct Component<P: Projection> {
    name: &'static str,
    view: Arc<Store>,
    projector: Projector<P>,
}

impl<P: Projection> Component<P> {
    async fn open(
        name: &'static str,
        projection: P,
        config: &Config,
        shared: &Shared,
    ) -> Result<Self, Failed> {
        let view = open_view(config, projection.name(), projection.schema()).await?;
        shared.metrics.watch(&view);
        let projector = Projector::new(projection, shared.event_store(), Arc::clone(&view));
        Ok(Self {
            name,
            view,
            projector,
        })
    }
}

async fn open_view(config: &Config, name: &str, schema: u32) -> Result<Arc<Store>, Failed> {
    let root = config.process.data_dir.join("read-model");
    let open = || Store::open(&root, name, schema, config.read_model.cache.0);
    let is_in_use = |error: &_| matches!(error, read_model::Error::InUse { .. });
    let opened = handover::open(name, open, is_in_use).await;
    opened.map(Arc::new).map_err(|error| {
        let next_step = if is_in_use(&error) {
            "stop that process, or give this one a data_dir of its own"
        } else {
            "check that the data_dir can be written and its disk is well, then start again"
        };
        Failed::store(format!("the view {name}: {error}"), next_step)
    })
}

#[async_trait]
impl<P: Projection> lifecycle::Component for Component<P> {
    fn name(&self) -> &str {
        self.name
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        cx.health().not_ready("not caught up yet");
        Ok(())
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let reader = self.projector.reader();
        let report = report(reader, cx);
        tokio::select! {
            ended = self.projector.run(cx.token()) => {
                ended.map_err(|error| Error::new(error).with_exit_code(STORE_IO))
            }
            () = report => Ok(()),
        }
    }
}

/// Turns progress into health, for ever.
async fn report(reader: Reader, cx: &RunContext) {
    let mut progress = reader.progress();
    let mut since = Instant::now();
    let mut last = None;
    loop {
        {
            let progress = progress.borrow_and_update();
            if progress.trouble.is_none() {
                since = Instant::now();
            }
            let status = status(&progress, since.elapsed() >= WITHOUT_LOG);
            if last.as_ref() != Some(&status) {
                cx.health().set(status.clone());
                last = Some(status);
            }
        }
        // An outage changes nothing in the progress, but its age does.
        let changed = tokio::time::timeout(Duration::from_secs(1), progress.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            std::future::pending::<()>().await;
        }
    }
}

fn status(progress: &Progress, long: bool) -> Status {
    match &progress.trouble {
        Some(trouble) if progress.caught_up || (progress.intact && long) => {
            Status::Degraded(format!("serves what it has: {trouble}"))
        }
        Some(trouble) => Status::NotReady(trouble.clone()),
        None if !progress.caught_up => Status::NotReady(format!(
            "catching up, {} commits behind",
            progress.lag_commits()
        )),
        None if progress.parked > 0 => {
            Status::Degraded(format!("{} orders are parked", progress.parked))
        }
        None => Status::Ready,
    }
}
