//! What the metadata of a call says: the deadline, and the id that ties calls together.

use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataMap;

/// Metadata key of the correlation id, in requests and in the trailers of errors.
const CORRELATION_ID: &str = "x-correlation-id";

/// Who asks, as far as a query needs to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// What is left of the caller's deadline.
    pub(crate) deadline: Option<Duration>,
    /// Empty: none that is safe in logs and headers.
    pub(crate) correlation_id: String,
}

impl Caller {
    pub(crate) fn of(metadata: &MetadataMap) -> Self {
        let text = metadata.get(CORRELATION_ID).and_then(|v| v.to_str().ok());
        Self {
            deadline: deadline(metadata),
            correlation_id: text.filter(|id| is_plain(id)).unwrap_or("").to_owned(),
        }
    }

    /// Puts the correlation id into the trailers of an error.
    pub(crate) fn tag(&self, mut status: Status) -> Status {
        if let (false, Ok(value)) = (self.correlation_id.is_empty(), self.correlation_id.parse()) {
            status.metadata_mut().insert(CORRELATION_ID, value);
        }
        status
    }
}

/// Whether a correlation id is one that commands take, too.
fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

/// The caller's deadline, from `grpc-timeout`; `None` when there is none that can be read.
#[must_use]
pub fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok().filter(|_| number.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(number.saturating_mul(3600))),
        "M" => Some(Duration::from_secs(number.saturating_mul(60))),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}
