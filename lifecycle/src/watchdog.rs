//! A thread that notices when the runtime no longer runs its tasks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    Component, Error, RunContext, StartContext, StopContext, health::Reporter, shared::Shared,
};

/// Notices when tasks block the threads of the runtime, so that other tasks do not run: a task sends
/// heartbeats, and a thread of the operating system checks them.
///
/// No heartbeat for longer than the limit fails liveness, with the names of the components whose
/// hooks occupy a thread at that moment. The next heartbeat makes it ready again.
pub struct Watchdog {
    limit: Duration,
    beats: Arc<AtomicU64>,
    listener: Option<Listener>,
}

struct Listener {
    thread: JoinHandle<()>,
    /// Dropping it ends the thread.
    leash: Sender<()>,
}

impl Watchdog {
    /// The name of the component.
    pub const NAME: &str = "watchdog";

    /// No heartbeat for this long is a failure. Choose seconds: a busy machine is late, too.
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            beats: Arc::default(),
            listener: None,
        }
    }
}

#[async_trait]
impl Component for Watchdog {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        let (leash, released) = channel();
        let (limit, beats) = (self.limit, Arc::clone(&self.beats));
        let (health, shared) = (cx.health().clone(), Arc::clone(&cx.shared));
        let thread = std::thread::Builder::new()
            .name(Self::NAME.to_owned())
            .spawn(move || listen(&released, limit, &beats, &health, &shared))?;
        self.listener = Some(Listener { thread, leash });
        Ok(())
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let beating = async {
            loop {
                self.beats.fetch_add(1, Ordering::Relaxed);
                sleep(self.limit / 4).await;
            }
        };
        cx.token().run_until_cancelled(beating).await;
        Ok(())
    }

    async fn drain(&mut self, _cx: &StopContext) -> Result<(), Error> {
        if let Some(Listener { thread, leash }) = self.listener.take() {
            drop(leash);
            // It returns as soon as it sees that; it never holds anything for long.
            thread
                .join()
                .map_err(|_panic| Error::new("the listening thread panicked"))?;
        }
        Ok(())
    }
}

fn listen(
    released: &Receiver<()>,
    limit: Duration,
    beats: &AtomicU64,
    health: &Reporter,
    shared: &Shared,
) {
    let mut heard = beats.load(Ordering::Relaxed);
    let mut silent = false;
    while let Err(RecvTimeoutError::Timeout) = released.recv_timeout(limit) {
        let now = beats.load(Ordering::Relaxed);
        if now == heard && !silent {
            let running = shared.being_polled().join(", ");
            tracing::error!(running, ?limit, "the runtime is starved");
            health.failed(format!(
                "no task has run for {limit:.1?}; running: [{running}]"
            ));
        } else if now != heard && silent {
            tracing::warn!("the runtime runs again");
            health.ready();
        }
        silent = now == heard;
        heard = now;
    }
}
