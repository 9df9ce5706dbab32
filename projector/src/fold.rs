//! Folds commits into one generation.

mod chain;
mod park;
mod rows;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use event_store::{Position, Record, StreamId};
use order::Order;
use proto::commit::{self, Commit};
use proto::row::Row;
use read_model::{Cause, Changes, Checkpoint, Error, Generation, Mark, Scan, keys};

use crate::project::{Change, FOLD, Keys, Projections};
use rows::Rows;

pub use chain::{Doubt, follows_in};
use chain::{Unfoldable, follows};
pub use park::Retried;

/// How a folder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Small atomic batches, each with the checkpoint and the digest: for a view that serves.
    Live,
    /// Single writes in the order of the keys, the checkpoint and the digest at the end: for a
    /// generation that nobody reads yet.
    Build,
}

/// Folds commits of one log into one generation, in order.
pub struct Folder {
    projections: Projections,
    generation: Arc<Generation>,
    mode: Mode,
    /// The build of this program: another one tries parked orders again.
    program: Arc<str>,
    checkpoint: Checkpoint,
    /// How far the log was read: like the checkpoint, but past holes, which have no commit.
    reached: BTreeMap<u32, u64>,
    rows: Rows,
    changes: Changes,
    parked: u64,
    scan: Option<Scan>,
    /// Whether anything was folded since the last write.
    news: bool,
}

/// What became of a record.
#[derive(Debug)]
#[must_use]
pub enum Folded {
    /// It is folded, or its order is parked, or it was folded before.
    Done,
    /// It does not follow the order's row. Only the order's stream in the log can tell whether the
    /// log is broken or the row: the caller asks, and goes on with [`Folder::settle`].
    Doubtful(Doubt),
}

impl Folder {
    /// Goes on where the generation's checkpoint is; a new generation begins at the start of the
    /// log `identity`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn new(
        projections: Projections,
        generation: Arc<Generation>,
        identity: [u8; 16],
        mode: Mode,
    ) -> Result<Self, Error> {
        let checkpoint = generation.checkpoint()?;
        let checkpoint = checkpoint.unwrap_or_else(|| Checkpoint::start(FOLD, identity));
        let parked = generation
            .prefix(&[keys::PARKED])
            .try_fold(0_u64, |n, it| it.map(|_parked| n.saturating_add(1)))?;
        Ok(Self {
            projections,
            generation,
            mode,
            program: "".into(),
            reached: checkpoint.positions(),
            checkpoint,
            rows: Rows::new(),
            changes: Changes::default(),
            parked,
            scan: None,
            news: false,
        })
    }

    /// Names the build of the program, which is kept with every order that it parks.
    #[must_use]
    pub fn with_program(mut self, program: Arc<str>) -> Self {
        self.program = program;
        self
    }

    /// Up to where was folded, changes not yet written included. Its digest is that of the last
    /// write.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How far the log was read, by partition: at least up to the checkpoint.
    #[must_use]
    pub const fn reached(&self) -> &BTreeMap<u32, u64> {
        &self.reached
    }

    /// The generation that is folded into.
    #[must_use]
    pub const fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Keys not yet written.
    #[must_use]
    pub fn pending_keys(&self) -> usize {
        self.changes.len().saturating_add(self.rows.unwritten())
    }

    /// Bytes of the changes not yet written, without the rows in the cache, whose number is bounded.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.changes.bytes()
    }

    /// How it writes now.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether anything was folded since the last write.
    #[must_use]
    pub const fn has_news(&self) -> bool {
        self.news
    }

    /// Orders parked.
    #[must_use]
    pub const fn parked(&self) -> u64 {
        self.parked
    }

    /// Folds one record. A record at or before the checkpoint changes nothing.
    ///
    /// # Errors
    /// [`Error`]: the view's, never the record's; a record that cannot be folded parks its order.
    pub fn fold(&mut self, record: &Record) -> Result<Folded, Error> {
        if self.has_read(record.position) {
            return Ok(Folded::Done);
        }
        match self.fold_order(record)? {
            Ok(record_time) => {
                self.advance(record, record_time);
                Ok(Folded::Done)
            }
            Err(doubt) => Ok(Folded::Doubtful(doubt)),
        }
    }

    /// Ends a doubt for which the log's own stream shows the break: the order is parked.
    pub fn settle(&mut self, doubt: Doubt) {
        self.park_at(&doubt.record, Some(doubt.record_time), doubt.unfoldable);
        self.advance(&doubt.record, Some(doubt.record_time));
    }

    /// Passes over a hole of the log. The order it belongs to is parked, where that is known;
    /// otherwise its next commit will not follow, and park it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn pass_over(
        &mut self,
        position: Position,
        stream: Option<&StreamId>,
    ) -> Result<(), Error> {
        if self.has_read(position) {
            return Ok(());
        }
        tracing::error!(%position, ?stream, "the log has lost a record, or holds it damaged");
        if let Some(stream) = stream {
            self.park_hole(position, stream)?;
        }
        self.reached.insert(position.partition, position.sequence);
        self.news = true;
        Ok(())
    }

    fn has_read(&self, position: Position) -> bool {
        let reached = self.reached.get(&position.partition).copied();
        reached.unwrap_or(0) >= position.sequence
    }

    fn advance(&mut self, record: &Record, record_time: Option<i64>) {
        let Position {
            partition,
            sequence,
        } = record.position;
        let last = self.checkpoint.partitions.get(&partition);
        let last = last.map_or(0, |mark| mark.record_time);
        let mark = Mark {
            sequence,
            commit_id: record.commit_id.0,
            record_time: record_time.unwrap_or(last),
        };
        self.checkpoint.partitions.insert(partition, mark);
        self.reached.insert(partition, sequence);
        self.news = true;
    }

    /// Writes what is pending, with the checkpoint: live in one atomic batch.
    ///
    /// # Errors
    /// [`Error`].
    pub fn write(&mut self) -> Result<(), Error> {
        self.encode_rows();
        self.news = false;
        let changes = std::mem::take(&mut self.changes);
        match self.mode {
            Mode::Live => {
                let scan = self.scan.as_mut();
                self.generation.apply(changes, &mut self.checkpoint, scan)
            }
            Mode::Build => self.generation.load(changes),
        }
    }

    /// Ends a build: everything, then the checkpoint with its digest, on disk. What follows is
    /// written live.
    ///
    /// # Errors
    /// [`Error`].
    pub fn seal(&mut self) -> Result<(), Error> {
        self.write()?;
        self.generation.seal(&mut self.checkpoint)?;
        self.mode = Mode::Live;
        Ok(())
    }

    /// Reads up to `limit` entries more of a scan, and begins one where there is none. At the end
    /// its sum must be the digest of the checkpoint. Only between two writes.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is another, or a value cannot be read.
    pub fn scan(&mut self, limit: usize) -> Result<ControlFlow<()>, Error> {
        let scan = self.scan.get_or_insert_default();
        let flow = scan.advance(&self.generation, limit)?;
        if flow.is_break() {
            let (found, expected) = (scan.digest(), self.checkpoint.digest);
            self.scan = None;
            if found != expected {
                let cause = format!("its data have the digest {found}, its checkpoint {expected}");
                return Err(self.generation.damaged(&cause));
            }
        }
        Ok(flow)
    }

    fn encode_rows(&mut self) {
        for (key, written) in self.rows.take_unwritten(self.mode) {
            self.put_row(key, written);
        }
    }

    /// Folds into the order; answers the commit's record time where it could be read.
    fn fold_order(&mut self, record: &Record) -> Result<Result<Option<i64>, Doubt>, Error> {
        let order_id = record.stream.as_str();
        if let Some(mut parked) = self.parked_order(order_id)? {
            parked.push_behind(record.position.to_string());
            self.put_parked(order_id, &parked);
            return Ok(Ok(None));
        }
        let commit = match decode(record) {
            Ok(commit) => commit,
            Err(unfoldable) => {
                self.park_at(record, None, unfoldable);
                return Ok(Ok(None));
            }
        };
        let record_time = commit.record_time.micros();
        let generation = Arc::clone(&self.generation);
        let row = self.row(order_id)?;
        if let Err(cause) = is_before(row, record) {
            return Err(generation.damaged(&cause));
        }
        if let Err(unfoldable) = follows(row, &commit) {
            let record = record.clone();
            return Ok(Err(Doubt {
                record,
                record_time,
                unfoldable,
            }));
        }
        if let Err(unfoldable) = self.apply(record, &commit)? {
            self.park_at(record, Some(record_time), unfoldable);
        }
        Ok(Ok(Some(record_time)))
    }

    /// Evolves the order once and lets every projection add its keys. They join what is pending only
    /// after all of them have returned.
    fn apply(&mut self, record: &Record, commit: &Commit) -> Result<Result<(), Unfoldable>, Error> {
        let order_id = record.stream.as_str();
        let before = self.rows.get(order_id).map(|row| &row.order);
        let projections = &self.projections;
        let evolved = catch_unwind(AssertUnwindSafe(|| {
            evolve(projections, order_id, before, commit)
        }));
        let (after, projected) = match evolved {
            Ok(Some(evolved)) => evolved,
            Ok(None) => {
                let detail = "the first event is not OrderCreated".to_owned();
                return Ok(Err(Unfoldable::new(Cause::Gap, detail)));
            }
            Err(_panic) => {
                let detail = "folding the commit panicked".to_owned();
                return Ok(Err(Unfoldable::new(Cause::Fold, detail)));
            }
        };
        let row = Row {
            order_id: commit.order_id.clone(),
            order: after,
            position: (record.position.partition, record.position.sequence),
            chain_hash: commit::hash(&record.payload),
        };
        if !rows::is_sealed(&row.order) {
            let detail = "the commit holds personal data in the clear".to_owned();
            return Ok(Err(Unfoldable::new(Cause::Undecodable, detail)));
        }
        projected.merge_into(&mut self.changes, &self.generation)?;
        if let Some((key, written)) = self.rows.put(order_id, row, self.mode) {
            self.put_row(key, written);
        }
        Ok(Ok(()))
    }

    fn row(&mut self, order_id: &str) -> Result<Option<&Row>, Error> {
        if !self.rows.contains(order_id) {
            let key = keys::row(order_id);
            let pending = self.changes.get(&key).map(|it| it.map(<[u8]>::to_vec));
            let stored = match pending {
                Some(pending) => pending,
                None => self.generation.get(&key)?,
            };
            if let Some(bytes) = stored {
                let row = Row::decode(&bytes).map_err(|invalid| {
                    let cause = format!("the row of {order_id} cannot be read: {invalid}");
                    self.generation.damaged(&cause)
                })?;
                if let Some((key, written)) =
                    self.rows.take_in(order_id, row, &key, &bytes, self.mode)
                {
                    self.put_row(key, written);
                }
            }
        }
        Ok(self.rows.get(order_id))
    }

    fn put_row(&mut self, key: Vec<u8>, written: rows::Written) {
        let rows::Written { old, bytes, digest } = written;
        match digest {
            Some(digest) => self.changes.set_hashed(key, old, bytes, digest),
            None => self.changes.set(key, old, Some(bytes)),
        }
    }
}

/// A row can only be of a commit before this one: row and checkpoint are written in one batch.
fn is_before(row: Option<&Row>, record: &Record) -> Result<(), String> {
    let position = record.position;
    match row {
        Some(row) if row.position >= (position.partition, position.sequence) => Err(format!(
            "the row of {} is at {}:{}, beyond its checkpoint",
            record.stream, row.position.0, row.position.1
        )),
        Some(_) | None => Ok(()),
    }
}

/// The order after the commit, and what all projections write; `None` when it is not created.
fn evolve(
    projections: &Projections,
    order_id: &str,
    before: Option<&Order>,
    commit: &Commit,
) -> Option<(Order, Keys)> {
    let mut after = before.cloned();
    commit::apply(&mut after, commit);
    let after = after?;
    let change = Change {
        order_id,
        before,
        after: &after,
        commit,
    };
    let mut keys = Keys::default();
    for projection in projections.iter() {
        projection.project(&change, &mut keys);
    }
    Some((after, keys))
}

/// The commit in a record of its order's stream.
fn decode(record: &Record) -> Result<Commit, Unfoldable> {
    let commit =
        commit::decode(&record.payload).map_err(|error| Unfoldable::undecodable(&error))?;
    if commit.order_id.as_str() == record.stream.as_str() {
        return Ok(commit);
    }
    let detail = format!("the commit is one of order {}", commit.order_id);
    Err(Unfoldable::new(Cause::Undecodable, detail))
}
