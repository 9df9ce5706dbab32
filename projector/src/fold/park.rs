//! Setting an order aside, and trying it again.

use event_store::{Position, Record, StreamId};
use read_model::{Cause, Error, Old, Parked, keys};

use super::chain::Unfoldable;
use super::{Folded, Folder};

/// What came of trying a parked order again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// All its commits are folded.
    Healed,
    /// It is parked again.
    Parked(Parked),
    /// It is not parked.
    NotParked,
}

impl Folder {
    /// The parked orders, by id.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parked_orders(&self) -> Result<Vec<(String, Parked)>, Error> {
        let mut found = Vec::new();
        for entry in self.generation.prefix(&[keys::PARKED]) {
            let (key, value) = entry?;
            let order_id = keys::Parts::of(&key).rest().map(str::to_owned);
            found.extend(order_id.zip(Parked::decode(&value)));
        }
        Ok(found)
    }

    /// The first parked order by id, for people; empty without one.
    #[must_use]
    pub fn first_parked(&self) -> String {
        if self.parked == 0 {
            return String::new();
        }
        let first = self.generation.prefix(&[keys::PARKED]).next();
        let Some(Ok((key, value))) = first else {
            return String::new();
        };
        let order_id = keys::order_id(&key).unwrap_or_default();
        Parked::decode(&value).map_or_else(String::new, |parked| {
            let (cause, detail) = (parked.cause.name(), &parked.detail);
            let Parked {
                position, since, ..
            } = &parked;
            let since = since / 1_000_000;
            format!("order {order_id} at {position} since {since} (Unix time): {cause}, {detail}")
        })
    }

    /// Up to where the row of an order was folded: what a retry must read after.
    ///
    /// # Errors
    /// [`Error`].
    pub fn row_position(&mut self, order_id: &str) -> Result<Option<Position>, Error> {
        let row = self.row(order_id)?;
        Ok(row.map(|row| Position::new(row.position.0, row.position.1)))
    }

    /// Folds again what queues behind a parked order: the records of its stream after its row. Those
    /// that were not reached yet come by themselves. Everything is written in one batch.
    ///
    /// # Errors
    /// [`Error`].
    pub fn retry(&mut self, order_id: &str, records: &[Record]) -> Result<Retried, Error> {
        let Some(before) = self.parked_order(order_id)? else {
            return Ok(Retried::NotParked);
        };
        self.unpark(order_id);
        for record in records {
            if self.has_read(record.position)
                && let Err(doubt) = self.fold_order(record)?
            {
                self.park_at(&doubt.record, Some(doubt.record_time), doubt.unfoldable);
            }
        }
        let after = self.parked_order(order_id)?.map(|again| Parked {
            since: before.since,
            attempts: before.attempts.saturating_add(1),
            ..again
        });
        if let Some(parked) = &after {
            self.put_parked(order_id, parked);
        }
        self.write()?;
        Ok(after.map_or(Retried::Healed, Retried::Parked))
    }

    /// Notes that a parked order was tried again in vain, without its stream: the log cannot read
    /// it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn retry_failed(&mut self, order_id: &str, detail: String) -> Result<Retried, Error> {
        let Some(parked) = self.parked_order(order_id)? else {
            return Ok(Retried::NotParked);
        };
        let parked = Parked {
            detail,
            attempts: parked.attempts.saturating_add(1),
            tried_by: self.program.to_string(),
            ..parked
        };
        self.put_parked(order_id, &parked);
        self.write()?;
        Ok(Retried::Parked(parked))
    }

    pub(super) fn parked_order(&self, order_id: &str) -> Result<Option<Parked>, Error> {
        if self.parked == 0 {
            return Ok(None);
        }
        let key = keys::parked(order_id);
        let stored = match self.changes.get(&key) {
            Some(pending) => pending.map(<[u8]>::to_vec),
            None => self.generation.get(&key)?,
        };
        let Some(stored) = stored else {
            return Ok(None);
        };
        let parked = Parked::decode(&stored);
        let unreadable = || {
            let cause = format!("what is parked of {order_id} cannot be read");
            self.generation.damaged(&cause)
        };
        parked.map(Some).ok_or_else(unreadable)
    }

    pub(super) fn park_at(
        &mut self,
        record: &Record,
        record_time: Option<i64>,
        unfoldable: Unfoldable,
    ) {
        let commit_id = record.commit_id.to_string();
        let parked = self.parked_now(record.position, commit_id, record_time, unfoldable);
        self.park(record.stream.as_str(), &parked);
    }

    /// Parks the order of a record that the log has lost; one that is parked waits for one more.
    pub(super) fn park_hole(&mut self, at: Position, stream: &StreamId) -> Result<(), Error> {
        let order_id = stream.as_str();
        match self.parked_order(order_id)? {
            Some(mut parked) => {
                parked.push_behind(at.to_string());
                self.put_parked(order_id, &parked);
            }
            None => {
                let detail = "the log has lost the record, or holds it damaged".to_owned();
                let missing = Unfoldable::new(Cause::Missing, detail);
                let parked = self.parked_now(at, String::new(), None, missing);
                self.park(order_id, &parked);
            }
        }
        Ok(())
    }

    fn parked_now(
        &self,
        position: Position,
        commit_id: String,
        record_time: Option<i64>,
        Unfoldable { cause, detail }: Unfoldable,
    ) -> Parked {
        Parked {
            cause,
            detail,
            position: position.to_string(),
            commit_id,
            since: record_time.unwrap_or_else(|| self.checkpoint.record_time()),
            attempts: 1,
            tried_by: self.program.to_string(),
            behind: Vec::new(),
            behind_count: 0,
        }
    }

    fn park(&mut self, order_id: &str, parked: &Parked) {
        tracing::error!(
            order_id,
            position = parked.position,
            cause = parked.cause.name(),
            detail = parked.detail,
            "order parked; all others go on"
        );
        self.put_parked(order_id, parked);
        self.parked = self.parked.saturating_add(1);
    }

    fn unpark(&mut self, order_id: &str) {
        self.changes.set(keys::parked(order_id), Old::Unread, None);
        self.parked = self.parked.saturating_sub(1);
    }

    pub(super) fn put_parked(&mut self, order_id: &str, parked: &Parked) {
        let key = keys::parked(order_id);
        self.changes.set(key, Old::Unread, Some(parked.encode()));
    }
}

impl Folded {
    /// Whether nothing is in doubt.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Doubtful(_) => false,
        }
    }
}
