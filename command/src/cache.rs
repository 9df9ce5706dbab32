//! What is known of the orders used last, so that the next command on one of them reads nothing.
//!
//! Only a help: the log's own check decides every append, so an entry may be stale, evicted or
//! doubled at any time. Commands on one order queue for its entry; that spares them the lost races
//! that the log would have to settle, and loads each order once.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use order::value::OrderId;

use crate::known::Known;

/// Parts with a lock each; enough that a few dozen threads seldom meet.
const SHARDS: usize = 16;

/// Place of one order in the cache.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Known>>;

/// The orders used last, bounded by number and by bytes.
pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    orders_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<OrderId, Entry>,
    /// Uses in order, oldest first; only an entry's last use counts.
    uses: VecDeque<(u64, OrderId)>,
    clock: u64,
    bytes: usize,
}

struct Entry {
    slot: Slot,
    used: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(orders_max: usize, bytes_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            orders_max: orders_max.div_ceil(SHARDS).max(1),
            bytes_max: bytes_max.div_ceil(SHARDS),
        }
    }

    /// The order's slot, made empty if there is none.
    pub(crate) fn slot(&self, id: &OrderId) -> Slot {
        let mut shard = self.shard(id);
        let used = shard.tick(id);
        let entry = shard.entries.entry(id.clone()).or_insert_with(|| Entry {
            slot: Slot::default(),
            used,
            bytes: 0,
        });
        entry.used = used;
        let slot = Arc::clone(&entry.slot);
        self.bound(&mut shard);
        slot
    }

    /// Notes how much a slot holds now, and evicts others if it is too much.
    pub(crate) fn weigh(&self, id: &OrderId, bytes: usize) {
        let mut shard = self.shard(id);
        let Some(entry) = shard.entries.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        shard.bytes = shard.bytes - before + bytes;
        self.bound(&mut shard);
    }

    fn bound(&self, shard: &mut Shard) {
        while shard.entries.len() > self.orders_max || shard.bytes > self.bytes_max {
            if !shard.evict() {
                break;
            }
        }
    }

    /// Forgets an order, for example one that does not exist: probing must not evict real ones.
    pub(crate) fn forget(&self, id: &OrderId) {
        self.shard(id).remove(id);
    }

    /// Number of orders, and their bytes, about.
    #[cfg(test)]
    pub(crate) fn size(&self) -> (usize, usize) {
        self.shards
            .iter()
            .map(lock)
            .fold((0, 0), |(orders, bytes), shard| {
                (orders + shard.entries.len(), bytes + shard.bytes)
            })
    }

    fn shard(&self, id: &OrderId) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(id);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        lock(&self.shards[index])
    }
}

/// A panic while a shard was locked leaves at worst a wrong estimate of bytes.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn tick(&mut self, id: &OrderId) -> u64 {
        // Outdated uses are dropped when they are more than half, so each use costs O(1).
        if self.uses.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.uses
                .retain(|(used, id)| entries.get(id).is_some_and(|entry| entry.used == *used));
        }
        self.clock += 1;
        self.uses.push_back((self.clock, id.clone()));
        self.clock
    }

    fn evict(&mut self) -> bool {
        while let Some((used, id)) = self.uses.pop_front() {
            if self
                .entries
                .get(&id)
                .is_some_and(|entry| entry.used == used)
            {
                self.remove(&id);
                return true;
            }
        }
        false
    }

    fn remove(&mut self, id: &OrderId) {
        if let Some(entry) = self.entries.remove(id) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> OrderId {
        OrderId::new(&format!("o{number}")).expect("valid")
    }

    #[test]
    fn the_order_used_last_stays() {
        let cache = Cache::new(SHARDS, usize::MAX);
        for number in 0..10_000 {
            drop(cache.slot(&id(0)));
            cache.weigh(&id(0), 10);
            drop(cache.slot(&id(number)));
            cache.weigh(&id(number), 10);
        }
        let (orders, bytes) = cache.size();
        assert!(orders <= SHARDS, "{orders} orders");
        assert_eq!(bytes, orders * 10);
        let held = cache
            .shards
            .iter()
            .map(|shard| lock(shard).uses.len())
            .sum::<usize>();
        assert!(held <= 70 * SHARDS, "{held} uses are remembered");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let cache = Cache::new(1_000_000, SHARDS * 100);
        for number in 0..1_000 {
            drop(cache.slot(&id(number)));
            cache.weigh(&id(number), 40);
        }
        assert!(cache.size().1 <= SHARDS * 100);
        for number in 0..1_000 {
            cache.forget(&id(number));
        }
        assert_eq!(cache.size(), (0, 0));
    }
}
