//! Identifiers and short texts.

use std::fmt;
use std::sync::Arc;

/// Why a text is not a value of its type. The display is a fragment that completes
/// "`field` must be …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue(pub &'static str);

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidValue {}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[doc = concat!("\n\nA value is ", $rule, ".")]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The rule, as a fragment for people.
            pub const RULE: &'static str = $rule;

            /// Parses a value.
            ///
            /// # Errors
            /// [`InvalidValue`] with the rule.
            pub fn new(text: &str) -> Result<Self, InvalidValue> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(InvalidValue(Self::RULE)) }
            }

            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text!(
    /// Name of an order, chosen by the caller or assigned; it names the order's stream.
    OrderId,
    "1 to 64 characters of A-Z a-z 0-9 _ -, the first a letter or digit",
    |text| (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
);
text!(
    /// Key of an idempotent request, scoped to its order.
    RequestId,
    "1 to 64 printable ASCII characters",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b))
);
text!(
    /// Name of a line within its order.
    LineId,
    "1 to 64 characters of A-Z a-z 0-9 . _ -",
    part_id
);
text!(
    /// Name of a payment within its order.
    PaymentId,
    "1 to 64 characters of A-Z a-z 0-9 . _ -",
    part_id
);
text!(
    /// Name of a shipment within its order.
    ShipmentId,
    "1 to 64 characters of A-Z a-z 0-9 . _ -",
    part_id
);
text!(
    /// Name of a return within its order.
    ReturnId,
    "1 to 64 characters of A-Z a-z 0-9 . _ -",
    part_id
);
text!(
    /// Name of a discount within its order.
    DiscountId,
    "1 to 64 characters of A-Z a-z 0-9 . _ -",
    part_id
);
text!(
    /// Stock keeping unit, case-sensitive.
    Sku,
    "1 to 64 characters of A-Z a-z 0-9, and after the first also space . _ / -",
    |text| (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'.' | b'_' | b'/' | b'-'))
);
text!(
    /// The shop's opaque key of a customer; what it means lives with the shop.
    CustomerId,
    "1 to 64 bytes of UTF-8 without control or bidirectional formatting characters",
    |text| within(text, 1, 64)
);
text!(
    /// Where an order came from: a shop, a market, a country.
    Channel,
    "1 to 64 bytes of UTF-8 without control or bidirectional formatting characters",
    |text| within(text, 1, 64)
);
text!(
    /// A word that staff put on orders to find them again.
    Tag,
    "1 to 64 bytes of UTF-8 without control or bidirectional formatting characters",
    |text| within(text, 1, 64)
);
text!(
    /// Key of a metadata pair.
    MetadataKey,
    "1 to 64 bytes of UTF-8 without control or bidirectional formatting characters",
    |text| within(text, 1, 64)
);
text!(
    /// Reference of a transaction at the payment provider.
    PspReference,
    "1 to 128 bytes of UTF-8 without control or bidirectional formatting characters",
    |text| within(text, 1, 128)
);
text!(
    /// Who acted: a user, a service.
    ActorId,
    "1 to 128 bytes of UTF-8 without control or bidirectional formatting characters",
    |text| within(text, 1, 128)
);
text!(
    /// A short free text: a title, a label, a method, a carrier, a tracking number, a metadata value.
    /// Its users bound it further where their rule says so.
    Text,
    "at most 512 bytes without control or bidirectional formatting characters",
    |text| within(text, 0, 512)
);

impl Default for Text {
    fn default() -> Self {
        Self("".into())
    }
}

impl Text {
    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

text!(
    /// A longer free text: a note, a reason.
    Note,
    "1 to 4096 bytes without control characters (line breaks and tabs are fine) or bidirectional formatting",
    |text| (1..=4096).contains(&text.len())
        && !text.chars().any(|c| is_hostile(c) && !matches!(c, '\n' | '\r' | '\t'))
);

fn part_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn within(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && !text.chars().any(is_hostile)
}

/// Control characters break terminals and logs; bidirectional formatting makes one text look like
/// another.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
