//! A log, or a key store, that is not there yet.
//!
//! A service that waits for its log is still a service: it listens, answers that the log is out of
//! reach, and says why. So it is put together over a [`Deferred`], which stands in until the real
//! one is handed in.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    AppendError, Availability, Bookmark, Consistency, Durability, Epoch, EventStore, Head,
    KeyError, KeyState, KeyStore, LogDescription, NewRecord, Position, ReadError, Record, StreamId,
    StreamSlice, Tail,
};

const CAUSE: &str = "it has not been reached yet";

/// Stands in for a `T` until there is one; then it is that one. Clones stand in for the same.
pub struct Deferred<T: ?Sized> {
    real: Arc<OnceLock<Arc<T>>>,
    waiting: watch::Sender<Availability>,
}

impl<T: ?Sized> Deferred<T> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let cause = CAUSE.to_owned();
        Self {
            real: Arc::default(),
            waiting: watch::channel(Availability::Unavailable { cause }).0,
        }
    }

    /// Hands in the real one. The first one stays.
    pub fn set(&self, real: Arc<T>) {
        // A second one changes nothing: whoever holds the first must not see the log change.
        drop(self.real.set(real));
    }

    fn get(&self) -> Option<&Arc<T>> {
        self.real.get()
    }
}

impl<T: ?Sized> Default for Deferred<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> Clone for Deferred<T> {
    fn clone(&self) -> Self {
        Self {
            real: Arc::clone(&self.real),
            waiting: self.waiting.clone(),
        }
    }
}

fn unread() -> ReadError {
    ReadError::Unavailable {
        cause: CAUSE.to_owned(),
    }
}

#[async_trait]
impl EventStore for Deferred<dyn EventStore> {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        match self.get() {
            Some(real) => real.append(stream, expected, epoch, record).await,
            None => Err(AppendError::Unavailable {
                cause: CAUSE.to_owned(),
            }),
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        let real = self.get().ok_or_else(unread)?;
        real.read_stream(stream, after, limit, consistency).await
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        self.get().ok_or_else(unread)?.read_at(position).await
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        self.get().ok_or_else(unread)?.tail(after).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.get().ok_or_else(unread)?.head().await
    }

    /// Before the real log is there: one that no log is ever in.
    fn epoch(&self) -> Epoch {
        self.get().map_or(Epoch(0), |real| real.epoch())
    }

    /// Before the real log is there: a description without a name worth printing.
    fn describe(&self) -> Arc<LogDescription> {
        self.get().map_or_else(
            || {
                Arc::new(LogDescription {
                    name: "a log that has not been reached yet".to_owned(),
                    durability: Durability::Memory,
                    partitions: 0,
                    max_record_bytes: 0,
                    warnings: Vec::new(),
                })
            },
            |real| real.describe(),
        )
    }

    /// Before the real log is there: unavailable, for as long as this receiver lives.
    fn availability(&self) -> watch::Receiver<Availability> {
        self.get()
            .map_or_else(|| self.waiting.subscribe(), |real| real.availability())
    }
}

#[async_trait]
impl KeyStore for Deferred<dyn KeyStore> {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.get().ok_or_else(unreached)?.create(stream).await
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.get().ok_or_else(unreached)?.find(stream).await
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.get().ok_or_else(unreached)?.erase(stream).await
    }
}

fn unreached() -> KeyError {
    KeyError::Unavailable {
        cause: CAUSE.to_owned(),
    }
}
