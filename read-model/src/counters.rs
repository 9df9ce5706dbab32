//! The counters of the projection `reports`: several numbers side by side in one value.

/// Microseconds of an hour.
pub const HOUR: i64 = 3_600_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Counters under [`keys::REVENUE`](crate::keys::REVENUE), in their order: orders, units, placed,
/// cancelled, returned, captured, refunded.
pub type Revenue = [i64; 7];
/// Counters under [`keys::SKU`](crate::keys::SKU), in their order: units, revenue, orders.
pub type Sales = [i64; 3];

/// Stages of the funnel, as they stand in the keys of [`keys::FUNNEL`](crate::keys::FUNNEL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Every order.
    Created = 1,
    /// Ever placed.
    Placed = 2,
    /// Ever settled by a capture.
    Paid = 3,
    /// Ever shipped, in part or whole.
    Shipped = 4,
    /// Ever delivered, in part or whole.
    Delivered = 5,
    /// Cancelled as a whole.
    Cancelled = 6,
    /// Ever returned, in part or whole.
    Returned = 7,
}

/// The counters in a stored value; missing ones are 0.
#[must_use]
pub fn decode<const N: usize>(value: &[u8]) -> [i64; N] {
    let mut counters = [0; N];
    for (counter, bytes) in counters.iter_mut().zip(value.chunks_exact(8)) {
        *counter = bytes.try_into().map(i64::from_be_bytes).unwrap_or(0);
    }
    counters
}

/// The stored value of counters.
#[must_use]
pub fn encode(counters: &[i64]) -> Vec<u8> {
    counters
        .iter()
        .flat_map(|counter| counter.to_be_bytes())
        .collect()
}
