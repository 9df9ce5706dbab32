//! The laws of a [`KeyStore`].

use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::{panic_of, stream};
use crate::{DataKey, KeyState, KeyStore, StreamId};

/// How a key store is opened for the laws.
#[async_trait]
pub trait KeyFixture: Send + Sync {
    /// A new, empty key store, other than every one before.
    async fn open(&self) -> Arc<dyn KeyStore>;

    /// Stops a store that [`open`](KeyFixture::open) gave and opens the same storage again. `None`
    /// when nothing is meant to survive.
    async fn reopen(&self, keys: Arc<dyn KeyStore>) -> Option<Arc<dyn KeyStore>>;
}

/// Makes one test of each law of a key store, for a `volatile` one without the law about restarts.
/// Needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! key_contract {
    ($fixture:expr) => {
        $crate::key_contract! { volatile $fixture }
        $crate::log_contract! { @tests $fixture;
            key::a_restart_keeps_keys_and_erasures,
        }
    };
    (volatile $fixture:expr) => {
        $crate::log_contract! { @tests $fixture;
            key::a_key_is_made_once_and_found,
            key::streams_have_different_keys,
            key::racing_creators_get_one_key,
            key::an_erased_key_never_comes_back,
            key::erasing_what_never_was_succeeds,
            key::an_erasure_ends_a_race_with_creators,
        }
    };
}

/// Absent, then made, then always the same.
pub async fn a_key_is_made_once_and_found(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    let order = stream("order", 1);
    assert!(matches!(find(&*keys, &order).await, KeyState::Absent));
    let made = create(&*keys, &order).await;
    for _again in 0..3 {
        assert_same(&create(&*keys, &order).await, &made);
        assert_same(&live(find(&*keys, &order).await), &made);
    }
}

/// No two streams share a key or the name of a key.
pub async fn streams_have_different_keys(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    let mut made: Vec<DataKey> = Vec::new();
    for number in 0..20 {
        let key = create(&*keys, &stream("order", number)).await;
        let known = |other: &DataKey| other.id == key.id || other.secret() == key.secret();
        assert!(!made.iter().any(known), "two streams share a key");
        made.push(key);
    }
}

/// Of racing creators one makes the key, and all get that one.
pub async fn racing_creators_get_one_key(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    for round in 0..10 {
        let mut racers = JoinSet::new();
        for _racer in 0..16 {
            let keys = Arc::clone(&keys);
            racers.spawn(async move { create(&*keys, &stream("order", round)).await });
        }
        let stored = racers.join_all().await;
        let found = live(find(&*keys, &stream("order", round)).await);
        for key in &stored {
            assert_same(key, &found);
        }
    }
}

/// Erased is for ever, and only for that stream.
pub async fn an_erased_key_never_comes_back(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    let (order, other) = (stream("order", 1), stream("other", 1));
    create(&*keys, &order).await;
    let kept = create(&*keys, &other).await;
    for _again in 0..2 {
        keys.erase(&order).await.expect("erasing is confirmed");
        assert_erased(&*keys, &order).await;
    }
    assert_same(&live(find(&*keys, &other).await), &kept);
}

/// The stream of an erasure without a key is as erased as any other.
pub async fn erasing_what_never_was_succeeds(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    let order = stream("order", 1);
    keys.erase(&order).await.expect("erasing is confirmed");
    assert_erased(&*keys, &order).await;
}

/// Whatever creators do meanwhile: once the erasure is confirmed, the key is gone.
pub async fn an_erasure_ends_a_race_with_creators(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    for round in 0..10 {
        let order = stream("order", round);
        let mut racers = JoinSet::new();
        for _racer in 0..8 {
            let (keys, order) = (Arc::clone(&keys), order.clone());
            racers.spawn(async move { keys.create(&order).await.map(|_either| ()) });
        }
        keys.erase(&order).await.expect("erasing is confirmed");
        assert_erased(&*keys, &order).await;
        for answer in racers.join_all().await {
            answer.expect("creating answers, with the key or with its erasure");
        }
        assert_erased(&*keys, &order).await;
    }
}

/// A restart brings back what was made, and nothing that was erased.
pub async fn a_restart_keeps_keys_and_erasures(fixture: &dyn KeyFixture) {
    let keys = fixture.open().await;
    let (order, erased) = (stream("order", 1), stream("erased", 1));
    let made = create(&*keys, &order).await;
    create(&*keys, &erased).await;
    keys.erase(&erased).await.expect("erasing is confirmed");
    let reopened = fixture.reopen(keys).await;
    let keys = reopened.expect("a store that is meant to survive");
    assert_same(&live(find(&*keys, &order).await), &made);
    assert_same(&create(&*keys, &order).await, &made);
    assert_erased(&*keys, &erased).await;
}

async fn create(keys: &dyn KeyStore, stream: &StreamId) -> DataKey {
    live(keys.create(stream).await.expect("a key store answers"))
}

async fn find(keys: &dyn KeyStore, stream: &StreamId) -> KeyState {
    keys.find(stream).await.expect("a key store answers")
}

async fn assert_erased(keys: &dyn KeyStore, stream: &StreamId) {
    let found = find(keys, stream).await;
    assert!(
        matches!(found, KeyState::Erased),
        "found {found:?} after an erasure"
    );
    let made = keys.create(stream).await.expect("a key store answers");
    assert!(
        matches!(made, KeyState::Erased),
        "made {made:?} after an erasure"
    );
}

#[track_caller]
fn live(state: KeyState) -> DataKey {
    match state {
        KeyState::Live(key) => key,
        other => panic_of("a stream with a key", &other),
    }
}

#[track_caller]
fn assert_same(key: &DataKey, expected: &DataKey) {
    assert_eq!(key.id, expected.id, "the name of the key");
    assert!(key.secret() == expected.secret(), "the secret differs");
}
