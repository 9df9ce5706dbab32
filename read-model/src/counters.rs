//! The counters of the projection `reports`: several numbers side by side in one value, each 128
//! bits wide, so that no sum of amounts overflows.

/// Microseconds of an hour.
pub const HOUR: i64 = 3_600_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Counters under [`keys::REVENUE`](crate::keys::REVENUE), in their order: orders, units, placed,
/// cancelled, returned, captured, refunded.
pub type Revenue = [i128; 7];
/// Counters under [`keys::SKU`](crate::keys::SKU), in their order: units, revenue, orders.
pub type Sales = [i128; 3];

/// Bytes of one counter.
const WIDTH: usize = 16;

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
pub fn decode<const N: usize>(value: &[u8]) -> [i128; N] {
    let mut counters = [0; N];
    for (counter, bytes) in counters.iter_mut().zip(value.chunks_exact(WIDTH)) {
        *counter = bytes.try_into().map(i128::from_be_bytes).unwrap_or(0);
    }
    counters
}

/// The stored value of counters.
#[must_use]
pub fn encode(counters: &[i128]) -> Vec<u8> {
    counters
        .iter()
        .flat_map(|counter| counter.to_be_bytes())
        .collect()
}

/// A stored value with amounts added to its counters; an empty one counts as zeros.
#[must_use]
pub fn add(value: &[u8], amounts: &[i128]) -> Vec<u8> {
    let stored = value.chunks_exact(WIDTH).map(|bytes| {
        let number = bytes.try_into().map(i128::from_be_bytes);
        number.unwrap_or(0)
    });
    let sums = amounts.iter().zip(stored.chain(std::iter::repeat(0)));
    let sums = sums.map(|(amount, stored)| amount.saturating_add(stored));
    sums.flat_map(i128::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_add_up_beyond_64_bits() {
        let once = add(&[], &[i128::from(i64::MAX), -1]);
        let twice = add(&once, &[i128::from(i64::MAX), -1]);
        assert_eq!(decode::<2>(&twice), [2 * i128::from(i64::MAX), -2]);
        assert_eq!(decode::<3>(&twice)[2], 0);
        assert_eq!(encode(&decode::<2>(&twice)), twice);
    }
}
