//! What holds when an older copy of the log is restored under a process that has read on.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Fixture, PATIENCE, append, append_in_turn, at, next, panic_of, record, stream, tail_after, take,
};
use crate::{
    AppendError, Bookmark, Consistency, EventStore, Position, Record, StreamId, TailError,
};

/// Commits that are lost, and fewer than those that overtake them.
const LOST: usize = 3;
const OVERTAKING: usize = 5;

/// A log whose last records are lost, and the last record that it still has.
struct RolledBack {
    log: Arc<dyn EventStore>,
    order: StreamId,
    kept: Position,
    lost: Vec<Record>,
}

impl RolledBack {
    /// A log with records, some of which a backup does not have.
    async fn about_to_be(fixture: &dyn Fixture) -> Self {
        let log = fixture.open().await;
        let order = stream("order", 1);
        let records = append_in_turn(&*log, std::slice::from_ref(&order), 3).await;
        assert!(fixture.back_up().await, "nothing to test");
        reachable(&*log).await;
        let mut end = records[2].position;
        let mut lost = Vec::new();
        for _commit in 0..LOST {
            let new = record(300);
            end = stubbornly(&*log, &order, Some(end), &new).await;
            lost.push(super::stored(&order, end, &new));
        }
        Self {
            log,
            order,
            kept: records[2].position,
            lost,
        }
    }

    /// Restores the backup, and lets a writer who knows nothing of the rest write on.
    async fn overtake(&self, fixture: &dyn Fixture) {
        assert!(fixture.restore().await, "nothing to test");
        reachable(&*self.log).await;
        let mut end = self.kept;
        for _commit in 0..OVERTAKING {
            end = stubbornly(&*self.log, &self.order, Some(end), &record(300)).await;
        }
    }

    #[track_caller]
    fn assert_told(&self, ended: Result<crate::Entry, TailError>) {
        let last = &self.lost[LOST - 1];
        match ended {
            Err(TailError::RolledBack {
                position,
                expected,
                found,
            }) => {
                assert_eq!((position, expected), (last.position, last.commit_id));
                assert_ne!(found, Some(expected));
            }
            other => panic_of("a tail after a lost commit", &other),
        }
    }
}

/// Fenced tails, while they run: the history that a reader has seen is not continued by another.
pub async fn a_running_tail_ends_when_the_log_lost_its_commit(fixture: &dyn Fixture) {
    let rolled_back = RolledBack::about_to_be(fixture).await;
    let mut tail = tail_after(&*rolled_back.log, Bookmark::start()).await;
    take(&mut tail, 3 + LOST).await;
    rolled_back.overtake(fixture).await;
    rolled_back.assert_told(next(&mut tail).await);
}

/// Fenced tails, at their start.
pub async fn a_tail_does_not_begin_after_a_commit_that_was_lost(fixture: &dyn Fixture) {
    let rolled_back = RolledBack::about_to_be(fixture).await;
    rolled_back.overtake(fixture).await;
    let last = at(&rolled_back.lost[LOST - 1]);
    let mut tail = tail_after(&*rolled_back.log, last).await;
    rolled_back.assert_told(next(&mut tail).await);
}

/// Epochs: an append that rests on what was lost is refused, whatever it expects.
pub async fn what_was_known_before_a_rollback_is_stale(fixture: &dyn Fixture) {
    let rolled_back = RolledBack::about_to_be(fixture).await;
    let log = &*rolled_back.log;
    let read = log.read_stream(&rolled_back.order, None, crate::ALL, Consistency::Latest);
    let known = read.await.expect("readable").epoch;
    rolled_back.overtake(fixture).await;
    let read = log.read_stream(&rolled_back.order, None, crate::ALL, Consistency::Latest);
    let now = read.await.expect("readable");
    assert!(known < now.epoch, "the epoch did not rise");
    let end = now.records.last().map(|last| last.position);
    let stale = log
        .append(&rolled_back.order, end, known, record(300))
        .await;
    match stale {
        Err(AppendError::StaleEpoch { current }) => assert!(known < current),
        other => panic_of("an append of an earlier epoch", &other),
    }
    stubbornly(log, &rolled_back.order, end, &record(300)).await;
}

/// Appends, however often the log says that it is away or that the epoch rose.
async fn stubbornly(
    log: &dyn EventStore,
    stream: &StreamId,
    expected: Option<Position>,
    record: &crate::NewRecord,
) -> Position {
    let appending = async {
        loop {
            match append(log, stream, expected, record.clone()).await {
                Ok(position) => return position,
                Err(AppendError::StaleEpoch { .. }) => {}
                Err(error) if error.is_retryable() => pause().await,
                Err(error) => panic_of("an append with the right expectation", &error),
            }
        }
    };
    let appended = tokio::time::timeout(PATIENCE, appending).await;
    appended.expect("the log takes the record in time")
}

/// Waits until the log answers.
async fn reachable(log: &dyn EventStore) {
    let asking = async {
        while log.head().await.is_err() {
            pause().await;
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    answered.expect("the log is back in time");
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
