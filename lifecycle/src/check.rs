//! Health that has to be asked for, as a component.

mod clock;
#[cfg(feature = "disk")]
mod disk;

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use tokio::time::{sleep, timeout};

use crate::{
    Component, Error, RunContext, StartContext,
    health::Status,
    panic::{Panic, catch_future},
};

pub use self::clock::clock;
#[cfg(feature = "disk")]
pub use self::disk::{DiskAnswer, disk};

/// Asks something for its health periodically, and reports the answer under its name.
///
/// Probes read the last answer, however many they are: the question is asked once per interval. An answer that takes longer than `limit`, or a panic, is not ready.
///
/// ```
/// # use std::time::Duration;
/// use lifecycle::{check, health::Status};
///
/// let disk = check("disk", Duration::from_secs(10), Duration::from_secs(1), || async {
///     Status::Degraded("91 % full".to_owned())
/// });
/// ```
pub fn check<F, R>(name: impl Into<String>, interval: Duration, limit: Duration, ask: F) -> Check<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Status> + Send + 'static,
{
    Check {
        name: name.into(),
        interval,
        limit,
        ask,
    }
}

/// See [`check`].
pub struct Check<F> {
    name: String,
    interval: Duration,
    limit: Duration,
    ask: F,
}

impl<F, R> Check<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Status> + Send + 'static,
{
    async fn answer(&mut self) -> Status {
        let Self { limit, ask, .. } = self;
        // Called inside the future, so that a panic before the first await is caught as well.
        match timeout(*limit, catch_future(async { ask().await })).await {
            Ok(Ok(status)) => status,
            Ok(Err(Panic(message))) => Status::NotReady(format!("the check panicked: {message}")),
            Err(_) => Status::NotReady(format!("no answer within {limit:.1?}")),
        }
    }
}

#[async_trait]
impl<F, R> Component for Check<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Status> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        cx.health().not_ready("not checked yet");
        Ok(())
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        let asking = async {
            loop {
                cx.health().set(self.answer().await);
                sleep(self.interval).await;
            }
        };
        cx.token().run_until_cancelled(asking).await;
        Ok(())
    }
}
