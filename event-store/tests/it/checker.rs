//! The checker is checked: one bug at a time is planted around the model, and a law must notice.
//!
//! The clock is paused, so that waiting for a record that never comes takes no time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use event_store::contract::{Fixture, append, damage, race, read, restart, rollback, tail};
use event_store::memory::Memory;
use event_store::{
    ALL, AppendError, Availability, Bookmark, Consistency, Entry, Epoch, EventStore, Head,
    LogDescription, LogIdentity, NewRecord, Position, Positions, ReadError, Record, StreamId,
    StreamSlice, Tail, TailError,
};
use futures::StreamExt as _;
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    AcceptsAnyExpectation,
    ComparesSequencesOnly,
    HidesTheActualEnd,
    StoresWhatItRefuses,
    StoresARetryAgain,
    CutsLargeRecords,
    TakesAnySize,
    AnswersPartitionZero,
    LosesAnAcknowledged,
    SkipsInTheTail,
    RepeatsInTheTail,
    SwapsInTheTail,
    StopsTailing,
    IgnoresTheRollback,
    IgnoresTheFence,
    LooksOnlyAtTheStart,
    SkipsWhatIsDamaged,
    StopsAtWhatIsDamaged,
    TakesAnyEpoch,
    EpochStandsStill,
    IgnoresTheLimit,
    HidesThatThereIsMore,
    ReadsStale,
    IgnoresAfter,
    HeadLags,
    SharesTheIdentity,
    LosesOneOnReopen,
    ForgetsIdentityOnReopen,
}

struct Broken {
    bug: Bug,
    log: Arc<Memory>,
    reopened: AtomicBool,
}

/// Logs with a bug; the one opened last can be damaged and rolled back.
struct Planted {
    bug: Bug,
    last: Mutex<Option<(Arc<Memory>, Positions)>>,
}

impl Planted {
    fn new(bug: Bug) -> Self {
        Self {
            bug,
            last: Mutex::default(),
        }
    }

    fn last(&self) -> Option<(Arc<Memory>, Positions)> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Fixture for Planted {
    async fn open(&self) -> Arc<dyn EventStore> {
        let identity = match self.bug {
            Bug::SharesTheIdentity => LogIdentity([7; 16]),
            _ => LogIdentity(rand::random()),
        };
        let log = Arc::new(Memory::with_identity(3, identity));
        let last = Some((Arc::clone(&log), Positions::start()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Arc::new(Broken {
            bug: self.bug,
            log,
            reopened: AtomicBool::new(false),
        })
    }

    async fn damage(&self, position: Position) -> bool {
        let (log, _) = self.last().expect("a log");
        log.damage(position);
        true
    }

    async fn back_up(&self) -> bool {
        let (log, _) = self.last().expect("a log");
        let head = log.head().await.expect("a model always answers").last;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((log, head));
        true
    }

    async fn restore(&self) -> bool {
        let (log, head) = self.last().expect("a log");
        log.roll_back(&head);
        true
    }

    async fn reopen(&self, log: Arc<dyn EventStore>) -> Option<Arc<dyn EventStore>> {
        // A read of this position is the wrapper's own signal that the process restarts.
        log.read_at(RESTART).await.expect("a model always answers");
        Some(log)
    }
}

const RESTART: Position = Position::new(u32::MAX, u64::MAX - 7);

impl Broken {
    /// The same positions, with the commits that the log has there.
    async fn held(&self, after: &Bookmark) -> Bookmark {
        let mut held = Bookmark::start();
        for (position, commit_id) in after.iter() {
            let found = self.log.read_at(position).await;
            let found = found.expect("a model always answers");
            held.advance(position, found.map_or(commit_id, |record| record.commit_id));
        }
        held
    }

    fn after_reopen(&self, bug: Bug) -> bool {
        self.bug == bug && self.reopened.load(Ordering::SeqCst)
    }

    fn shows(&self, records: &[Record]) -> Vec<Record> {
        records
            .iter()
            .filter_map(|record| self.show(record))
            .collect()
    }

    fn show(&self, record: &Record) -> Option<Record> {
        let mut record = record.clone();
        if self.after_reopen(Bug::LosesOneOnReopen) && record.position.sequence == 3 {
            return None;
        }
        if self.bug == Bug::CutsLargeRecords {
            record.payload = record.payload.slice(..record.payload.len().min(65_535));
        }
        Some(record)
    }
}

#[async_trait]
impl EventStore for Broken {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        mut record: NewRecord,
    ) -> Result<Position, AppendError> {
        let epoch = match self.bug {
            Bug::TakesAnyEpoch => self.log.epoch(),
            Bug::EpochStandsStill if epoch == self.epoch() => self.log.epoch(),
            _ => epoch,
        };
        if self.bug == Bug::TakesAnySize {
            record.payload = record.payload.slice(..record.payload.len().min(1_000));
        }
        if self.bug == Bug::LosesAnAcknowledged && record.commit_id.0[0] < 128 {
            return Ok(expected.unwrap_or(Position::new(0, 1)));
        }
        let answer = self
            .log
            .append(stream, expected, epoch, record.clone())
            .await;
        match (self.bug, answer) {
            (Bug::AcceptsAnyExpectation, Err(AppendError::Conflict { actual })) => {
                self.log.append(stream, actual, epoch, record).await
            }
            (Bug::ComparesSequencesOnly, Err(AppendError::Conflict { actual }))
                if expected.map(|e| e.sequence) == actual.map(|a| a.sequence) =>
            {
                self.log.append(stream, actual, epoch, record).await
            }
            (Bug::StoresWhatItRefuses, Err(AppendError::Conflict { actual })) => {
                let _stored = self.log.append(stream, actual, epoch, record).await;
                Err(AppendError::Conflict { actual })
            }
            (Bug::StoresARetryAgain, Err(AppendError::Conflict { actual })) => {
                let end = self
                    .log
                    .read_stream(stream, None, ALL, Consistency::Latest)
                    .await;
                let end = end.expect("a model always answers").records.pop();
                if end.is_some_and(|end| end.commit_id == record.commit_id) {
                    return self.log.append(stream, actual, epoch, record).await;
                }
                Err(AppendError::Conflict { actual })
            }
            (Bug::HidesTheActualEnd, Err(AppendError::Conflict { .. })) => {
                Err(AppendError::Conflict { actual: expected })
            }
            (Bug::AnswersPartitionZero, Ok(position)) => Ok(Position::new(0, position.sequence)),
            (_, answer) => answer,
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        let after = after.filter(|_| self.bug != Bug::IgnoresAfter);
        let limit = match self.bug {
            Bug::IgnoresTheLimit => ALL,
            _ => limit,
        };
        let read = self.log.read_stream(stream, after, limit, consistency);
        let mut slice = read.await?;
        if self.bug == Bug::ReadsStale {
            slice.records.pop();
        }
        slice.records = self.shows(&slice.records);
        slice.more &= self.bug != Bug::HidesThatThereIsMore;
        slice.epoch = self.epoch();
        Ok(slice)
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        if position == RESTART {
            self.reopened.store(true, Ordering::SeqCst);
        }
        let found = self.log.read_at(position).await?;
        Ok(found.and_then(|record| self.show(&record)))
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        let head = self.log.head().await?.last;
        if self.bug == Bug::IgnoresTheRollback && !head.covers_all(&after.positions()) {
            return Ok(futures::stream::pending().boxed());
        }
        let after = match self.bug {
            Bug::IgnoresTheFence => self.held(&after).await,
            _ => after,
        };
        let bug = self.bug;
        let lossy = self.after_reopen(Bug::LosesOneOnReopen);
        let tail = self.log.tail(after).await?;
        let tail = tail.flat_map(move |item| {
            let sequence = item.as_ref().map_or(0, |entry| entry.position().sequence);
            let copies = match bug {
                _ if lossy && sequence == 3 => 0,
                Bug::SkipsInTheTail if sequence == 4 => 0,
                Bug::RepeatsInTheTail if sequence == 4 => 2,
                Bug::SkipsWhatIsDamaged if matches!(item, Ok(Entry::Missing(_))) => 0,
                _ => 1,
            };
            futures::stream::iter(vec![item; copies])
        });
        Ok(match bug {
            Bug::StopsTailing => tail.take(10).boxed(),
            Bug::SwapsInTheTail => tail.ready_chunks(2).flat_map(swapped).boxed(),
            Bug::StopsAtWhatIsDamaged => tail.map(stopped).boxed(),
            Bug::LooksOnlyAtTheStart => {
                let intact = tail.take_while(|item| std::future::ready(item.is_ok()));
                intact
                    .chain(self.log.tail(Bookmark::start()).await?)
                    .boxed()
            }
            _ => tail.boxed(),
        })
    }

    async fn head(&self) -> Result<Head, ReadError> {
        let mut head = self.log.head().await?;
        if self.bug == Bug::HeadLags {
            let lagging = |at: Position| Position::new(at.partition, at.sequence.saturating_sub(1));
            head.last = head.last.iter().map(lagging).collect();
        }
        if self.after_reopen(Bug::ForgetsIdentityOnReopen) {
            head.identity = LogIdentity([1; 16]);
        }
        Ok(head)
    }

    fn epoch(&self) -> Epoch {
        match self.bug {
            Bug::EpochStandsStill => Epoch(1),
            _ => self.log.epoch(),
        }
    }

    fn describe(&self) -> Arc<LogDescription> {
        self.log.describe()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.log.availability()
    }
}

type Item = Result<Entry, TailError>;

/// A damaged record as the end of the tail.
fn stopped(item: Item) -> Item {
    match item {
        Ok(Entry::Missing(_)) => Err(TailError::Closed),
        other => other,
    }
}

fn swapped(pair: Vec<Item>) -> impl futures::Stream<Item = Item> {
    futures::stream::iter(pair.into_iter().rev())
}

/// Whether the law breaks when the bug is planted.
macro_rules! breaks {
    ($bug:expr, $topic:ident :: $law:ident) => {
        tokio::spawn(async move { $topic::$law(&Planted::new($bug)).await })
            .await
            .is_err_and(|end| end.is_panic())
    };
}

macro_rules! caught {
    ($($name:ident: $bug:ident by $($topic:ident :: $law:ident),+;)+) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            $(
                assert!(!breaks!(Bug::None, $topic::$law), "the law fails without a bug");
                assert!(breaks!(Bug::$bug, $topic::$law), "the law does not see the bug");
            )+
        }
    )+ };
}

caught! {
    a_missing_fence_is_caught: AcceptsAnyExpectation by
        append::another_expectation_is_a_conflict_with_the_actual_end,
        append::a_refused_append_leaves_no_trace,
        race::one_of_racing_appends_is_stored,
        restart::a_restart_keeps_the_fence;
    a_fence_that_forgets_the_partition_is_caught: ComparesSequencesOnly by
        append::an_expectation_of_another_partition_is_a_conflict;
    a_conflict_without_the_end_is_caught: HidesTheActualEnd by
        append::another_expectation_is_a_conflict_with_the_actual_end;
    a_refusal_that_stores_is_caught: StoresWhatItRefuses by
        append::a_refused_append_leaves_no_trace,
        race::one_of_racing_appends_is_stored;
    a_doubled_retry_is_caught: StoresARetryAgain by
        append::the_same_append_twice_stores_one_record;
    a_cut_record_is_caught: CutsLargeRecords by
        append::records_of_every_size_are_stored_whole,
        race::a_reader_never_sees_half_a_record;
    a_missing_limit_is_caught: TakesAnySize by
        append::a_record_over_the_limit_is_refused;
    a_wrong_partition_is_caught: AnswersPartitionZero by
        append::records_lie_in_the_partition_of_their_stream;
    a_lost_acknowledgement_is_caught: LosesAnAcknowledged by
        race::racing_writers_lose_and_double_nothing;
    a_skipped_record_is_caught: SkipsInTheTail by
        tail::a_tail_starts_anywhere,
        tail::tails_see_everything_once_while_writers_append,
        tail::a_slow_reader_slows_nobody_and_misses_nothing;
    a_repeated_record_is_caught: RepeatsInTheTail by
        tail::a_tail_starts_anywhere,
        tail::tails_see_everything_once_while_writers_append;
    swapped_records_are_caught: SwapsInTheTail by
        tail::a_slow_reader_slows_nobody_and_misses_nothing;
    a_tail_that_stops_is_caught: StopsTailing by
        tail::a_slow_reader_slows_nobody_and_misses_nothing;
    a_silent_rollback_is_caught: IgnoresTheRollback by
        tail::a_tail_past_the_head_ends_as_rolled_back;
    a_missing_look_at_the_fence_is_caught: IgnoresTheFence by
        tail::a_tail_after_another_commit_ends_as_rolled_back,
        rollback::a_tail_does_not_begin_after_a_commit_that_was_lost;
    a_fence_that_is_looked_at_once_is_caught: LooksOnlyAtTheStart by
        rollback::a_running_tail_ends_when_the_log_lost_its_commit;
    a_damaged_record_that_is_not_told_is_caught: SkipsWhatIsDamaged by
        damage::a_damaged_record_is_told_and_concerns_no_other;
    a_damaged_record_that_stops_all_is_caught: StopsAtWhatIsDamaged by
        damage::a_damaged_record_is_told_and_concerns_no_other;
    an_epoch_that_is_not_compared_is_caught: TakesAnyEpoch by
        append::an_append_of_another_epoch_stores_nothing,
        rollback::what_was_known_before_a_rollback_is_stale;
    an_epoch_that_does_not_rise_is_caught: EpochStandsStill by
        rollback::what_was_known_before_a_rollback_is_stale;
    a_limit_that_is_ignored_is_caught: IgnoresTheLimit by
        read::a_slice_holds_what_was_asked_for_and_says_whether_there_is_more;
    a_slice_that_hides_the_rest_is_caught: HidesThatThereIsMore by
        read::a_slice_holds_what_was_asked_for_and_says_whether_there_is_more;
    a_stale_read_is_caught: ReadsStale by
        read::a_read_sees_what_was_acknowledged_before,
        read::a_stream_reads_back_after_any_position;
    a_read_from_the_start_is_caught: IgnoresAfter by
        read::nothing_lies_after_a_position_of_another_partition,
        read::a_stream_reads_back_after_any_position;
    a_lagging_head_is_caught: HeadLags by
        read::head_is_the_last_position_of_every_partition,
        read::a_read_sees_what_was_acknowledged_before;
    a_shared_identity_is_caught: SharesTheIdentity by
        read::two_logs_have_two_identities;
    a_record_lost_by_a_restart_is_caught: LosesOneOnReopen by
        restart::a_restart_keeps_identity_and_records;
    a_new_identity_after_a_restart_is_caught: ForgetsIdentityOnReopen by
        restart::a_restart_keeps_identity_and_records;
}
