//! Data keys in memory, beside a log in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{DataKey, KeyError, KeyState, KeyStore, StreamId};

/// Keys that live as long as the value; the model of a [`KeyStore`].
#[derive(Default)]
pub struct MemoryKeys {
    /// `None` is the tombstone of an erased key.
    keys: Mutex<HashMap<StreamId, Option<DataKey>>>,
}

impl MemoryKeys {
    /// An empty key store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<StreamId, Option<DataKey>>) -> T) -> T {
        look(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl KeyStore for MemoryKeys {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        Ok(self.with(|keys| {
            let key = keys
                .entry(stream.clone())
                .or_insert_with(|| Some(DataKey::generate()));
            key.clone().map_or(KeyState::Erased, KeyState::Live)
        }))
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        Ok(self.with(|keys| match keys.get(stream) {
            None => KeyState::Absent,
            Some(None) => KeyState::Erased,
            Some(Some(key)) => KeyState::Live(key.clone()),
        }))
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.with(|keys| keys.insert(stream.clone(), None));
        Ok(())
    }
}
