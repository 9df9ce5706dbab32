//! The engine as it is meant: a map in memory. For tests and simulations.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use crate::Error;
use crate::engine::{Engine, Engines, Entries, Write, is_empty};

/// Opens empty maps. The directory is made, and stays empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

#[derive(Debug, Default)]
struct Map(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Engines for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Engine>, Error> {
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        Ok(Box::new(Map::default()))
    }
}

impl Engine for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(map.get(key).cloned())
    }

    fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Entries<'_> {
        if is_empty(start, end) {
            return Box::new(std::iter::empty());
        }
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = map.range::<[u8], _>((start, end));
        let found: Vec<_> = found.map(|(k, v)| Ok((k.clone(), v.clone()))).collect();
        Box::new(found.into_iter())
    }

    fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for Write { key, value } in batch {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn load(&self, sorted: Vec<Write>) -> Result<(), Error> {
        self.apply(sorted)
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}
