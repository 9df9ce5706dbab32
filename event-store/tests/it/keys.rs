//! Key stores on disk and behind a cache keep the laws, and erased keys leave no byte behind.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use event_store::contract::key::KeyFixture;
use event_store::embedded::OpenError;
use event_store::keys::{CachedKeys, EmbeddedKeys, MemoryKeys};
use event_store::{DataKey, KeyError, KeyState, KeyStore, StreamId};
use tempfile::TempDir;

/// The store that was opened last, and where.
#[derive(Default)]
struct OnDisk {
    open: Mutex<Option<(TempDir, Arc<EmbeddedKeys>)>>,
}

#[async_trait]
impl KeyFixture for OnDisk {
    async fn open(&self) -> Arc<dyn KeyStore> {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = Arc::new(EmbeddedKeys::open(directory.path()).expect("keys"));
        *self.open.lock().expect("no law panics here") = Some((directory, Arc::clone(&keys)));
        keys
    }

    async fn reopen(&self, keys: Arc<dyn KeyStore>) -> Option<Arc<dyn KeyStore>> {
        drop(keys);
        let (directory, keys) = self.open.lock().expect("no law panics here").take()?;
        keys.close().await;
        let keys = Arc::new(EmbeddedKeys::open(directory.path()).expect("keys again"));
        *self.open.lock().expect("no law panics here") = Some((directory, Arc::clone(&keys)));
        Some(keys)
    }
}

struct BehindACache;

#[async_trait]
impl KeyFixture for BehindACache {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Arc::new(CachedKeys::new(MemoryKeys::new()))
    }

    async fn reopen(&self, _keys: Arc<dyn KeyStore>) -> Option<Arc<dyn KeyStore>> {
        None
    }
}

mod on_disk {
    event_store::key_contract!(super::OnDisk::default());
}

mod behind_a_cache {
    event_store::key_contract!(volatile super::BehindACache);
}

fn stream(number: usize) -> StreamId {
    StreamId::new(&format!("order-{number}")).expect("a plain name")
}

#[allow(clippy::panic, reason = "a test fails by a panic")]
async fn create(keys: &dyn KeyStore, number: usize) -> DataKey {
    match keys.create(&stream(number)).await {
        Ok(KeyState::Live(key)) => key,
        other => panic!("made {other:?}"),
    }
}

/// Whether any file of the directory holds the first or the last half of the secret.
fn holds(directory: &Path, key: &DataKey) -> bool {
    std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("readable"))
        .any(|bytes| {
            let (one, other) = key.secret().split_at(16);
            bytes
                .windows(16)
                .any(|window| window == one || window == other)
        })
}

/// Thousands of streams in no order, so that pages of the table and of its index fill and split.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_key_leaves_no_byte_in_any_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = EmbeddedKeys::open(directory.path()).expect("keys");
    let made = (0..3_000).map(|number| create(&keys, number * 7_919 % 3_001));
    let made = futures::future::join_all(made).await;
    for (number, key) in made.iter().enumerate().step_by(300) {
        assert!(
            holds(directory.path(), key),
            "the search finds what is there"
        );
        keys.erase(&stream(number * 7_919 % 3_001))
            .await
            .expect("confirmed");
        assert!(
            !holds(directory.path(), key),
            "key {number} is still in a file"
        );
    }
    let rest = (0..3_000).map(|number| stream(number * 7_919 % 3_001));
    let rest: Vec<_> = rest.collect();
    let erased = futures::future::join_all(rest.iter().map(|order| keys.erase(order))).await;
    assert!(
        erased.iter().all(Result::is_ok),
        "confirmed while many erase"
    );
    for key in made.iter().step_by(97) {
        assert!(!holds(directory.path(), key), "a key is still in a file");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_is_confirmed_while_others_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = Arc::new(EmbeddedKeys::open(directory.path()).expect("keys"));
    let mut readers = tokio::task::JoinSet::new();
    for _reader in 0..4 {
        let keys = Arc::clone(&keys);
        readers.spawn(async move {
            loop {
                keys.find(&stream(1)).await.expect("an answer");
            }
        });
    }
    for number in 0..30 {
        let key = create(&*keys, number).await;
        keys.erase(&stream(number)).await.expect("confirmed");
        assert!(
            !holds(directory.path(), &key),
            "key {number} is still in a file"
        );
    }
}

#[tokio::test]
async fn a_second_opening_and_a_closed_store_say_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = EmbeddedKeys::open(directory.path()).expect("keys");
    let refused = EmbeddedKeys::open(directory.path()).err();
    assert!(
        matches!(refused, Some(OpenError::InUse { .. })),
        "{refused:?}"
    );
    keys.close().await;
    assert!(matches!(
        keys.create(&stream(1)).await,
        Err(KeyError::Unavailable { .. })
    ));
    assert!(matches!(
        keys.find(&stream(1)).await,
        Err(KeyError::Unavailable { .. })
    ));
}

/// The store behind the cache is asked again after a minute, and not before.
#[tokio::test(start_paused = true)]
async fn a_cached_key_expires() {
    let store = Arc::new(MemoryKeys::new());
    let cached = CachedKeys::new(Shared(Arc::clone(&store)));
    create(&cached, 1).await;
    store
        .erase(&stream(1))
        .await
        .expect("erased by another node");
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(matches!(
        cached.find(&stream(1)).await,
        Ok(KeyState::Live(_))
    ));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(matches!(
        cached.find(&stream(1)).await,
        Ok(KeyState::Erased)
    ));
}

/// A store that another node uses too.
struct Shared(Arc<MemoryKeys>);

#[async_trait]
impl KeyStore for Shared {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.0.create(stream).await
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.0.find(stream).await
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.0.erase(stream).await
    }
}
