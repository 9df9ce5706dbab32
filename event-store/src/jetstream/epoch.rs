//! Epochs: what tells this process that the log may have changed under it.
//!
//! ```text
//!   a connection was made      the client counts it before the first byte goes over it
//!   an append met no stream    nobody answers for the subject: deleted, perhaps made again
//!   another identity           another stream under the same name
//!   the pulse missed a commit  the leader does not hold what this process last saw
//! ```
//!
//! The epoch is the number of all of these. Nobody has to be told of a change in time: whoever asks
//! for the epoch counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Statistics};
use tokio::sync::watch;

use crate::{CommitId, Epoch, Partition, Position};

/// Counts the changes of one open log.
#[derive(Debug)]
pub(super) struct Epochs {
    connections: Vec<Arc<Statistics>>,
    raised: AtomicU64,
    /// Wakes the tails, which look whether their fence still holds.
    wake: watch::Sender<()>,
    /// For each partition the highest commit seen, by this process, in any answer of the log.
    highest: Mutex<Vec<Option<(u64, CommitId)>>>,
}

impl Epochs {
    pub(super) fn new(clients: &[&Client], wake: watch::Sender<()>, partitions: u32) -> Self {
        Self {
            connections: clients.iter().map(|client| client.statistics()).collect(),
            raised: AtomicU64::new(0),
            wake,
            highest: Mutex::new((0..partitions).map(|_| None).collect()),
        }
    }

    pub(super) fn current(&self) -> Epoch {
        let made = |it: &Arc<Statistics>| it.connects.load(Ordering::Acquire);
        let connections: u64 = self.connections.iter().map(made).sum();
        Epoch(connections + self.raised.load(Ordering::Acquire))
    }

    pub(super) fn raise(&self, why: &str) {
        self.raised.fetch_add(1, Ordering::AcqRel);
        tracing::info!(
            why,
            "the log may have changed: what is known of it is checked again"
        );
        self.wake.send_replace(());
    }

    pub(super) fn wake(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    /// Remembers a commit that the log held a moment ago.
    pub(super) fn note(&self, position: Position, commit_id: CommitId) {
        let mut highest = self.highest();
        if let Some(slot) = slot(&mut highest, position.partition)
            && slot.is_none_or(|(sequence, _)| sequence < position.sequence)
        {
            *slot = Some((position.sequence, commit_id));
        }
    }

    /// The highest commit seen of a partition.
    pub(super) fn highest_of(&self, partition: Partition) -> Option<(u64, CommitId)> {
        *slot(&mut self.highest(), partition)?
    }

    /// Forgets it, once the log no longer holds it.
    pub(super) fn forget(&self, partition: Partition) {
        if let Some(slot) = slot(&mut self.highest(), partition) {
            *slot = None;
        }
    }

    /// No statement that runs under the lock can panic half way.
    fn highest(&self) -> MutexGuard<'_, Vec<Option<(u64, CommitId)>>> {
        self.highest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot(
    highest: &mut [Option<(u64, CommitId)>],
    partition: Partition,
) -> Option<&mut Option<(u64, CommitId)>> {
    highest.get_mut(usize::try_from(partition).ok()?)
}
