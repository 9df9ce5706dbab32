//! A bounded map that forgets what was not used lately.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two generations of entries: when the younger is full, the elder is forgotten and they change
/// places. An entry that is used moves to the younger, so what is in use stays.
pub(crate) struct Recent<K, V> {
    younger: HashMap<K, V>,
    elder: HashMap<K, V>,
    generation: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Holds the last `capacity / 2` entries used, and never more than `capacity`.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            younger: HashMap::new(),
            elder: HashMap::new(),
            generation: (capacity / 2).max(1),
        }
    }

    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some((key, value)) = self.elder.remove_entry(key) {
            self.insert(key, value);
        }
        self.younger.get(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.younger.len() >= self.generation && !self.younger.contains_key(&key) {
            self.elder = std::mem::take(&mut self.younger);
        }
        self.elder.remove(&key);
        self.younger.insert(key, value);
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.younger.remove(key);
        self.elder.remove(key);
    }

    pub(crate) fn clear(&mut self) {
        self.younger.clear();
        self.elder.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut recent = Recent::new(8);
        for number in 0..1_000 {
            recent.insert(number, number);
            assert_eq!(recent.get(&0), Some(&0), "used all the time");
            assert_eq!(recent.get(&number), Some(&number));
            assert!(recent.younger.len() + recent.elder.len() <= 8);
        }
        assert_eq!(recent.get(&500), None);
    }

    #[test]
    fn the_last_value_counts() {
        let mut recent = Recent::new(4);
        for value in 0..10 {
            recent.insert("a", value);
            recent.insert("b", value);
            assert_eq!(recent.get("a"), Some(&value));
        }
        recent.remove("a");
        assert_eq!(recent.get("a"), None);
        recent.clear();
        assert_eq!(recent.get("b"), None);
    }
}
