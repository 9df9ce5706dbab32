//! Whether the wall clock runs steadily.

use std::{
    future::{Ready, ready},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{Check, check};
use crate::health::Status;

/// How often the two clocks are compared.
const INTERVAL: Duration = Duration::from_secs(1);

/// Compares the wall clock with the monotonic one, and is degraded for `hold` after they have moved
/// apart by more than `tolerance` between two looks: somebody has set the clock, or the machine was
/// suspended. Deadlines and expiry times are then not to be trusted.
///
/// The wall clock is an argument, because the application decides where time enters:
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// let clock = lifecycle::clock("clock", SystemTime::now, Duration::from_secs(1), Duration::from_secs(120));
/// ```
pub fn clock(
    name: impl Into<String>,
    wall: impl FnMut() -> SystemTime + Send + 'static,
    tolerance: Duration,
    hold: Duration,
) -> Check<impl FnMut() -> Ready<Status> + Send + 'static> {
    let mut clocks = Clocks {
        wall,
        tolerance,
        hold,
        last: None,
        jump: None,
    };
    check(name, INTERVAL, INTERVAL, move || ready(clocks.compare()))
}

struct Clocks<W> {
    wall: W,
    tolerance: Duration,
    hold: Duration,
    last: Option<(Instant, SystemTime)>,
    jump: Option<(Instant, f64)>,
}

impl<W: FnMut() -> SystemTime> Clocks<W> {
    fn compare(&mut self) -> Status {
        let (now, wall) = (Instant::now(), (self.wall)());
        if let Some((then, wall_then)) = self.last.replace((now, wall)) {
            let passed = match wall.duration_since(wall_then) {
                Ok(forwards) => forwards.as_secs_f64(),
                Err(backwards) => -backwards.duration().as_secs_f64(),
            };
            let jump = passed - now.duration_since(then).as_secs_f64();
            if jump.abs() > self.tolerance.as_secs_f64() {
                tracing::warn!(jump_s = jump, "the wall clock jumped");
                self.jump = Some((now, jump));
            }
        }
        match self.jump {
            Some((at, jump)) if now.duration_since(at) < self.hold => {
                Status::Degraded(format!("the wall clock jumped by {jump:+.1} s"))
            }
            _ => Status::Ready,
        }
    }
}
