//! People and places, and how personal data is kept apart.

use std::fmt;

use super::{CustomerId, InvalidValue, Text};

/// Personal data: in the clear while a request is being decided, sealed once it is stored.
///
/// `decide` puts clear values into events; the write side seals them before the first byte is
/// stored, and `evolve` keeps whatever it is given. Two sealed values are equal only when they are
/// the same bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Private<T> {
    /// Readable.
    Clear(T),
    /// Sealed under the order's key.
    Sealed(SealedBytes),
}

/// A sealed value: key id, nonce and ciphertext. Opaque here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SealedBytes {
    /// The key that opens it.
    pub key_id: [u8; 16],
    /// 24 bytes.
    pub nonce: [u8; 24],
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

/// Prints nothing of what is inside.
impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Private(clear)",
            Self::Sealed(_) => "Private(sealed)",
        })
    }
}

/// Who buys. Both parts are optional: a counter sale has neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Customer {
    /// The shop's key of the customer; readable for ever.
    pub id: Option<CustomerId>,
    /// Name and e-mail.
    pub contact: Option<Private<Contact>>,
}

/// How to reach a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contact {
    /// Name; empty if not given.
    pub name: Text,
    /// E-mail; empty if not given.
    pub email: Text,
}

/// Where goods go: the country, readable for ever, and the rest, which is personal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Destination {
    /// ISO 3166-1 alpha-2.
    pub country: Option<Country>,
    /// Everything but the country.
    pub address: Option<Private<Address>>,
}

/// A postal address without its country.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Who receives.
    pub recipient: Text,
    /// Street and number, at most 10 lines.
    pub lines: Vec<Text>,
    /// City.
    pub city: Text,
    /// State or province.
    pub region: Text,
    /// Postal code.
    pub postal_code: Text,
}

/// A country, two capital letters of ISO 3166-1 alpha-2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Parses two capital letters.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn new(code: &str) -> Result<Self, InvalidValue> {
        match code.as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => Ok(Self([*a, *b])),
            _ => Err(InvalidValue("two capital letters of ISO 3166-1")),
        }
    }

    /// The two letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
