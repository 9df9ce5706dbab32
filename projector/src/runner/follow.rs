//! Folds what comes, as it comes.

use std::future::pending;
use std::time::Duration;

use event_store::Head;
use futures::StreamExt as _;
use read_model::{Damage, Error, Task};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attach::heads;
use super::build::{Building, split};
use super::job::{Request, Steps};
use super::shared::{Reached, covers, sequences};
use super::{Ended, Never, Refused, Runner, Stop};
use crate::Folder;

/// Entries folded in one go while following: enough to amortise the hand-over to the writer's
/// thread, few enough that a reader sees a commit within milliseconds.
const CHUNK: usize = 256;
/// Entries of the view that are read again after each pulse while it is scanned: a day is enough
/// for a hundred million of them.
const SCAN_CHUNK: usize = 2_000;

impl Runner {
    /// Folds what comes, until something ends it. A rebuild or a verification goes on beside.
    pub(super) async fn follow(
        &mut self,
        mut folder: Folder,
        cancel: &CancellationToken,
    ) -> Result<Never, Stop> {
        let tail = self.shared.tail(folder.checkpoint()).await?;
        let mut tail = tail.ready_chunks(CHUNK);
        let mut heads = std::pin::pin!(heads(self.shared.clone()));
        let mut damage = self.shared.store.damage();
        let mut still = Still::new(self.settings.patience);
        let mut scan = ScanClock::new(self.settings.scan_every);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Err(Ended::Cancelled.into()),
                chunk = tail.next() => {
                    let (entries, ended) = split(chunk.unwrap_or_default());
                    if let Some(building) = &mut self.building {
                        building.keep(&entries);
                    }
                    folder = self.shared.advance(folder, entries).await?;
                    self.shared.publish(&folder);
                    still.moved();
                    if let Some(ended) = ended {
                        return Err(ended.into());
                    }
                }
                Some(head) = heads.next() => {
                    self.take_pulse(head, &folder, &mut still)?;
                    folder = self.tidy(folder, &mut scan).await?;
                }
                request = self.requests.next() => folder = self.answer(request, folder).await?,
                round = round(self.building.as_mut()) => folder = self.next_round(round, folder).await?,
                Ok(()) = damage.changed() => {
                    let found = damage.borrow_and_update().clone();
                    self.check_damage(found, &folder)?;
                }
            }
        }
    }

    /// Looks at the head, which was asked for apart from the tail: a tail that has died in silence
    /// shows as lag.
    fn take_pulse(
        &self,
        head: Result<Head, Ended>,
        folder: &Folder,
        still: &mut Still,
    ) -> Result<(), Ended> {
        let head = match head {
            Ok(head) => head,
            Err(ended) => {
                self.shared.report_no_head(&ended);
                // Nothing is known, so nothing is known to be late.
                still.moved();
                return Ok(());
            }
        };
        if head.identity.0 != folder.checkpoint().identity {
            let found = head.identity;
            return Err(Ended::OtherLog(format!("this is another log, {found}")));
        }
        self.shared.publish_head(&head);
        still.check(folder.reached(), &head)?;
        self.shared.all_is_well();
        Ok(())
    }

    /// What is done once a second on the writer's thread: removing what nobody holds, and the scan.
    async fn tidy(&mut self, mut folder: Folder, clock: &mut ScanClock) -> Result<Folder, Error> {
        self.sweep().await;
        if !clock.is_due() {
            return Ok(folder);
        }
        let scanned = self.shared.blocking(move || {
            let ended = folder.scan(SCAN_CHUNK)?.is_break();
            Ok((folder, ended))
        });
        let (folder, ended) = scanned.await?;
        if ended {
            clock.ended();
        }
        Ok(folder)
    }

    async fn answer(&mut self, request: Request, folder: Folder) -> Result<Folder, Stop> {
        match request {
            Request::Begin(task, reply) => {
                // Who has gone away needs no answer; what was begun goes on.
                drop(reply.send(self.begin(task, &folder)));
            }
            Request::Cancel(reply) => {
                if let Some(building) = &self.building {
                    building.cancel();
                }
                drop(reply.send(Ok(self.building.is_some())));
            }
            Request::Retry(order_id, reply) => {
                let retried = self.shared.retry(folder, &order_id).await;
                let (folder, retried) = match retried {
                    Ok(retried) => retried,
                    Err(stop) => {
                        drop(reply.send(Err(Refused::Away(stop.to_string()))));
                        return Err(stop);
                    }
                };
                self.shared.publish(&folder);
                drop(reply.send(Ok(retried)));
                return Ok(folder);
            }
        }
        Ok(folder)
    }

    fn begin(
        &mut self,
        task: Task,
        folder: &Folder,
    ) -> Result<watch::Receiver<super::Job>, Refused> {
        if let Some(building) = &self.building {
            return if building.task() == task {
                Ok(building.job())
            } else {
                Err(Refused::Busy(building.task()))
            };
        }
        let identity = folder.checkpoint().identity;
        let (target, patience) = (folder.reached().clone(), self.settings.patience);
        let building = Building::begin(&self.shared, task, identity, target, patience);
        let job = building.job();
        self.building = Some(building);
        Ok(job)
    }

    async fn next_round(
        &mut self,
        round: Result<(Folder, Steps), Stop>,
        folder: Folder,
    ) -> Result<Folder, Stop> {
        let Some(building) = self.building.take() else {
            return Ok(folder);
        };
        let (built, steps) = match round {
            Ok(round) => round,
            Err(why) => {
                tracing::warn!(task = building.task().name(), %why, "given up; what serves goes on");
                return Ok(folder);
            }
        };
        let (target, patience) = (folder.reached().clone(), self.settings.patience);
        match building.next(&self.shared, built, steps, target, patience) {
            Ok(built) => self.finish(folder, built).await,
            Err(building) => {
                self.building = Some(building);
                Ok(folder)
            }
        }
    }

    /// Damage that a reader met, if it is of the generation that serves.
    fn check_damage(&self, found: Option<Damage>, folder: &Folder) -> Result<(), Error> {
        match found {
            Some(damage) if damage.generation == folder.generation().name() => {
                Err(folder.generation().damaged(&damage.cause))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// How a round of a build has ended; never without a build.
async fn round(building: Option<&mut Building>) -> Result<(Folder, Steps), Stop> {
    match building {
        Some(building) => building.round().await,
        None => pending().await,
    }
}

/// For how long nothing has come.
struct Still {
    patience: Duration,
    since: Instant,
}

impl Still {
    fn new(patience: Duration) -> Self {
        let since = Instant::now();
        Self { patience, since }
    }

    fn moved(&mut self) {
        self.since = Instant::now();
    }

    /// Ends what stands still for too long though there is more.
    fn check(&mut self, reached: &Reached, head: &Head) -> Result<(), Ended> {
        if covers(reached, &sequences(head)) {
            self.moved();
        }
        let still = self.since.elapsed();
        if still >= self.patience {
            return Err(Ended::Stalled(still));
        }
        Ok(())
    }
}

/// When the view is read again.
struct ScanClock {
    every: Duration,
    next: Instant,
}

impl ScanClock {
    fn new(every: Duration) -> Self {
        let next = Instant::now() + every;
        Self { every, next }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn ended(&mut self) {
        self.next = Instant::now() + self.every;
    }
}
