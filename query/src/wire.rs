//! Encoded messages, read without decoding them: which fields there are, and what some of them hold.

use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::time;

/// Number of the field of `Order` that says when it changed last.
const UPDATE_TIME: u32 = 28;

/// One field of an encoded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    /// All of it, with its tag.
    pub(crate) whole: &'a [u8],
    /// The content of a text, of bytes or of a message; empty for numbers.
    pub(crate) content: &'a [u8],
}

/// The fields of an encoded message, up to the first that cannot be read.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let mut rest = self.0;
        if rest.is_empty() {
            return None;
        }
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let after_key = rest;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        let content = after_key.get(..after_key.len() - rest.len())?;
        self.0 = rest;
        Some(Field {
            number,
            whole,
            content: if wire_type == WireType::LengthDelimited {
                without_length(content)
            } else {
                &[]
            },
        })
    }
}

fn without_length(mut content: &[u8]) -> &[u8] {
    match decode_varint(&mut content) {
        Ok(_length) => content,
        Err(_malformed) => &[],
    }
}

/// Whether a text at `path` is one of `wanted`.
pub(crate) fn has_text(message: &[u8], path: &[u32], wanted: &[String]) -> bool {
    let Some((number, inner)) = path.split_first() else {
        return wanted.iter().any(|text| text.as_bytes() == message);
    };
    Fields::of(message)
        .filter(|field| field.number == *number)
        .any(|field| has_text(field.content, inner, wanted))
}

/// Whether a field is set.
pub(crate) fn has(message: &[u8], number: u32) -> bool {
    Fields::of(message).any(|field| field.number == number)
}

/// `update_time` of an encoded order, in microseconds; 0 when it has none.
pub(crate) fn update_time(order: &[u8]) -> i64 {
    let field = Fields::of(order).find(|field| field.number == UPDATE_TIME);
    let time = field.and_then(|field| prost_types::Timestamp::decode(field.content).ok());
    time.and_then(|time| time::micros(&time)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proto::v1;

    use super::*;

    fn order() -> v1::Order {
        let line = |sku: &str| v1::Line {
            sku: sku.to_owned(),
            quantity: 300,
            ..v1::Line::default()
        };
        v1::Order {
            order_id: "o1".to_owned(),
            version: -1,
            lines: vec![line("A1"), line("B2")],
            tags: vec!["vip".to_owned()],
            ..v1::Order::default()
        }
    }

    #[test]
    fn the_fields_joined_are_the_message() {
        let bytes = order().encode_to_vec();
        let joined: Vec<u8> = Fields::of(&bytes).flat_map(|f| f.whole.to_vec()).collect();
        assert_eq!(joined, bytes);
        let numbers: Vec<_> = Fields::of(&bytes).map(|field| field.number).collect();
        assert_eq!(numbers, [1, 3, 16, 16, 23]);
    }

    #[test]
    fn texts_are_found_at_their_path_only() {
        let bytes = order().encode_to_vec();
        let is = |path: &str, text: &str| {
            has_text(&bytes, &crate::schema::numbers(path), &[text.to_owned()])
        };
        assert!(is("lines.sku", "B2") && is("tags", "vip") && is("order_id", "o1"));
        assert!(!is("lines.sku", "B") && !is("lines.title", "B2") && !is("tags", "A1"));
    }

    #[test]
    fn the_update_time_is_read_from_its_field() {
        assert_eq!(crate::schema::numbers("update_time"), [UPDATE_TIME]);
        let update_time = Some(prost_types::Timestamp {
            seconds: 7,
            nanos: 5_000,
        });
        let order = v1::Order {
            update_time,
            ..order()
        };
        assert_eq!(super::update_time(&order.encode_to_vec()), 7_000_005);
        assert!(has(&order.encode_to_vec(), 23) && !has(&order.encode_to_vec(), 24));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for bytes in [&[0xFF_u8; 12][..], &[0x0A, 0x05, 1], &[0x0B], &[0x80]] {
            assert_eq!(Fields::of(bytes).count(), 0, "{bytes:?}");
            assert!(!has_text(bytes, &[1, 2], &[String::new()]));
        }
    }
}
