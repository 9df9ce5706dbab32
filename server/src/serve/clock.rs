//! The clock of the process. This is where time enters; everything below is given a time.

use std::time::{SystemTime, UNIX_EPOCH};

use order::value::Timestamp;

/// Microseconds since 1970.
pub(super) fn now() -> Timestamp {
    let since = wall().duration_since(UNIX_EPOCH);
    let micros = since.map(|since| since.as_micros()).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge where time enters"
)]
pub(super) fn wall() -> SystemTime {
    SystemTime::now()
}
