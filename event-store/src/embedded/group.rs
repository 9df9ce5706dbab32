//! Group commit: one thread writes everything that waits in one transaction.
//!
//! ```text
//!  submit ──┐                    ┌ BEGIN  apply  apply  apply  COMMIT (one fsync) ┐
//!  submit ──┼─▶ queue ─▶ thread ─┤                                                ├─▶ answers
//!  submit ──┘   (bounded)        └ meanwhile the next group gathers in the queue  ┘
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{oneshot, watch};

use super::fault::GroupError;
use super::queue::{Job, Queue};
use crate::Availability;

/// What is written in groups. All of it runs on the writer's thread.
pub(crate) trait Ledger: Send + 'static {
    /// One thing to write.
    type Request: Send + 'static;
    /// Its answer, sent once the group is durable.
    type Reply: Send + 'static;

    /// The writing connection.
    fn connection(&self) -> &Connection;

    /// Writes one request inside the open transaction.
    fn apply(&mut self, request: Self::Request) -> rusqlite::Result<Self::Reply>;

    /// The group is durable; called before the answers are sent.
    fn committed(&mut self) -> rusqlite::Result<()>;

    /// Nothing of the group was stored.
    fn rolled_back(&mut self);

    /// Between two groups, after the answers: time for housekeeping.
    fn tend(&mut self) -> rusqlite::Result<()>;
}

/// The handle of a writer. The thread ends when the handle is dropped or closed.
pub(crate) struct Group<L: Ledger> {
    queue: Arc<Queue<L::Request, L::Reply>>,
    availability: watch::Sender<Availability>,
    ended: watch::Receiver<bool>,
    held: Arc<Held>,
}

/// Why the writer takes nothing although it could, if so.
#[derive(Default)]
struct Held(Mutex<Option<String>>);

impl Held {
    fn cause(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Ledger> Group<L> {
    /// Starts the writer. `held` is dropped when the thread has ended and closed its files.
    pub(crate) fn start(name: &str, ledger: L, held: impl Send + 'static) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new());
        let availability = watch::Sender::new(Availability::Available);
        let shared_hold = Arc::new(Held::default());
        let (end, ended) = watch::channel(false);
        let writer = Writer {
            ledger,
            queue: Arc::clone(&queue),
            held: Arc::clone(&shared_hold),
            available: Ending {
                available: availability.clone(),
                queue: Arc::clone(&queue),
            },
            failing: false,
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                writer.run();
                drop(held);
                end.send_replace(true);
            })?;
        Ok(Self {
            queue,
            availability,
            ended,
            held: shared_hold,
        })
    }

    /// Hands in a request of `bytes` and waits until it is durable. Waits before it hands in while
    /// the queue is full. Dropping the future does not take the request back.
    pub(crate) async fn submit(
        &self,
        request: L::Request,
        bytes: usize,
    ) -> Result<L::Reply, GroupError> {
        match self.held.cause() {
            Some(cause) => Err(GroupError::Unavailable(cause)),
            None => self.submit_held(request, bytes).await,
        }
    }

    /// As [`submit`](Self::submit), also while the writer is held.
    pub(crate) async fn submit_held(
        &self,
        request: L::Request,
        bytes: usize,
    ) -> Result<L::Reply, GroupError> {
        let unavailable = || GroupError::Unavailable(self.cause());
        let (answer, answered) = oneshot::channel();
        let room = self.queue.reserve(bytes).await.ok_or_else(unavailable)?;
        if !self.queue.push(Job {
            request,
            bytes,
            answer,
            room,
        }) {
            return Err(unavailable());
        }
        let lost = |_dropped| GroupError::Unknown("the writer died while it wrote".to_owned());
        answered.await.unwrap_or_else(|dropped| Err(lost(dropped)))
    }

    pub(crate) fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    /// Takes no more requests but those of [`submit_held`](Self::submit_held), until
    /// [`release`](Self::release).
    pub(crate) fn hold(&self, cause: String) {
        *self.held.lock() = Some(cause.clone());
        self.availability
            .send_replace(Availability::Unavailable { cause });
    }

    pub(crate) fn release(&self) {
        *self.held.lock() = None;
        self.availability.send_replace(Availability::Available);
    }

    /// Writes what still waits, takes nothing more, and returns when the thread has ended.
    pub(crate) async fn close(&self) {
        self.queue.close();
        let mut ended = self.ended.clone();
        // The sender goes with the thread, so both answers mean that it has ended.
        let (Ok(_) | Err(_)) = ended.wait_for(|ended| *ended).await.map(|_ended| ());
    }

    fn cause(&self) -> String {
        let now = self.availability.borrow();
        now.cause().unwrap_or("it was closed").to_owned()
    }
}

impl<L: Ledger> Drop for Group<L> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Writer<L: Ledger> {
    ledger: L,
    queue: Arc<Queue<L::Request, L::Reply>>,
    available: Ending<L>,
    held: Arc<Held>,
    /// The last group failed: try by ourselves whether the disk takes writes again.
    failing: bool,
}

/// Why the thread goes on or ends.
enum Outcome<T> {
    Stored(T),
    Failed(GroupError),
    /// What the file holds can only be told by opening it anew.
    Fatal(String),
}

impl<L: Ledger> Writer<L> {
    fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.failing) {
            let (requests, answers): (Vec<_>, Vec<_>) = jobs
                .into_iter()
                .map(|job| (job.request, (job.answer, job.room)))
                .unzip();
            match self.write(requests) {
                Outcome::Stored(replies) => {
                    self.report(None);
                    for ((answer, _room), reply) in answers.into_iter().zip(replies) {
                        // An error means that the caller went away, which is its right.
                        let (Ok(()) | Err(_)) = answer.send(Ok(reply));
                    }
                    if let Err(error) = self.ledger.tend() {
                        tracing::warn!(%error, "the write-ahead log was not copied, later again");
                    }
                }
                Outcome::Failed(error) => {
                    self.report(Some(error.to_string()));
                    for (answer, _room) in answers {
                        let (Ok(()) | Err(_)) = answer.send(Err(error.clone()));
                    }
                }
                Outcome::Fatal(cause) => {
                    let failed = Availability::Failed {
                        cause: cause.clone(),
                    };
                    self.available.available.send_replace(failed);
                    for (answer, _room) in answers {
                        let unknown = GroupError::Unknown(cause.clone());
                        let (Ok(()) | Err(_)) = answer.send(Err(unknown));
                    }
                    return;
                }
            }
        }
        self.report(Some("it was closed".to_owned()));
    }

    /// One transaction. An empty group is a try whether the disk takes writes.
    fn write(&mut self, requests: Vec<L::Request>) -> Outcome<Vec<L::Reply>> {
        let empty = requests.is_empty();
        let applied = self.execute("BEGIN IMMEDIATE").and_then(|()| {
            if empty {
                self.execute("UPDATE meta SET value = value WHERE name = 'format'")?;
            }
            requests
                .into_iter()
                .map(|request| self.ledger.apply(request))
                .collect()
        });
        let replies: Vec<_> = match applied {
            Ok(replies) => replies,
            Err(error) => return self.roll_back(certain(&error)),
        };
        match self.execute("COMMIT") {
            Ok(()) => match self.ledger.committed() {
                Ok(()) => Outcome::Stored(replies),
                Err(error) => Outcome::Failed(GroupError::Unknown(error.to_string())),
            },
            // Without its last frame a transaction does not count, and that frame found no room.
            Err(error) if is_any(&error, &[ErrorCode::DiskFull, ErrorCode::DatabaseBusy]) => {
                self.roll_back(certain(&error))
            }
            // After a failed flush the pages in memory and on disk may differ, and no later flush
            // tells: only recovery by a new process does.
            Err(error) => Outcome::Fatal(format!("its last flush failed: {error}")),
        }
    }

    fn roll_back(&mut self, error: GroupError) -> Outcome<Vec<L::Reply>> {
        self.ledger.rolled_back();
        if self.ledger.connection().is_autocommit() {
            return Outcome::Failed(error);
        }
        match self.execute("ROLLBACK") {
            Ok(()) => Outcome::Failed(error),
            Err(again) => Outcome::Fatal(format!("it could not roll back: {again}")),
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.ledger
            .connection()
            .prepare_cached(sql)?
            .execute([])
            .map(|_rows| ())
    }

    fn report(&mut self, failure: Option<String>) {
        self.failing = failure.is_some();
        let cause = failure.or_else(|| self.held.cause());
        let now = cause.map_or(Availability::Available, |cause| Availability::Unavailable {
            cause,
        });
        // Looked at first: a change waits for every borrow of the receivers, and it is rare.
        if *self.available.available.borrow() != now {
            self.available.available.send_replace(now);
        }
    }
}

/// Runs however the thread ends, also by a panic: from then on nobody waits in vain.
struct Ending<L: Ledger> {
    available: watch::Sender<Availability>,
    queue: Arc<Queue<L::Request, L::Reply>>,
}

impl<L: Ledger> Drop for Ending<L> {
    fn drop(&mut self) {
        self.available.send_if_modified(|known| {
            let died = *known == Availability::Available;
            if died {
                *known = Availability::Failed {
                    cause: "its writer died".to_owned(),
                };
            }
            died
        });
        let now = self.available.borrow().clone();
        let cause = now.cause().unwrap_or_default().to_owned();
        for job in self.queue.abandon() {
            let refused = GroupError::Unavailable(cause.clone());
            let (Ok(()) | Err(_)) = job.answer.send(Err(refused));
        }
    }
}

/// A failure before the commit: nothing of the group is in the file.
fn certain(error: &rusqlite::Error) -> GroupError {
    if is_any(error, &[ErrorCode::DiskFull]) {
        GroupError::Full(error.to_string())
    } else {
        GroupError::NotStored(error.to_string())
    }
}

fn is_any(error: &rusqlite::Error, codes: &[ErrorCode]) -> bool {
    error
        .sqlite_error_code()
        .is_some_and(|code| codes.contains(&code))
}
