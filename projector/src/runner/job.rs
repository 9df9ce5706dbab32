//! Asking for a rebuild or a verification, and hearing how far it is.

use std::sync::Arc;

use read_model::{Digest, Task, Work};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant};

use super::shared::Shared;
use crate::{Differences, Retried};

/// How often progress is published.
const EVERY: Duration = Duration::from_millis(100);

/// Something long that was asked for: how far it is, and in the end what came of it.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is, and how far.
    pub work: Work,
    /// What came of it; `None` while it runs.
    pub outcome: Option<Outcome>,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The rebuilt generation serves.
    Promoted {
        /// Its name.
        generation: String,
        /// Its digest.
        digest: Digest,
        /// Whether the view that it replaced had the same.
        same: bool,
    },
    /// The view is what the log says.
    Equal {
        /// The digest of both.
        digest: Digest,
    },
    /// The view is not what the log says.
    Differs(Arc<Differences>),
    /// It was given up; what serves goes on serving.
    GivenUp(String),
}

/// Why the runner does not do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something else is under way.
    #[error("a {} is running", .0.name())]
    Busy(Task),
    /// No view serves that could be rebuilt beside or verified.
    #[error("there is no read model yet")]
    NoView,
    /// The log is out of reach, or the disk.
    #[error("{0}")]
    Away(String),
    /// The runner has stopped.
    #[error("the read model has stopped")]
    Stopped,
}

/// Asks a runner. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Operator {
    requests: mpsc::Sender<Request>,
}

type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// What a runner is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Begin(Task, Reply<watch::Receiver<Job>>),
    Cancel(Reply<bool>),
    Retry(String, Reply<Retried>),
}

impl Operator {
    /// Begins a rebuild, or follows the one that runs. Dropping the receiver ends nothing.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn rebuild(&self) -> Result<watch::Receiver<Job>, Refused> {
        self.ask(|reply| Request::Begin(Task::Rebuild, reply)).await
    }

    /// Begins to compare the view with a fresh fold of the log, or follows what runs.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify(&self) -> Result<watch::Receiver<Job>, Refused> {
        self.ask(|reply| Request::Begin(Task::Verify, reply)).await
    }

    /// Gives up the rebuild or the verification that runs; answers whether there was one.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn cancel(&self) -> Result<bool, Refused> {
        self.ask(Request::Cancel).await
    }

    /// Folds the commits of a parked order again.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn retry(&self, order_id: &str) -> Result<Retried, Refused> {
        let order_id = order_id.to_owned();
        self.ask(|reply| Request::Retry(order_id, reply)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(request(reply)).await;
        sent.map_err(|_closed| Refused::Stopped)?;
        answer.await.unwrap_or(Err(Refused::Stopped))
    }
}

impl Request {
    /// Answers where nothing can be begun. A rebuild that is asked for during a build follows it.
    pub(super) fn refuse(self, running: Option<&watch::Receiver<Job>>, why: Refused) {
        // Nobody waits for an answer that cannot be delivered.
        match (self, running) {
            (Self::Begin(Task::Rebuild, reply), Some(job)) => drop(reply.send(Ok(job.clone()))),
            (Self::Begin(_, reply), _) => drop(reply.send(Err(why))),
            (Self::Cancel(reply), _) => drop(reply.send(Ok(false))),
            (Self::Retry(_, reply), _) => drop(reply.send(Err(why))),
        }
    }
}

/// The runner's end.
pub(super) struct Requests {
    received: mpsc::Receiver<Request>,
    operator: Operator,
}

impl Requests {
    pub(super) fn new() -> Self {
        let (requests, received) = mpsc::channel(16);
        let operator = Operator { requests };
        Self { received, operator }
    }

    pub(super) fn operator(&self) -> Operator {
        self.operator.clone()
    }

    /// The next request. The operator in here keeps the channel open.
    pub(super) async fn next(&mut self) -> Request {
        match self.received.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

/// The runner's end of a [`Job`]: says how far it is, not too often. One that is dropped was given
/// up.
pub(super) struct Steps {
    shared: Shared,
    job: watch::Sender<Job>,
    said: Instant,
}

impl Steps {
    pub(super) fn new(shared: &Shared, task: Task, total: u64) -> Self {
        let work = Work::new(task, total);
        shared.publish_work(Some(work));
        let outcome = None;
        Self {
            shared: shared.clone(),
            job: watch::Sender::new(Job { work, outcome }),
            said: work.since,
        }
    }

    pub(super) fn job(&self) -> watch::Receiver<Job> {
        self.job.subscribe()
    }

    pub(super) fn task(&self) -> Task {
        self.job.borrow().work.task
    }

    /// `done` more are done, of `total` in all.
    pub(super) fn advance(&mut self, done: u64, total: u64) {
        let mut work = self.job.borrow().work;
        work.done = work.done.saturating_add(done);
        work.total = total.max(work.done);
        if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            self.job.send_modify(|job| job.work = work);
            self.shared.publish_work(Some(work));
        } else {
            self.job.send_if_modified(|job| {
                job.work = work;
                false
            });
        }
    }

    pub(super) fn finish(self, outcome: Outcome) {
        self.job.send_modify(|job| job.outcome = Some(outcome));
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.job.send_modify(|job| {
            let given_up = || Outcome::GivenUp("the log of the node says why".to_owned());
            job.outcome.get_or_insert_with(given_up);
        });
        self.shared.publish_work(None);
    }
}
