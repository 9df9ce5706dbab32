//! The pulse: once a second, whether the log is still the one that this process knows.
//!
//! A connection that holds tells nothing of the streams behind it. They can be deleted, made anew by
//! hand, or restored from an older copy on another server of the cluster. So the leader is asked for
//! the stream's configuration and for the highest commit that this process has seen.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::stream::Info;
use futures::future::join_all;

use super::layout::Marks;
use super::{Inner, MAX_RECORD_BYTES, layout};
use crate::{CommitId, Partition, Position, ReadError};

/// What remains of a rollback that no event tells: this long it may go unnoticed.
const PULSE: Duration = Duration::from_secs(1);

/// Runs for as long as the log is open.
pub(super) async fn beat(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(PULSE).await;
        if !inner.read.is_connected() {
            continue;
        }
        let partitions = 0..inner.subjects.partitions();
        join_all(partitions.map(|partition| inner.feel(partition))).await;
    }
}

impl Inner {
    async fn feel(&self, partition: Partition) {
        if let Err(error) = self.take_pulse(partition).await {
            tracing::debug!(partition, %error, "the log did not answer the pulse");
        }
    }

    async fn take_pulse(&self, partition: Partition) -> Result<(), ReadError> {
        let (marks, has_room) = self.check_stream(partition).await?;
        if self.link.is_full(partition) && has_room && self.stores().await {
            self.link.note_full(partition, None);
        }
        if !self.marks_match(partition, Some(&marks), self.identity()) {
            // Asks for all streams, and raises the epoch when together they are another log.
            self.head().await?;
        }
        let Some((sequence, expected)) = self.epochs.highest_of(partition) else {
            return Ok(());
        };
        let found = self.commit_at(partition, sequence).await?;
        if found != Some(expected) {
            self.epochs.forget(partition);
            self.epochs.raise("it lost a commit that was read from it");
            let position = Position::new(partition, sequence);
            let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
            tracing::error!(%position, %expected, found, "the log does not hold a commit any more");
        }
        Ok(())
    }

    /// Whether a partition's stream is there and fits, as at start. The answer stands until the next
    /// one: a log that start would refuse counts as out of reach. With the marks comes whether there
    /// is room for any record.
    pub(super) async fn check_stream(
        &self,
        partition: Partition,
    ) -> Result<(Marks, bool), ReadError> {
        let stream = self.partition(partition);
        let stream = stream.ok_or_else(|| super::read::unavailable("no such partition"))?;
        let checked = match stream.read.get_info().await {
            Ok(info) => {
                self.note_replicas(std::slice::from_ref(&info));
                layout::check(&self.config, &self.subjects, partition, &info)
                    .map(|marks| (marks, has_room(&info)))
                    .map_err(|error| error.to_string())
            }
            Err(error) if layout::is_missing(&error) => {
                Err(format!("stream {} is missing", stream.name))
            }
            Err(error) => {
                let cause = format!("stream {} does not answer: {error}", stream.name);
                if error.kind() == RequestErrorKind::TimedOut && self.read.is_connected() {
                    self.link.note_deaf(partition, Some(&cause));
                }
                return Err(super::read::unavailable(cause));
            }
        };
        self.link.note_deaf(partition, None);
        let misfit = checked.as_ref().err();
        let misfit = misfit.map(String::as_str);
        // First the epoch: an append that finds the log available again must know of it.
        if self.link.misfit(partition).as_deref() != misfit {
            self.epochs.raise("a stream came, went or changed");
        }
        self.link.note_fit(partition, misfit);
        checked.map_err(super::read::unavailable)
    }

    /// The commit id at a sequence, as the leader knows it.
    pub(super) async fn commit_at(
        &self,
        partition: Partition,
        sequence: u64,
    ) -> Result<Option<CommitId>, ReadError> {
        let record = self.at_leader(partition, sequence).await?;
        Ok(record.map(|record| record.commit_id))
    }
}

/// Whether the largest record fits into the stream.
fn has_room(info: &Info) -> bool {
    let limit = u64::try_from(info.config.max_bytes).unwrap_or(u64::MAX);
    info.state.bytes.saturating_add(MAX_RECORD_BYTES as u64) <= limit
}
