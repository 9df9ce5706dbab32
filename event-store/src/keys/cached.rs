//! Keys kept at hand for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::recent::Recent;
use crate::{KeyError, KeyState, KeyStore, StreamId};

/// Streams whose keys are kept: about 3 MB, and every order that is being worked on.
const CAPACITY: usize = 10_000;

/// How long a key is kept: the longest that another node goes on reading what this one erased.
const LIFETIME: Duration = Duration::from_secs(60);

/// A key store with a bounded memory in front: at most 10,000 keys, each for at most 60 seconds.
///
/// An erasure through this value is seen by all later calls on it at once, also when a read was
/// under way. Absence is not remembered: another node may make the key.
pub struct CachedKeys<K> {
    store: K,
    cache: Mutex<Cache>,
}

struct Cache {
    entries: Recent<StreamId, (KeyState, Instant)>,
    /// Counts erasures. What a call brings from the store is kept only if none came meanwhile.
    erasures: u64,
}

impl<K: KeyStore> CachedKeys<K> {
    /// A cache before `store`.
    #[must_use]
    pub fn new(store: K) -> Self {
        Self {
            store,
            cache: Mutex::new(Cache {
                entries: Recent::new(CAPACITY),
                erasures: 0,
            }),
        }
    }

    /// The store behind the cache.
    pub fn store(&self) -> &K {
        &self.store
    }

    fn cached(&self, stream: &StreamId) -> Result<KeyState, u64> {
        let mut cache = self.lock();
        let erasures = cache.erasures;
        match cache.entries.get(stream) {
            Some((state, until)) if Instant::now() < *until => Ok(state.clone()),
            _ => Err(erasures),
        }
    }

    fn keep(&self, stream: &StreamId, state: &KeyState, erasures_before: u64) {
        let mut cache = self.lock();
        if cache.erasures == erasures_before && !matches!(state, KeyState::Absent) {
            let entry = (state.clone(), Instant::now() + LIFETIME);
            cache.entries.insert(stream.clone(), entry);
        }
    }

    fn evict(&self, stream: &StreamId) {
        let mut cache = self.lock();
        cache.erasures += 1;
        cache.entries.remove(stream);
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<K: KeyStore> KeyStore for CachedKeys<K> {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        match self.cached(stream) {
            Ok(state) => Ok(state),
            Err(erasures) => {
                let state = self.store.create(stream).await?;
                self.keep(stream, &state, erasures);
                Ok(state)
            }
        }
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        match self.cached(stream) {
            Ok(state) => Ok(state),
            Err(erasures) => {
                let state = self.store.find(stream).await?;
                self.keep(stream, &state, erasures);
                Ok(state)
            }
        }
    }

    /// Evicts before and after: what a read under way brings back in between is evicted too.
    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.evict(stream);
        let erased = self.store.erase(stream).await;
        self.evict(stream);
        erased
    }
}
