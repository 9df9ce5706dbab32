//! The layout of keys: one tree, a prefix byte for each kind, fixed-width big-endian numbers, so
//! that the order of the bytes is the order of what they mean.
//!
//! Texts inside a key are escaped and terminated: `0x00` becomes `0x00 0xFF`, and `0x00 0x01` ends
//! the text. An order id at the end of a key stands as it is.

/// The checkpoint.
pub const CHECKPOINT: &[u8] = b"m";
/// Prefix of parked orders: `q · id`.
pub const PARKED: u8 = b'q';
/// Prefix of rows: `o · id`.
pub const ROW: u8 = b'o';
/// Prefix of placed orders: `p · time · id`.
pub const PLACED: u8 = b'p';
/// Prefix of orders that were never placed: `d · time · id`.
pub const NEVER_PLACED: u8 = b'd';
/// Prefix of a customer's orders: `c · str(customer) · time · id`.
pub const CUSTOMER: u8 = b'c';
/// Prefix of states: `s · state · payment · fulfilment · time · id`.
pub const STATES: u8 = b's';
/// Prefix of holds: `h · reason · time · id`.
pub const HOLD: u8 = b'h';
/// Prefix of tags: `g · str(tag) · time · id`.
pub const TAG: u8 = b'g';
/// Prefix of payment references and tracking numbers: `x · str(reference) · time · id`.
pub const REFERENCE: u8 = b'x';
/// Prefix of deadlines: `D · time · kind · id`.
pub const DEADLINE: u8 = b'D';
/// Prefix of orders whose personal data was erased: `e · id`.
pub const ERASED: u8 = b'e';
/// Prefix of all orders by their last change: `u · time · id`.
pub const UPDATED: u8 = b'u';
/// Prefix of all orders by their creation: `n · time · id`.
pub const CREATED: u8 = b'n';
/// Prefix of all orders by their total: `t · currency · minor units · id`.
pub const TOTAL: u8 = b't';
/// Prefix of revenue by hour: `r · hour · currency · str(channel)`.
pub const REVENUE: u8 = b'r';
/// Prefix of sales by day and SKU: `k · day · currency · str(sku)`.
pub const SKU: u8 = b'k';
/// Prefix of counts by state: `z · state · payment · fulfilment · str(channel)`.
pub const STATE_COUNT: u8 = b'z';
/// Prefix of the funnel: `f · day · stage`.
pub const FUNNEL: u8 = b'f';

/// Kinds of deadlines, as they stand in their keys.
pub mod deadline {
    /// An order may be cancelled unless it is paid by then.
    pub const PAYMENT_DUE: u8 = 1;
    /// An authorisation lapses.
    pub const AUTHORIZATION_EXPIRES: u8 = 2;
}

/// Builds a key, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of one kind.
    #[must_use]
    pub fn new(prefix: u8) -> Self {
        let mut bytes = Vec::with_capacity(40);
        bytes.push(prefix);
        Self(bytes)
    }

    /// Appends one byte.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Appends a number, eight bytes.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Appends a moment or another number that is never negative; what is below 0 counts as 0.
    #[must_use]
    pub fn time(self, micros: i64) -> Self {
        self.number(u64::try_from(micros).unwrap_or(0))
    }

    /// Appends bytes of a fixed width as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a text, escaped and terminated.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for &byte in text.as_bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 1]);
        self
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a key apart, in the order in which it was built.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// The parts after the prefix byte.
    #[must_use]
    pub fn of(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    /// Bytes of a fixed width.
    pub fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// A text.
    pub fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        let mut bytes = self.0.iter().copied();
        loop {
            match bytes.next()? {
                0 => match bytes.next()? {
                    1 => break,
                    _escaped => text.push(0),
                },
                byte => text.push(byte),
            }
        }
        self.0 = bytes.as_slice_of(self.0);
        String::from_utf8(text).ok()
    }

    /// The order id at the end.
    #[must_use]
    pub fn rest(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

/// What an iterator over copied bytes has not consumed.
trait Remaining<'a> {
    fn as_slice_of(&self, whole: &'a [u8]) -> &'a [u8];
}

impl<'a> Remaining<'a> for std::iter::Copied<std::slice::Iter<'a, u8>> {
    fn as_slice_of(&self, whole: &'a [u8]) -> &'a [u8] {
        whole.get(whole.len() - self.len()..).unwrap_or_default()
    }
}

/// Key of an order's row.
#[must_use]
pub fn row(order_id: &str) -> Vec<u8> {
    Key::new(ROW).raw(order_id.as_bytes()).into_bytes()
}

/// Key of a parked order.
#[must_use]
pub fn parked(order_id: &str) -> Vec<u8> {
    Key::new(PARKED).raw(order_id.as_bytes()).into_bytes()
}

/// The first key after all keys that begin with `prefix`; `None` when there can be none.
#[must_use]
pub fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// A key for people: its prefix as a letter, then what can be printed; other bytes in hexadecimal.
#[must_use]
pub fn show(key: &[u8]) -> String {
    let printable = |byte: &u8| byte.is_ascii_graphic();
    key.iter().fold(String::from("key "), |mut shown, byte| {
        if printable(byte) {
            shown.push(char::from(*byte));
        } else {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
        shown
    })
}

/// The order that a key belongs to; `None` for counters and other keys.
#[must_use]
pub fn order_id(key: &[u8]) -> Option<String> {
    let mut parts = Parts::of(key);
    match *key.first()? {
        ROW | ERASED | PARKED => {}
        PLACED | NEVER_PLACED | UPDATED | CREATED => drop(parts.number()?),
        CUSTOMER | TAG | REFERENCE => drop((parts.text()?, parts.number()?)),
        STATES | TOTAL => drop((parts.raw::<3>()?, parts.number()?)),
        HOLD => drop((parts.byte()?, parts.number()?)),
        DEADLINE => drop((parts.number()?, parts.byte()?)),
        _ => return None,
    }
    parts.rest().map(str::to_owned)
}

/// What the keys of a prefix are, for people.
#[must_use]
pub fn kind(prefix: u8) -> &'static str {
    match prefix {
        ROW => "rows",
        PLACED => "index by place time",
        NEVER_PLACED => "index of orders never placed",
        CUSTOMER => "index by customer",
        STATES => "index by state",
        HOLD => "index by hold",
        TAG => "index by tag",
        REFERENCE => "index by reference",
        DEADLINE => "deadlines",
        ERASED => "erased orders",
        UPDATED => "index by update time",
        CREATED => "index by create time",
        TOTAL => "index by total",
        REVENUE => "revenue counters",
        SKU => "SKU counters",
        STATE_COUNT => "state counters",
        FUNNEL => "funnel counters",
        _ => "keys of another projection",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_of_keys_is_the_order_of_what_they_mean(
            a in (".{0,8}", any::<u64>(), "[a-z0-9]{1,4}"),
            b in (".{0,8}", any::<u64>(), "[a-z0-9]{1,4}"),
        ) {
            let key = |(text, number, id): &(String, u64, String)| {
                Key::new(CUSTOMER).text(text).number(*number).raw(id.as_bytes()).into_bytes()
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn parts_are_what_was_put_together(text in "[\u{0}-\u{ff}]{0,12}", number: u64, id in "[A-Z]{1,9}") {
            let key = Key::new(TAG).text(&text).number(number).byte(7).raw(id.as_bytes()).into_bytes();
            let mut parts = Parts::of(&key);
            prop_assert_eq!(parts.text(), Some(text));
            prop_assert_eq!(parts.number(), Some(number));
            prop_assert_eq!(parts.byte(), Some(7));
            prop_assert_eq!(parts.rest(), Some(id.as_str()));
        }

        #[test]
        fn no_bytes_make_parts_panic(key: Vec<u8>) {
            let mut parts = Parts::of(&key);
            let _ = (parts.text(), parts.number(), parts.byte(), parts.rest());
        }
    }

    #[test]
    fn what_comes_after_a_prefix() {
        assert_eq!(after(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after(&[b'a', 0xFF]), Some(b"b".to_vec()));
        assert_eq!(after(&[0xFF]), None);
    }
}
