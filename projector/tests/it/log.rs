//! A log in memory that can be taken away, silenced, damaged, mended and exchanged while it is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use event_store::memory::Memory;
use event_store::{
    ALL, AppendError, Availability, Bookmark, Consistency, Entry, Epoch, EventStore, Head,
    LogDescription, LogIdentity, NewRecord, Position, Positions, ReadError, Record, StreamId,
    StreamSlice, Tail,
};
use futures::StreamExt as _;
use tokio::sync::watch;

use crate::history::Writer;

/// How the log behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Fine,
    /// Answers nothing but that it is away.
    Away,
    /// Answers, but its tails yield nothing.
    Deaf,
}

/// Payloads that are given in place of the stored ones.
type Changed = BTreeMap<Position, Bytes>;

/// The log; clones are the same one.
#[derive(Clone)]
pub(crate) struct Log {
    inner: Arc<Mutex<Arc<Memory>>>,
    mood: Arc<watch::Sender<Mood>>,
    changed: Arc<Mutex<Changed>>,
}

pub(crate) const IDENTITY: LogIdentity = LogIdentity([7; 16]);

impl Log {
    pub(crate) fn new(partitions: u32) -> Self {
        let memory = Arc::new(Memory::with_identity(partitions, IDENTITY));
        Self {
            inner: Arc::new(Mutex::new(memory)),
            mood: Arc::new(watch::Sender::new(Mood::Fine)),
            changed: Arc::default(),
        }
    }

    /// A log with everything that was written.
    pub(crate) async fn holding(writer: &Writer, partitions: u32) -> Self {
        let log = Self::new(partitions);
        log.append_all(writer, 0..writer.commits.len()).await;
        log
    }

    /// Appends some of what was written; all before it must be there.
    pub(crate) async fn append_all(&self, writer: &Writer, commits: std::ops::Range<usize>) {
        for (stream, record) in writer.new_records().take(commits.end).skip(commits.start) {
            self.append_one(&stream, record).await;
        }
    }

    pub(crate) async fn append_one(&self, stream: &StreamId, record: NewRecord) {
        let inner = self.inner();
        let there = inner
            .read_stream(stream, None, ALL, Consistency::Latest)
            .await
            .expect("read");
        let last = there.records.last().map(|record| record.position);
        let appended = inner.append(stream, last, there.epoch, record).await;
        appended.expect("appended");
    }

    /// Another log takes the place of this one.
    pub(crate) async fn exchange(&self, identity: LogIdentity, writer: &Writer, commits: usize) {
        let partitions = self.inner().describe().partitions;
        let memory = Memory::with_identity(partitions, identity);
        let fresh = Self::new(partitions);
        *fresh.inner.lock().expect("lock") = Arc::new(memory);
        fresh.append_all(writer, 0..commits).await;
        *self.inner.lock().expect("lock") = fresh.inner();
    }

    /// The log loses everything after this sequence of its only partition.
    pub(crate) fn roll_back(&self, to: u64) {
        self.inner()
            .roll_back(&Positions::from(Position::new(0, to)));
    }

    /// The record at a position cannot be read any more.
    pub(crate) fn damage(&self, position: Position) {
        self.inner().damage(position);
    }

    /// Gives other bytes in place of a record's from now on.
    pub(crate) fn change(&self, position: Position, payload: Vec<u8>) {
        self.changed().insert(position, payload.into());
    }

    /// Gives what was appended again.
    pub(crate) fn mend(&self) {
        self.changed().clear();
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub(crate) fn shared(&self) -> Arc<dyn EventStore> {
        Arc::new(self.clone())
    }

    fn inner(&self) -> Arc<Memory> {
        Arc::clone(&self.inner.lock().expect("lock"))
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().expect("lock")
    }

    fn shown(&self, mut record: Record) -> Record {
        if let Some(payload) = self.changed().get(&record.position) {
            record.payload = payload.clone();
        }
        record
    }

    fn reached(&self) -> Result<Arc<Memory>, ReadError> {
        if *self.mood.borrow() == Mood::Away {
            let cause = "somebody took it away".to_owned();
            return Err(ReadError::Unavailable { cause });
        }
        Ok(self.inner())
    }
}

#[async_trait]
impl EventStore for Log {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        self.inner().append(stream, expected, epoch, record).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        let inner = self.reached()?;
        let read = inner.read_stream(stream, after, limit, consistency);
        let mut slice = read.await?;
        let records = std::mem::take(&mut slice.records).into_iter();
        slice.records = records.map(|record| self.shown(record)).collect();
        Ok(slice)
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        let record = self.reached()?.read_at(position).await?;
        Ok(record.map(|record| self.shown(record)))
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        if *self.mood.borrow() == Mood::Deaf {
            return Ok(futures::stream::pending().boxed());
        }
        let (tail, log) = (self.reached()?.tail(after).await?, self.clone());
        let shown = tail.map(move |entry| {
            Ok(match entry? {
                Entry::Record(record) => Entry::Record(log.shown(record)),
                missing @ Entry::Missing(_) => missing,
            })
        });
        Ok(shown.boxed())
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.reached()?.head().await
    }

    fn epoch(&self) -> Epoch {
        self.inner().epoch()
    }

    fn describe(&self) -> Arc<LogDescription> {
        self.inner().describe()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.inner().availability()
    }
}
