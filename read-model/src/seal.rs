//! The checksum in every value: bytes that the disk changed are noticed by whoever reads them.

/// Bytes of the checksum at the end of a stored value: CRC-32C over key and value.
const WIDTH: usize = 4;

fn checksum(key: &[u8], value: &[u8]) -> [u8; WIDTH] {
    crc32c::crc32c_append(crc32c::crc32c(key), value).to_be_bytes()
}

/// The stored form of a value.
pub(crate) fn close(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(key, &value);
    value.extend_from_slice(&checksum);
    value
}

/// The value in its stored form; `None` when it is not what was written under this key.
pub(crate) fn open(key: &[u8], mut stored: Vec<u8>) -> Option<Vec<u8>> {
    let (value, found) = stored.split_last_chunk::<WIDTH>()?;
    if checksum(key, value) != *found {
        return None;
    }
    stored.truncate(stored.len().saturating_sub(WIDTH));
    Some(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bit_that_flips_in_a_value_is_noticed() {
        let stored = close(b"key", b"value".to_vec());
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(b"key", flipped), None, "bit {bit}");
        }
        assert_eq!(open(b"key", stored.clone()), Some(b"value".to_vec()));
        assert_eq!(open(b"kex", stored), None);
        assert_eq!(open(b"key", vec![1, 2, 3]), None);
    }
}
