//! What the write side is given from outside.

use std::sync::Arc;

use order::value::Timestamp;

use crate::observe::Observer;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Gives 16 random bytes.
pub type Entropy = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// What can be chosen.
#[derive(Clone)]
pub struct Config {
    /// Most orders that stay in memory.
    pub cached_orders_max: usize,
    /// Most bytes, about, that these orders may take.
    pub cached_bytes_max: usize,
    /// Where commit ids and assigned order ids get their chance from.
    pub entropy: Entropy,
    /// Hears what happens.
    pub observer: Arc<dyn Observer>,
}

impl Default for Config {
    /// 100,000 orders in 256 MiB, chance from the operating system, nobody who listens.
    fn default() -> Self {
        Self {
            cached_orders_max: 100_000,
            cached_bytes_max: 256 << 20,
            entropy: Arc::new(rand::random),
            observer: Arc::new(()),
        }
    }
}
