//! The commits of one order, oldest first, read piece by piece. Each is checked against the one
//! before it: a gap or a commit of another history is named, never shown.

use std::collections::VecDeque;

use event_store::{Consistency, Position, Record, StreamId};
use order::Event;
use order::value::OrderId;
use proto::commit::{self, Commit};

use crate::Sources;
use crate::failure::Failure;

/// Commits read in one go: most orders have fewer, and a page of a long history needs about as many.
const CHUNK: usize = 64;

/// What the next commit of an order must say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// Version of the order so far.
    pub(crate) version: u64,
    /// Hash of its last commit; `None` before the first.
    pub(crate) hash: Option<[u8; 32]>,
}

impl Link {
    /// The commit in a record, if it goes on from here.
    pub(crate) fn follow(&mut self, record: &Record) -> Result<Commit, Failure> {
        let at = record.position;
        let commit = commit::decode(&record.payload)
            .map_err(|error| Failure::unreadable(format!("the commit at {at}: {error}")))?;
        let broken = |what: String| Failure::unreadable(format!("the commit at {at} {what}"));
        if commit.order_id.as_str() != record.stream.as_str() {
            return Err(broken(format!("is of order {}", commit.order_id)));
        }
        let expected = self.version.saturating_add(1);
        if commit.first_version != expected {
            let found = commit.first_version;
            return Err(broken(format!("begins at version {found}, not {expected}")));
        }
        if commit.previous_hash != self.hash {
            return Err(broken(
                "does not name the hash of the commit before it".to_owned(),
            ));
        }
        *self = Self {
            version: last_version(&commit),
            hash: Some(commit::hash(&record.payload)),
        };
        Ok(commit)
    }
}

/// The version that an order has after a commit.
pub(crate) fn last_version(commit: &Commit) -> u64 {
    let events = u64::try_from(commit.events.len()).unwrap_or(u64::MAX);
    commit
        .first_version
        .saturating_add(events)
        .saturating_sub(1)
}

/// A place between two commits of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last commit before it; `None` at the start.
    pub(crate) position: Option<Position>,
    pub(crate) link: Link,
}

/// Reads an order's stream from a mark on.
pub(crate) struct Commits<'a> {
    sources: &'a Sources,
    stream: StreamId,
    /// After the last commit that was taken.
    mark: Mark,
    /// After the last record that was read.
    read: Option<Position>,
    records: VecDeque<Record>,
    /// Whether the stream was read to its end.
    ended: bool,
}

impl<'a> Commits<'a> {
    pub(crate) fn after(
        sources: &'a Sources,
        order_id: &OrderId,
        mark: Mark,
    ) -> Result<Self, Failure> {
        Ok(Self {
            sources,
            stream: StreamId::new(order_id.as_str()).map_err(Failure::internal)?,
            mark,
            read: mark.position,
            records: VecDeque::new(),
            ended: false,
        })
    }

    /// After the last commit that was taken.
    pub(crate) const fn mark(&self) -> Mark {
        self.mark
    }

    /// The next commit and where it lies; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<(Position, Commit)>, Failure> {
        let Some(record) = self.next_record().await? else {
            return Ok(None);
        };
        let commit = self.mark.link.follow(&record)?;
        self.mark.position = Some(record.position);
        Ok(Some((record.position, commit)))
    }

    /// Whether a commit that was not taken yet erased the personal data. The key may live on for a
    /// moment after that was recorded. What cannot be read erased nothing.
    pub(crate) async fn is_erased_later(&mut self) -> Result<bool, Failure> {
        while let Some(record) = self.next_record().await? {
            if commit::decode(&record.payload).is_ok_and(|commit| erases(&commit)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn next_record(&mut self) -> Result<Option<Record>, Failure> {
        if self.records.is_empty() && !self.ended {
            let log = &self.sources.log;
            let read = log.read_stream(&self.stream, self.read, CHUNK, Consistency::Latest);
            let slice = read.await?;
            self.ended = !slice.more || slice.records.is_empty();
            self.records = slice.records.into();
            if let Some(last) = self.records.back() {
                self.read = Some(last.position);
            }
        }
        Ok(self.records.pop_front())
    }
}

/// Whether a commit erased the personal data of its order.
pub(crate) fn erases(commit: &Commit) -> bool {
    let erases = |event: &Event| matches!(event, Event::PersonalDataErased { .. });
    commit.events.iter().any(erases)
}
