//! The model keeps the laws, with one partition and with several.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event_store::contract::Fixture;
use event_store::contract::key::KeyFixture;
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{EventStore, KeyStore, Position, Positions};

struct InMemory {
    partitions: u32,
    /// The log opened last, and where it ended when it was backed up.
    last: Mutex<(Arc<Memory>, Positions)>,
}

impl InMemory {
    fn new(partitions: u32) -> Self {
        Self {
            partitions,
            last: Mutex::default(),
        }
    }

    fn last(&self) -> (Arc<Memory>, Positions) {
        self.last.lock().expect("no law panics here").clone()
    }
}

#[async_trait]
impl Fixture for InMemory {
    async fn open(&self) -> Arc<dyn EventStore> {
        let log = Arc::new(Memory::new(self.partitions));
        *self.last.lock().expect("no law panics here") = (log.clone(), Positions::start());
        log
    }

    async fn reopen(&self, _log: Arc<dyn EventStore>) -> Option<Arc<dyn EventStore>> {
        None
    }

    async fn damage(&self, position: Position) -> bool {
        self.last().0.damage(position);
        true
    }

    async fn back_up(&self) -> bool {
        let (log, _) = self.last();
        let end = log.head().await.expect("a head").last;
        *self.last.lock().expect("no law panics here") = (log, end);
        true
    }

    async fn restore(&self) -> bool {
        let (log, end) = self.last();
        log.roll_back(&end);
        true
    }
}

#[async_trait]
impl KeyFixture for InMemory {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Arc::new(MemoryKeys::new())
    }

    async fn reopen(&self, _keys: Arc<dyn KeyStore>) -> Option<Arc<dyn KeyStore>> {
        None
    }
}

mod one_partition {
    event_store::log_contract!(volatile super::InMemory::new(1));
    event_store::log_contract!(damageable super::InMemory::new(1));
    event_store::log_contract!(restorable super::InMemory::new(1));
}

mod seven_partitions {
    event_store::log_contract!(volatile super::InMemory::new(7));
    event_store::log_contract!(damageable super::InMemory::new(7));
    event_store::log_contract!(restorable super::InMemory::new(7));
}

mod keys {
    event_store::key_contract!(volatile super::InMemory::new(1));
}

#[tokio::test]
async fn dropping_the_log_closes_its_tails() {
    use futures::StreamExt as _;
    let log = Memory::default();
    let mut tail = log
        .tail(event_store::Bookmark::start())
        .await
        .expect("a tail");
    drop(log);
    assert_eq!(tail.next().await, Some(Err(event_store::TailError::Closed)));
    assert_eq!(tail.next().await, None);
}
