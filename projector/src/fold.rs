//! Folds commits into one generation.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use event_store::Record;
use lru::LruCache;
use order::Order;
use proto::commit::{self, Commit, DecodeError};
use proto::row::Row;
use read_model::{Cause, Changes, Checkpoint, Error, Generation, Mark, Parked, keys};

use crate::project::{Batch, Projection};

/// Rows kept decoded. An order is mostly changed again soon after it was created.
const CACHED_ROWS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// Folds commits of one log into one generation, in order.
pub struct Folder<P: Projection> {
    projection: Arc<P>,
    generation: Arc<Generation>,
    checkpoint: Checkpoint,
    rows: LruCache<String, Cached>,
    /// Orders whose rows were folded since they were last encoded: several commits, one encoding.
    unencoded: Vec<String>,
    changes: Changes,
    parked: u64,
}

#[derive(Clone)]
struct Cached {
    row: Row,
    encoded: bool,
}

/// A commit that cannot be folded.
struct Unfoldable {
    cause: Cause,
    detail: String,
}

impl<P: Projection> Folder<P> {
    /// Goes on where the generation's checkpoint is; a new generation begins at the start of the
    /// log `identity`.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn new(
        projection: Arc<P>,
        generation: Arc<Generation>,
        identity: [u8; 16],
    ) -> Result<Self, Error> {
        let checkpoint = generation.checkpoint()?;
        let parked = generation.prefix(&[keys::PARKED]).count() as u64;
        Ok(Self {
            projection,
            generation,
            checkpoint: checkpoint.unwrap_or_else(|| Checkpoint {
                identity,
                ..Checkpoint::default()
            }),
            rows: LruCache::new(CACHED_ROWS),
            unencoded: Vec::new(),
            changes: Changes::default(),
            parked,
        })
    }

    /// Up to where was folded, changes not yet written included.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The generation that is folded into.
    #[must_use]
    pub const fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Keys not yet written.
    #[must_use]
    pub fn pending_keys(&self) -> usize {
        self.changes.len().saturating_add(self.unencoded.len())
    }

    /// Bytes of the changes not yet written, without the rows in the cache, whose number is bounded.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.changes.bytes()
    }

    /// Orders parked.
    #[must_use]
    pub const fn parked(&self) -> u64 {
        self.parked
    }

    /// Folds one record. A record at or before the checkpoint changes nothing.
    ///
    /// # Errors
    /// [`Error::Damaged`]: the view's, never the record's; a record that cannot be folded parks its
    /// order.
    pub fn fold(&mut self, record: &Record) -> Result<(), Error> {
        let position = record.position;
        let mark = self.checkpoint.partitions.get(&position.partition).copied();
        if mark.is_some_and(|mark| mark.sequence >= position.sequence) {
            return Ok(());
        }
        let record_time = self.fold_order(record)?;
        let last = mark.map_or(0, |mark| mark.record_time);
        self.checkpoint.partitions.insert(
            position.partition,
            Mark {
                sequence: position.sequence,
                commit_id: record.commit_id.0,
                record_time: record_time.unwrap_or(last),
            },
        );
        Ok(())
    }

    /// Writes what is pending, with the checkpoint, in one atomic batch.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn write(&mut self) -> Result<(), Error> {
        let changes = self.take_changes();
        self.generation.apply(changes, &self.checkpoint)
    }

    /// Writes what is pending one by one, without the checkpoint; for a generation being built.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn load(&mut self) -> Result<(), Error> {
        let changes = self.take_changes();
        self.generation.load(changes)
    }

    /// Ends a build: everything, then the checkpoint, on disk.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn seal(&mut self) -> Result<(), Error> {
        self.load()?;
        self.generation.seal(&self.checkpoint)
    }

    fn take_changes(&mut self) -> Changes {
        for order_id in std::mem::take(&mut self.unencoded) {
            // One that is not there was pushed out of the cache, and encoded then.
            if let Some(cached) = self.rows.peek_mut(&order_id)
                && !cached.encoded
            {
                cached.encoded = true;
                let encoded = encode(&cached.row);
                self.keep(&order_id, encoded);
            }
        }
        std::mem::take(&mut self.changes)
    }

    fn keep(&mut self, order_id: &str, encoded: Result<Vec<u8>, Parked>) {
        match encoded {
            Ok(bytes) => self.changes.put(keys::row(order_id), bytes),
            Err(parked) => self.park_first(order_id, &parked),
        }
    }

    /// Folds into the order; answers the commit's record time where it could be read.
    fn fold_order(&mut self, record: &Record) -> Result<Option<i64>, Error> {
        let order_id = record.stream.as_str();
        if let Some(mut parked) = self.parked_order(order_id)? {
            parked.push_behind(record.position.to_string());
            self.park(order_id, &parked);
            return Ok(None);
        }
        let commit = match commit::decode(&record.payload) {
            Ok(commit) => commit,
            Err(error) => {
                self.park_at(record, None, Unfoldable::undecodable(&error));
                return Ok(None);
            }
        };
        let record_time = Some(commit.record_time.micros());
        let row = match self.row(order_id)? {
            Ok(row) => row,
            Err(unfoldable) => {
                self.park_at(record, record_time, unfoldable);
                return Ok(record_time);
            }
        };
        let row_so_far = row.as_ref().map(|cached| &cached.row);
        if let Err(unfoldable) = follows(order_id, row_so_far, &commit) {
            if let Some(cached) = row {
                self.cache(order_id, cached);
            }
            self.park_at(record, record_time, unfoldable);
            return Ok(record_time);
        }
        // A panic leaves half of the commit behind in this order's keys; the order is parked, and
        // says so. To stop all others for it would help nobody. What is encoded nowhere yet would be
        // lost with it.
        let spare = row.as_ref().filter(|cached| !cached.encoded).cloned();
        match catch_unwind(AssertUnwindSafe(|| self.apply(record, &commit, row))) {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(unfoldable))) => self.park_at(record, record_time, unfoldable),
            Ok(Err(error)) => return Err(error),
            Err(_panic) => {
                if let Some(before) = spare {
                    self.cache(order_id, before);
                }
                let detail = "folding the commit panicked".to_owned();
                let cause = Cause::Fold;
                self.park_at(record, record_time, Unfoldable { cause, detail });
            }
        }
        Ok(record_time)
    }

    fn apply(
        &mut self,
        record: &Record,
        commit: &Commit,
        cached: Option<Cached>,
    ) -> Result<Result<(), Unfoldable>, Error> {
        let order_id = record.stream.as_str();
        let listed = cached.as_ref().is_some_and(|cached| !cached.encoded);
        let row = cached.map(|cached| cached.row);
        let before = row
            .as_ref()
            .map(|row| self.projection.before(order_id, &row.order));
        let mut order: Option<Order> = row.map(|row| row.order);
        commit::apply(&mut order, commit);
        let Some(order) = order else {
            return Ok(Err(Unfoldable {
                cause: Cause::Gap,
                detail: "the first event is not OrderCreated".to_owned(),
            }));
        };
        let row = Row {
            order_id: commit.order_id.clone(),
            order,
            position: (record.position.partition, record.position.sequence),
            chain_hash: commit::hash(&record.payload),
        };
        let mut batch = Batch::new(&self.generation, &mut self.changes);
        self.projection
            .project(before, &row.order, commit, &mut batch)?;
        if !listed {
            self.unencoded.push(order_id.to_owned());
        }
        let encoded = false;
        self.cache(order_id, Cached { row, encoded });
        Ok(Ok(()))
    }

    fn cache(&mut self, order_id: &str, cached: Cached) {
        if let Some((order_id, out)) = self.rows.push(order_id.to_owned(), cached)
            && !out.encoded
        {
            self.keep(&order_id, encode(&out.row));
        }
    }

    /// The order's row: from the cache, from what is pending, from the generation.
    fn row(&mut self, order_id: &str) -> Result<Result<Option<Cached>, Unfoldable>, Error> {
        if let Some(cached) = self.rows.pop(order_id) {
            return Ok(Ok(Some(cached)));
        }
        let stored = Batch::new(&self.generation, &mut self.changes).get(&keys::row(order_id))?;
        let row = stored.map(|bytes| Row::decode(&bytes)).transpose();
        let encoded = true;
        Ok(row
            .map(|row| row.map(|row| Cached { row, encoded }))
            .map_err(|invalid| Unfoldable {
                cause: Cause::Row,
                detail: invalid.to_string(),
            }))
    }

    fn parked_order(&mut self, order_id: &str) -> Result<Option<Parked>, Error> {
        if self.parked == 0 {
            return Ok(None);
        }
        let stored =
            Batch::new(&self.generation, &mut self.changes).get(&keys::parked(order_id))?;
        Ok(stored.and_then(|bytes| Parked::decode(&bytes)))
    }

    fn park_at(&mut self, record: &Record, record_time: Option<i64>, unfoldable: Unfoldable) {
        let Unfoldable { cause, detail } = unfoldable;
        let times = self.checkpoint.partitions.values();
        let last = times.map(|mark| mark.record_time).max();
        let parked = Parked {
            cause,
            detail,
            position: record.position.to_string(),
            commit_id: record.commit_id.to_string(),
            since: record_time.or(last).unwrap_or(0),
            attempts: 1,
            behind: Vec::new(),
            behind_count: 0,
        };
        self.park_first(record.stream.as_str(), &parked);
    }

    fn park_first(&mut self, order_id: &str, parked: &Parked) {
        tracing::error!(
            projection = self.projection.name(),
            order_id,
            position = parked.position,
            cause = ?parked.cause,
            detail = parked.detail,
            "order parked; all others go on"
        );
        self.park(order_id, parked);
        self.parked = self.parked.saturating_add(1);
    }

    fn park(&mut self, order_id: &str, parked: &Parked) {
        self.changes.put(keys::parked(order_id), parked.encode());
    }
}

/// The stored row, or why the order is parked: what was decoded from the log has nothing personal
/// in the clear, so there is no why.
fn encode(row: &Row) -> Result<Vec<u8>, Parked> {
    row.encode().map_err(|unsealed| Parked {
        cause: Cause::Row,
        detail: unsealed.to_string(),
        position: format!("{}:{}", row.position.0, row.position.1),
        commit_id: String::new(),
        since: row.order.update_time.micros(),
        attempts: 1,
        behind: Vec::new(),
        behind_count: 0,
    })
}

impl Unfoldable {
    fn undecodable(error: &DecodeError) -> Self {
        let cause = match error {
            DecodeError::UnknownEvent { .. } => Cause::UnknownEvent,
            DecodeError::NewerSchema { .. } => Cause::NewerSchema,
            DecodeError::Malformed(_) | DecodeError::InvalidValue { .. } => Cause::Undecodable,
        };
        Self {
            cause,
            detail: error.to_string(),
        }
    }
}

/// Whether a commit is the next one of its order.
fn follows(order_id: &str, row: Option<&Row>, commit: &Commit) -> Result<(), Unfoldable> {
    if commit.order_id.as_str() != order_id {
        let detail = format!("the commit is one of order {}", commit.order_id);
        return Err(Unfoldable {
            cause: Cause::Undecodable,
            detail,
        });
    }
    let expected = row.map_or(1, |row| row.order.version.saturating_add(1));
    if commit.first_version != expected {
        let found = commit.first_version;
        let detail = format!("the commit begins at version {found}, not at {expected}");
        return Err(Unfoldable {
            cause: Cause::Gap,
            detail,
        });
    }
    if commit.previous_hash != row.map(|row| row.chain_hash) {
        let detail = "the commit does not name the hash of the one before it".to_owned();
        return Err(Unfoldable {
            cause: Cause::Chain,
            detail,
        });
    }
    Ok(())
}
