//! Time arrives from outside.

/// A moment: microseconds since 1970-01-01T00:00:00Z.
///
/// From year 1970 to the end of year 9999, which is what a protobuf timestamp and RFC 3339 can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The last microsecond of year 9999.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// A moment `micros` microseconds after 1970; held at the first and the last moment there is.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, Self::MAX.0))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// A later moment.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}
