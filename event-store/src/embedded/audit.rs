//! Whether the index says what the table says: looked at when the log is opened.
//!
//! A record carries a checksum, an entry of the index carries none. A flipped bit there hides a record
//! from its stream, or shows the stream's end too early; then a command could be executed twice. So
//! both are read once and compared as sets. What differs is settled by the checksums of the records:
//! where those hold, the index is wrong and is made anew from the table.

use rusqlite::Connection;

use super::journal::checksum;
use crate::CommitId;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// They agree.
    Intact,
    /// They did not; the index was made anew.
    Mended,
    /// A page of the table cannot be read, so nothing can be compared. Each read of what is there
    /// says so.
    Unreadable,
}

/// Compares, and mends the index where it is wrong.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<Finding> {
    let Ok(table) = Sum::of(connection, "SELECT seq, stream FROM records NOT INDEXED") else {
        return Ok(Finding::Unreadable);
    };
    let index = "SELECT seq, stream FROM records INDEXED BY records_of_stream";
    match Sum::of(connection, index) {
        Ok(index) if index.entries == table.entries && index.is_ordered => {
            return Ok(Finding::Intact);
        }
        Ok(_) | Err(_) => {}
    }
    if !is_index_wrong(connection)? {
        return Ok(Finding::Intact);
    }
    connection.execute_batch("REINDEX records_of_stream")?;
    Ok(Finding::Mended)
}

/// Number and hash of (sequence, stream) pairs, in whatever order they come.
struct Sum {
    entries: (u64, u64),
    /// Whether they came in the order of stream and sequence, as an index must give them.
    is_ordered: bool,
}

impl Sum {
    fn of(connection: &Connection, query: &str) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        let (mut count, mut hash, mut is_ordered) = (0, 0_u64, true);
        let mut before: (Vec<u8>, i64) = (Vec::new(), i64::MIN);
        while let Some(row) = rows.next()? {
            let (sequence, stream) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_bytes()?);
            is_ordered &= (before.0.as_slice(), before.1) < (stream, sequence);
            before.0.clear();
            before.0.extend_from_slice(stream);
            before.1 = sequence;
            count += 1;
            hash = hash.wrapping_add(hash_of(sequence, stream));
        }
        Ok(Self {
            entries: (count, hash),
            is_ordered,
        })
    }
}

fn hash_of(sequence: i64, stream: &[u8]) -> u64 {
    let low = crc32c::crc32c_append(crc32c::crc32c(&sequence.to_le_bytes()), stream);
    let high = crc32c::crc32c_append(crc32c::crc32c(stream), &sequence.to_be_bytes());
    (u64::from(high) << 32) | u64::from(low)
}

/// Whether an intact record is not in the index under its name, or the index has entries beyond the
/// records. A record whose own name was damaged differs too, and then the index is right.
fn is_index_wrong(connection: &Connection) -> rusqlite::Result<bool> {
    let records = "SELECT seq, stream, commit_id, payload, crc32c FROM records NOT INDEXED";
    let entry = "SELECT 1 FROM records INDEXED BY records_of_stream WHERE stream = ?1 AND seq = ?2";
    let mut entry = connection.prepare(entry)?;
    let mut statement = connection.prepare(records)?;
    let mut rows = statement.query([])?;
    let mut damaged: u64 = 0;
    while let Some(row) = rows.next()? {
        let sequence: i64 = row.get(0)?;
        let Ok(stream) = row.get::<_, String>(1) else {
            damaged += 1;
            continue;
        };
        // An index that cannot be searched is wrong.
        if entry.exists((&stream, sequence)).unwrap_or(false) {
            continue;
        }
        let payload = row.get_ref(3)?.as_blob().unwrap_or_default();
        let commit_id = CommitId(row.get(2).unwrap_or_default());
        let crc = checksum(sequence.cast_unsigned(), &stream, commit_id, payload);
        if row.get::<_, u32>(4).is_ok_and(|stored| stored == crc) {
            return Ok(true);
        }
        damaged += 1;
    }
    // Every intact record is found. With no damaged one the rest of the difference is the index's.
    Ok(damaged == 0)
}
