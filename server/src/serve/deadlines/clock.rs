//! Which time may be acted upon: not that of a clock which has just jumped.

use std::time::Duration;

use order::value::Timestamp;

/// What the clock may step without being doubted: leap seconds, a correction by a time server.
/// Nothing is cancelled too early by more than this.
const STEP: i64 = 5_000_000;

/// A wall clock watched beside a monotonic one, which cannot jump.
///
/// ```text
///  offset = wall − monotonic
///
///  offset ───────────┐           ┌──────────   a jump that was taken back: never believed
///                    └───────────┘
///  offset ───────────┐
///                    └──────·───────────────   a jump that stayed: believed after the grace
/// ```
///
/// Until a new offset has held for the grace, the earlier of the two times counts. A clock that has
/// never been steady for that long is not believed at all: a machine may start with a wrong one.
pub(super) struct Steady {
    grace: i64,
    believed: Option<i64>,
    doubted: Option<Doubted>,
}

/// An offset, and the monotonic time from which on it held.
#[derive(Clone, Copy)]
struct Doubted {
    offset: i64,
    since: i64,
}

impl Steady {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace: micros(grace),
            believed: None,
            doubted: None,
        }
    }

    /// The latest moment that has come for sure, when the clocks say `wall` and `elapsed`.
    pub(super) fn read(&mut self, wall: Timestamp, elapsed: Duration) -> Option<Timestamp> {
        let (wall, elapsed) = (wall.micros(), micros(elapsed));
        let offset = wall.saturating_sub(elapsed);
        if self.believed.is_some_and(|believed| near(believed, offset)) {
            self.doubted = None;
            return Some(Timestamp::from_micros(wall));
        }
        let held = self.doubted.filter(|doubted| near(doubted.offset, offset));
        let doubted = held.unwrap_or(Doubted {
            offset,
            since: elapsed,
        });
        self.doubted = Some(doubted);
        if elapsed.saturating_sub(doubted.since) >= self.grace {
            self.believed = Some(offset);
            self.doubted = None;
            return Some(Timestamp::from_micros(wall));
        }
        let before = self.believed?.saturating_add(elapsed);
        Some(Timestamp::from_micros(before.min(wall)))
    }
}

fn near(a: i64, b: i64) -> bool {
    a.saturating_sub(b).saturating_abs() <= STEP
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const GRACE: u64 = 60;
    /// When the tests take place.
    const START: i64 = 1_700_000_000 * SECOND;

    /// One reading a second: how far the wall clock is wrong, and what is believed, both in seconds
    /// from the true time.
    fn believed(errors: &[i64]) -> Vec<Option<i64>> {
        let mut clock = Steady::new(Duration::from_secs(GRACE));
        let readings = errors.iter().zip(0_i64..).map(|(error, second)| {
            let wall = Timestamp::from_micros(START + (second + error) * SECOND);
            let elapsed = Duration::from_secs(second.unsigned_abs());
            let believed = clock.read(wall, elapsed)?;
            Some((believed.micros() - START) / SECOND - second)
        });
        readings.collect()
    }

    fn spell(error: i64, seconds: usize) -> Vec<i64> {
        vec![error; seconds]
    }

    #[test]
    fn a_clock_is_believed_once_it_was_steady() {
        let believed = believed(&spell(0, 62));
        assert!(believed[..60].iter().all(Option::is_none));
        assert_eq!(believed[60..], [Some(0), Some(0)]);
    }

    #[test]
    fn a_wrong_clock_at_the_start_is_never_believed() {
        let year = 31_536_000;
        let believed = believed(&[spell(year, 59), spell(0, 61)].concat());
        assert!(believed.iter().all(|b| b.is_none() || *b == Some(0)));
        assert_eq!(believed.last(), Some(&Some(0)));
    }

    #[test]
    fn a_jump_that_stays_is_believed_after_the_grace() {
        for jump in [3_600, -3_600] {
            let believed = believed(&[spell(0, 100), spell(jump, 61)].concat());
            let meanwhile = jump.min(0);
            assert!(believed[100..160].iter().all(|b| *b == Some(meanwhile)));
            assert_eq!(believed[160], Some(jump));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_spell_shorter_than_the_grace_makes_anything_early(
            spells in proptest::collection::vec((-4_000_i64..4_000, 1_usize..60, 1_usize..60), 1..20),
        ) {
            let mut errors = spell(0, 61);
            for (error, wrong, right) in spells {
                errors.extend(spell(error, wrong));
                errors.extend(spell(0, right));
            }
            for believed in believed(&errors).into_iter().flatten() {
                proptest::prop_assert!(believed <= STEP / SECOND, "{believed} s early");
            }
        }
    }
}
