//! Moments as the importer keeps them: microseconds since 1970.

pub(super) fn timestamp(micros: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: 0,
    }
}

/// A moment in RFC 3339.
pub(super) fn rfc3339(micros: i64) -> String {
    timestamp(micros).to_string()
}
