//! WatchOrders: changes of orders as they are committed.
//!
//! ```text
//!              ┌ snapshot: rows of the read model, each as of one position
//!  start ─▶ position ─▶ tail of the log ─▶ fold the order ─▶ filter before/after ─▶ queue ─▶ caller
//!              └ resume token: the position, and the commit that the log must hold there
//! ```
//!
//! A watch follows the log, not the read model: a promotion, a rebuild or a restart cannot disturb it.
//! Whether an order matched before a commit and matches after it follows from the log and the filter
//! alone, so a watch remembers nothing that its token does not say, and any node goes on with it.

mod folded;
mod follow;
mod queue;
mod request;
mod snapshot;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event_store::{Bookmark, Position};
use proto::v1;
use read_model::{Checkpoint, View};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::failure::{Failure, WatchEnd};
use crate::{QueryService, Sources};
use follow::Follower;
pub use queue::Messages;
use queue::Queue;
use request::{Asked, Start};
use token::ResumeToken;

/// Watches of one node: each has a tail of its own and folds every commit of the log.
const MAX_WATCHES: usize = 100;
/// How far back from the head a record is looked for: holes are rare and never come in such runs.
const MAX_HOLES: u64 = 1_000;

/// The watches of a node: how many are open, and whether they are to end.
#[derive(Debug)]
pub(crate) struct Watches {
    open: Arc<AtomicUsize>,
    stopping: watch::Sender<bool>,
}

impl Default for Watches {
    fn default() -> Self {
        Self {
            open: Arc::default(),
            stopping: watch::Sender::new(false),
        }
    }
}

/// One of the watches that may be open; dropped when it ends.
#[derive(Debug)]
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Watches {
    fn open(&self) -> Result<Slot, Failure> {
        if *self.stopping.borrow() {
            return Err(Failure::Watch(WatchEnd::ShuttingDown));
        }
        let slot = Slot(Arc::clone(&self.open));
        if self.open.fetch_add(1, Ordering::AcqRel) >= MAX_WATCHES {
            return Err(Failure::Watch(WatchEnd::TooMany { limit: MAX_WATCHES }));
        }
        Ok(slot)
    }

    /// Ends all watches; each names where to go on. New ones are refused.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

/// Where a watch begins.
struct Origin {
    identity: [u8; 16],
    bookmark: Bookmark,
    /// The view whose orders are sent first.
    snapshot: Option<View>,
}

impl QueryService {
    pub(crate) async fn watch(
        &self,
        request: Request<v1::WatchOrdersRequest>,
    ) -> Result<Response<Messages>, Status> {
        let caller = Caller::of(request.metadata());
        let begun = self.begin_watch(request.into_inner(), &caller).await;
        begun
            .map(Response::new)
            .map_err(|failure| crate::call::tell(&failure, &caller))
    }

    async fn begin_watch(
        &self,
        request: v1::WatchOrdersRequest,
        caller: &Caller,
    ) -> Result<Messages, Failure> {
        let asked = Asked::check(request)?;
        let sources = Arc::clone(&self.0);
        let slot = sources.watches.open()?;
        let origin = sources.origin(&asked.start).await?;
        let tail = sources.log.tail(origin.bookmark.clone()).await?;
        let (queue, messages) = Queue::new(sources.watches.stopping.subscribe());
        let token = ResumeToken {
            identity: origin.identity,
            filter: asked.fingerprint,
            bookmark: origin.bookmark,
        };
        let follower = Follower::new(sources, asked, token, queue);
        let caller = caller.clone();
        tokio::spawn(async move {
            follower.run(origin.snapshot, tail, &caller).await;
            drop(slot);
        });
        Ok(messages)
    }
}

impl Sources {
    async fn origin(&self, start: &Start) -> Result<Origin, Failure> {
        let snapshot = match start {
            Start::Snapshot => Some(self.reader.view()?),
            Start::Now | Start::Beginning | Start::After(_) => None,
        };
        let head = self.log.head().await?;
        let bookmark = match (start, &snapshot) {
            (Start::After(token), _) if token.identity != head.identity.0 => {
                let cause = "the log is another one now".to_owned();
                return Err(Failure::Watch(WatchEnd::TokenExpired { cause }));
            }
            (Start::After(token), _) => token.bookmark.clone(),
            (_, Some(view)) => bookmark_of(view.checkpoint()),
            (Start::Now, None) => {
                let mut bookmark = Bookmark::start();
                for end in head.last.iter() {
                    self.last_record(end, &mut bookmark).await?;
                }
                bookmark
            }
            (Start::Beginning | Start::Snapshot, None) => Bookmark::start(),
        };
        Ok(Origin {
            identity: head.identity.0,
            bookmark,
            snapshot,
        })
    }

    /// The last record of a partition that ends here.
    async fn last_record(&self, end: Position, bookmark: &mut Bookmark) -> Result<(), Failure> {
        let oldest = end.sequence.saturating_sub(MAX_HOLES);
        for sequence in (oldest + 1..=end.sequence).rev() {
            let at = Position::new(end.partition, sequence);
            match self.log.read_at(at).await {
                Ok(Some(record)) => {
                    bookmark.advance(record.position, record.commit_id);
                    return Ok(());
                }
                Ok(None) | Err(event_store::ReadError::Corrupt { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if oldest == 0 {
            return Ok(());
        }
        let cause = format!("no record can be read in the {MAX_HOLES} positions before {end}");
        Err(Failure::unreadable(cause))
    }
}

fn bookmark_of(checkpoint: &Checkpoint) -> Bookmark {
    let marks = checkpoint.partitions.iter();
    marks
        .map(|(&partition, mark)| {
            let position = Position::new(partition, mark.sequence);
            (position, event_store::CommitId(mark.commit_id))
        })
        .collect()
}
