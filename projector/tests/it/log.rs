//! A log in memory that can be taken away, silenced and exchanged while it is read.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event_store::memory::Memory;
use event_store::{
    ALL, AppendError, Availability, Bookmark, Consistency, Epoch, EventStore, Head, LogDescription,
    LogIdentity, NewRecord, Position, ReadError, Record, StreamId, StreamSlice, Tail,
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

/// The log; clones are the same one.
#[derive(Clone)]
pub(crate) struct Log {
    inner: Arc<Mutex<Arc<Memory>>>,
    mood: Arc<watch::Sender<Mood>>,
}

pub(crate) const IDENTITY: LogIdentity = LogIdentity([7; 16]);

impl Log {
    pub(crate) fn new(partitions: u32) -> Self {
        let memory = Arc::new(Memory::with_identity(partitions, IDENTITY));
        Self {
            inner: Arc::new(Mutex::new(memory)),
            mood: Arc::new(watch::Sender::new(Mood::Fine)),
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
        inner
            .append(stream, last, inner.epoch(), record)
            .await
            .expect("appended");
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

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub(crate) fn shared(&self) -> Arc<dyn EventStore> {
        Arc::new(self.clone())
    }

    fn inner(&self) -> Arc<Memory> {
        Arc::clone(&self.inner.lock().expect("lock"))
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
        self.reached()?
            .read_stream(stream, after, limit, consistency)
            .await
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        self.reached()?.read_at(position).await
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        if *self.mood.borrow() == Mood::Deaf {
            return Ok(futures::stream::pending().boxed());
        }
        self.reached()?.tail(after).await
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
