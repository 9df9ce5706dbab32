//! Random numbers that follow from a name: the same for an order in every run.

/// A sequence of numbers (splitmix64) that begins at the hash of a name (FNV-1a).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one below `sides`, which is at least 1.
    pub(super) fn below(&mut self, sides: i64) -> i64 {
        let sides = u64::try_from(sides).unwrap_or(1).max(1);
        i64::try_from(self.next() % sides).unwrap_or(0)
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low + 1)
    }

    pub(super) fn one_in(&mut self, sides: i64) -> bool {
        self.below(sides) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_decides_for_ever() {
        let mut dice = Dice::of("536365");
        let thrown: Vec<i64> = (0..6).map(|_| dice.below(100)).collect();
        assert_eq!(thrown, [48, 22, 98, 95, 51, 92]);
    }
}
