//! The read model: opened, run, served, watched. Nothing about it stands elsewhere in the wiring.

use std::sync::Arc;
use std::time::Duration;

use event_store::EventStore;
use lifecycle::health::{self, Health, Requires, Status};
use lifecycle::{ComponentExt as _, Error, Member, RunContext, StartContext, async_trait};
use projector::{FOLD, ReadModelService, Runner, Settings};
use read_model::{Progress, Reader, Sled, Store, Work};
use tokio::time::Instant;

use super::failed::Failed;
use super::name::{GRPC, LOG, READ_MODEL};
use super::shared::Shared;
use super::{handover, program};
use crate::config::{Config, Log};

/// How long a log may be out of reach before the view serves without it.
const WITHOUT_LOG: Duration = Duration::from_secs(10);

/// What folds the log into the read model, and the folder that it fills.
pub(super) struct ReadModel {
    store: Arc<Store>,
    runner: Runner,
    log: Arc<dyn EventStore>,
}

impl ReadModel {
    /// Takes the folder. That another process has it is the only reason not to start: what is
    /// damaged is healed, and what the disk refuses is tried again while the process runs.
    pub(super) async fn open(config: &Config, shared: &Shared) -> Result<Self, Failed> {
        let root = config.process.data_dir.join("read-model");
        let engine = Sled {
            cache_bytes: config.read_model.cache.0,
        };
        let store = Arc::new(Store::new(&root, FOLD, Arc::new(engine)));
        let is_in_use = |error: &_| matches!(error, read_model::Error::InUse { .. });
        match handover::open("read model", || store.take(), is_in_use).await {
            Err(error) if is_in_use(&error) => {
                let next_step = "stop that process, or give this one a data_dir of its own";
                return Err(Failed::store(error, next_step));
            }
            Ok(()) | Err(_) => {}
        }
        shared.metrics.watch(&store);
        let settings = Settings {
            program: program::build().into(),
            ..Settings::default()
        };
        let log = shared.event_store();
        let runner = Runner::new(
            projector::all(),
            Arc::clone(&log),
            Arc::clone(&store),
            settings,
        );
        Ok(Self { store, runner, log })
    }

    pub(super) fn reader(&self) -> Reader {
        self.store.reader()
    }

    /// Rebuilds and verifications over gRPC.
    pub(super) fn administration(&self) -> ReadModelService {
        let (store, log) = (Arc::clone(&self.store), Arc::clone(&self.log));
        ReadModelService::new(store, self.runner.operator(), log)
    }

    /// The embedded log opens in milliseconds, so it is waited for. NATS may take its time, and an
    /// intact view serves without it.
    pub(super) fn member(self, config: &Config) -> Member {
        let after: &[&str] = match config.log {
            Log::Embedded => &[LOG],
            Log::Nats(_) => &[],
        };
        self.after(after.iter().copied())
            .stops_before([LOG])
            .drain_within(config.shutdown.drain)
            .stop_within(config.shutdown.stop)
    }
}

/// What the services that read the view need in order to be serving.
pub(super) fn name_services(health: &Health) {
    let needs = |service: &str, entries: &[&str]| {
        health.service(service, Requires::only(entries.iter().copied()));
    };
    needs(health::READINESS, &[READ_MODEL, GRPC]);
    needs("orders.v1.OrderQueryService", &[READ_MODEL, GRPC]);
    needs("orders.v1.OrderReportService", &[READ_MODEL, GRPC]);
    needs("orders.v1.OrderHistoryService", &[LOG, GRPC]);
}

#[async_trait]
impl lifecycle::Component for ReadModel {
    fn name(&self) -> &str {
        READ_MODEL
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        cx.health().not_ready("not open yet");
        Ok(())
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let report = report(self.runner.reader(), cx);
        tokio::select! {
            () = self.runner.run(cx.token()) => {}
            () = report => {}
        }
        Ok(())
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
    if !progress.serving {
        return Status::NotReady(match (&progress.trouble, &progress.work) {
            (Some(trouble), _) => trouble.clone(),
            (None, Some(work)) => describe(work),
            (None, None) => "not open yet".to_owned(),
        });
    }
    match &progress.trouble {
        Some(trouble) if progress.caught_up || long => {
            Status::Degraded(format!("serves what it has: {trouble}"))
        }
        Some(trouble) => Status::NotReady(trouble.clone()),
        None if !progress.caught_up => Status::NotReady(format!(
            "catching up, {} commits behind",
            progress.lag_commits()
        )),
        None if progress.parked > 0 => Status::Degraded(format!(
            "{} orders are parked; the first: {}",
            progress.parked, progress.first_parked
        )),
        None => Status::Ready,
    }
}

/// In steps of a percent, so that health does not change with every commit.
fn describe(work: &Work) -> String {
    let what = match work.task {
        read_model::Task::Check => "being verified",
        read_model::Task::Build | read_model::Task::Rebuild | read_model::Task::Verify => {
            "being built"
        }
    };
    match work.done.saturating_mul(100).checked_div(work.total) {
        Some(percent) if work.task != read_model::Task::Check => {
            format!("{what}, {percent} % of {} commits", work.total)
        }
        Some(_) | None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use read_model::Task;

    fn serving() -> Progress {
        Progress {
            serving: true,
            caught_up: true,
            ..Progress::default()
        }
    }

    #[test]
    fn without_a_view_it_is_not_ready_and_says_how_far_the_build_is() {
        let work = Work {
            done: 30,
            ..Work::new(Task::Build, 120)
        };
        let building = Progress {
            work: Some(work),
            ..Progress::default()
        };
        let shown = status(&building, true);
        assert_eq!(
            shown,
            Status::NotReady("being built, 25 % of 120 commits".into())
        );
    }

    #[test]
    fn an_outage_of_the_log_degrades_what_serves_and_never_stops_it() {
        let away = Progress {
            trouble: Some("the log is away".into()),
            ..serving()
        };
        let degraded = Status::Degraded("serves what it has: the log is away".into());
        assert_eq!(status(&away, false), degraded);
        // Never caught up since the start: only after a while.
        let fresh = Progress {
            caught_up: false,
            ..away
        };
        assert_eq!(
            status(&fresh, false),
            Status::NotReady("the log is away".into())
        );
        assert_eq!(status(&fresh, true), degraded);
    }

    #[test]
    fn parked_orders_degrade_and_the_first_is_named() {
        let parked = Progress {
            parked: 2,
            first_parked: "order o1 at 0:7".into(),
            ..serving()
        };
        let Status::Degraded(cause) = status(&parked, false) else {
            panic!("parked orders show");
        };
        assert_eq!(cause, "2 orders are parked; the first: order o1 at 0:7");
        assert_eq!(status(&serving(), false), Status::Ready);
    }
}
