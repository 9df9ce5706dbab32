//! A projection as a component: runs its projector and says how it is doing.

use std::time::Duration;

use lifecycle::health::Status;
use lifecycle::{Error, RunContext, StartContext, async_trait};
use projector::{Projection, Projector, Rebuild};
use read_model::{Progress, Reader};
use tokio::time::Instant;

/// How long a log may be out of reach before an intact view serves without it.
const WITHOUT_LOG: Duration = Duration::from_secs(10);
/// Storage of the view failed: exit code of the process.
const STORE_IO: u8 = 74;

/// Runs one projector.
pub(super) struct Component<P: Projection> {
    name: &'static str,
    projector: Projector<P>,
}

impl<P: Projection> Component<P> {
    pub(super) fn new(name: &'static str, projector: Projector<P>) -> Self {
        Self { name, projector }
    }

    pub(super) fn reader(&self) -> Reader {
        self.projector.reader()
    }

    pub(super) fn rebuild(&self) -> Rebuild {
        self.projector.rebuild()
    }
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
