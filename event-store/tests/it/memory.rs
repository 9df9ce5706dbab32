//! The model keeps the laws, with one partition and with several.

use std::sync::Arc;

use async_trait::async_trait;
use event_store::contract::Fixture;
use event_store::contract::key::KeyFixture;
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{EventStore, KeyStore};

struct InMemory {
    partitions: u32,
}

#[async_trait]
impl Fixture for InMemory {
    async fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(Memory::new(self.partitions))
    }

    async fn reopen(&self, _log: Arc<dyn EventStore>) -> Option<Arc<dyn EventStore>> {
        None
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
    event_store::log_contract!(volatile super::InMemory { partitions: 1 });
}

mod seven_partitions {
    event_store::log_contract!(volatile super::InMemory { partitions: 7 });
}

mod keys {
    event_store::key_contract!(volatile super::InMemory { partitions: 1 });
}

#[tokio::test]
async fn dropping_the_log_closes_its_tails() {
    use futures::StreamExt as _;
    let log = Memory::default();
    let mut tail = log
        .tail(event_store::Positions::start())
        .await
        .expect("a tail");
    drop(log);
    assert_eq!(tail.next().await, Some(Err(event_store::TailError::Closed)));
    assert_eq!(tail.next().await, None);
}
