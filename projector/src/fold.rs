//! Folds commits into one generation.

use std::num::NonZeroUsize;
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
    rows: LruCache<String, Row>,
    changes: Changes,
    parked: u64,
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

    /// Changes not yet written.
    #[must_use]
    pub const fn pending(&self) -> &Changes {
        &self.changes
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
        let changes = std::mem::take(&mut self.changes);
        self.generation.apply(changes, &self.checkpoint)
    }

    /// Writes what is pending one by one, without the checkpoint; for a generation being built.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn load(&mut self) -> Result<(), Error> {
        let changes = std::mem::take(&mut self.changes);
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

    /// Folds into the order; answers the commit's record time where it could be read.
    fn fold_order(&mut self, record: &Record) -> Result<Option<i64>, Error> {
        let order_id = record.stream.as_str();
        if let Some(mut parked) = self.parked_order(order_id)? {
            parked.behind.push(record.position.to_string());
            self.park(order_id, &parked);
            return Ok(None);
        }
        let commit = match commit::decode(&record.payload) {
            Ok(commit) => commit,
            Err(error) => {
                self.park_at(record, Unfoldable::undecodable(&error));
                return Ok(None);
            }
        };
        let record_time = commit.record_time.micros();
        let row = match self.row(order_id)? {
            Ok(row) => row,
            Err(unfoldable) => {
                self.park_at(record, unfoldable);
                return Ok(Some(record_time));
            }
        };
        if let Err(unfoldable) = follows(row.as_ref(), &commit) {
            self.rows.pop(order_id);
            self.park_at(record, unfoldable);
            return Ok(Some(record_time));
        }
        self.apply(record, &commit, row)?;
        Ok(Some(record_time))
    }

    fn apply(&mut self, record: &Record, commit: &Commit, row: Option<Row>) -> Result<(), Error> {
        let order_id = record.stream.as_str();
        let before = row
            .as_ref()
            .map(|row| self.projection.before(order_id, &row.order));
        let mut order: Option<Order> = row.map(|row| row.order);
        commit::apply(&mut order, commit);
        let Some(order) = order else {
            let detail = "the first event is not OrderCreated".to_owned();
            self.park_at(
                record,
                Unfoldable {
                    cause: Cause::Gap,
                    detail,
                },
            );
            return Ok(());
        };
        let row = Row {
            order_id: commit.order_id.clone(),
            order,
            position: (record.position.partition, record.position.sequence),
            chain_hash: commit::hash(&record.payload),
        };
        let encoded = match row.encode() {
            Ok(encoded) => encoded,
            Err(unsealed) => {
                let detail = unsealed.to_string();
                self.park_at(
                    record,
                    Unfoldable {
                        cause: Cause::Row,
                        detail,
                    },
                );
                return Ok(());
            }
        };
        let mut batch = Batch::new(&self.generation, &mut self.changes);
        self.projection
            .project(before, &row.order, commit, &mut batch)?;
        batch.put(keys::row(order_id), encoded);
        self.rows.put(order_id.to_owned(), row);
        Ok(())
    }

    /// The order's row: from the cache, from what is pending, from the generation.
    fn row(&mut self, order_id: &str) -> Result<Result<Option<Row>, Unfoldable>, Error> {
        if let Some(row) = self.rows.pop(order_id) {
            return Ok(Ok(Some(row)));
        }
        let stored = Batch::new(&self.generation, &mut self.changes).get(&keys::row(order_id))?;
        let row = stored.map(|bytes| Row::decode(&bytes)).transpose();
        Ok(row.map_err(|invalid| Unfoldable {
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

    fn park_at(&mut self, record: &Record, unfoldable: Unfoldable) {
        let Unfoldable { cause, detail } = unfoldable;
        let order_id = record.stream.as_str();
        let position = record.position.to_string();
        tracing::error!(
            projection = self.projection.name(),
            order_id,
            position,
            ?cause,
            detail,
            "order parked; all others go on"
        );
        let commit_id = record.commit_id.to_string();
        self.park(
            order_id,
            &Parked {
                cause,
                detail,
                position,
                commit_id,
                behind: Vec::new(),
            },
        );
        self.parked = self.parked.saturating_add(1);
    }

    fn park(&mut self, order_id: &str, parked: &Parked) {
        self.changes.put(keys::parked(order_id), parked.encode());
    }
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
fn follows(row: Option<&Row>, commit: &Commit) -> Result<(), Unfoldable> {
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
