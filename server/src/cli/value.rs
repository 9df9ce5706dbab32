//! How values are written on the command line.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use order::value::Currency;
use prost_types::Timestamp;
use proto::v1;

use crate::exit::Misuse;

/// Most digits after the point of any currency.
const DIGITS_MAX: u32 = 4;

/// `4.95` with two digits is 495; more digits than that are refused.
fn fixed(text: &str, digits: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let empty = whole.is_empty() && fraction.is_empty();
    if empty || !numeric(whole) || !numeric(fraction) || fraction.len() > digits as usize {
        return None;
    }
    format!("{whole}{fraction:0<width$}", width = digits as usize)
        .parse()
        .ok()
}

/// An amount in a currency's main unit, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Amount(String);

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        fixed(text, DIGITS_MAX).ok_or("an amount is in the currency's main unit, such as 4.95")?;
        Ok(Self(text.to_owned()))
    }
}

impl Amount {
    /// # Errors
    /// When it has more digits than the currency.
    pub(crate) fn of(&self, currency: Currency) -> Result<v1::Money, Misuse> {
        let digits = currency.exponent();
        let minor_units = fixed(&self.0, digits).ok_or_else(|| {
            Misuse(format!(
                "{} is no amount in {currency}, which has {digits} digits after the point; give another --currency?",
                self.0
            ))
        })?;
        Ok(v1::Money {
            currency_code: currency.code().to_owned(),
            minor_units,
        })
    }
}

/// A currency by its code.
pub(super) fn currency(text: &str) -> Result<Currency, &'static str> {
    Currency::new(text).map_err(|_unknown| "a currency is a code of ISO 4217, such as GBP")
}

/// A moment.
pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse()
        .map_err(|_invalid| "a time is RFC 3339, such as 2010-12-01T08:26:00Z")
}

/// A rate in percent, as parts per million.
pub(super) fn percent(text: &str) -> Result<i32, &'static str> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    let parts = fixed(digits, 4).and_then(|parts| i32::try_from(parts).ok());
    parts.ok_or("a rate is in percent, such as 20 or 8.875")
}

/// Units of a line.
pub(super) fn item(text: &str) -> Result<v1::LineQuantity, &'static str> {
    let (line_id, quantity) = text.rsplit_once(':').unwrap_or((text, ""));
    Ok(v1::LineQuantity {
        line_id: line_id.to_owned(),
        quantity: quantity
            .parse()
            .map_err(|_invalid| "an item is LINE_ID:QUANTITY, such as L1:2")?,
    })
}

/// A key and its value.
pub(super) fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("a pair is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A line of a new order, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) price: Amount,
    pub(crate) title: String,
}

impl FromStr for Line {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a line is SKU:QUANTITY:PRICE or SKU:QUANTITY:PRICE:TITLE, such as MUG:2:4.95";
        let mut parts = text.splitn(4, ':');
        let mut part = || parts.next();
        let (Some(sku), Some(quantity), Some(price)) = (part(), part(), part()) else {
            return Err(FORM);
        };
        Ok(Self {
            sku: sku.to_owned(),
            quantity: quantity.parse().map_err(|_invalid| FORM)?,
            price: price.parse().map_err(|_invalid| FORM)?,
            title: part().unwrap_or_default().to_owned(),
        })
    }
}

/// How goods travel, and what that costs, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Shipping {
    pub(crate) method: String,
    pub(crate) price: Amount,
}

impl FromStr for Shipping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "shipping is METHOD:PRICE, such as post:3.95";
        let (method, price) = text.rsplit_once(':').ok_or(FORM)?;
        Ok(Self {
            method: method.to_owned(),
            price: price.parse().map_err(|_invalid| FORM)?,
        })
    }
}

/// What is taken off a whole order, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Discount {
    pub(crate) off: Off,
    pub(crate) label: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Off {
    /// Parts per million.
    Rate(i32),
    Fixed(Amount),
}

impl FromStr for Discount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a discount is 10% or 5.00, and a label if it has one: 10%:spring";
        let (off, label) = text.split_once(':').unwrap_or((text, ""));
        let off = match off.strip_suffix('%') {
            Some(rate) => percent(rate).map(Off::Rate),
            None => off.parse().map(Off::Fixed),
        };
        Ok(Self {
            off: off.map_err(|_invalid| FORM)?,
            label: label.to_owned(),
        })
    }
}

/// The values of an enum of the API but for UNSPECIFIED, as words: `partially-shipped`.
pub(super) fn choice<E>(name: fn(&E) -> &'static str) -> impl TypedValueParser<Value = E>
where
    E: TryFrom<i32> + Copy + Send + Sync + 'static,
{
    let zero = E::try_from(0).ok();
    let prefix = zero.map_or("", |zero| name(&zero).trim_end_matches("UNSPECIFIED"));
    let values: Vec<(String, E)> = (1..)
        .map_while(|number| E::try_from(number).ok())
        .map(|value| (word(name(&value), prefix), value))
        .collect();
    let words: Vec<String> = values.iter().map(|(word, _)| word.clone()).collect();
    PossibleValuesParser::new(words).try_map(move |chosen| {
        let mut values = values.iter();
        let found = values.find(|(word, _)| *word == chosen);
        found.map(|(_, value)| *value).ok_or("no such value")
    })
}

/// A value of an enum of the API as a word: `ORDER_STATE_DRAFT` is `draft`.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix)
        .to_ascii_lowercase()
        .replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_last_digit_or_not_at_all() {
        assert_eq!(fixed("4.95", 2), Some(495));
        assert_eq!(fixed("4.9", 2), Some(490));
        assert_eq!(fixed("5", 2), Some(500));
        assert_eq!(fixed("5", 0), Some(5));
        assert_eq!(fixed(".5", 2), Some(50));
        for wrong in ["4.955", "-1", "", ".", "1e3", "1,5", "9223372036854775807"] {
            assert_eq!(fixed(wrong, 2), None, "{wrong}");
        }
    }

    #[test]
    fn rates_become_parts_per_million() {
        assert_eq!(percent("20"), Ok(200_000));
        assert_eq!(percent("8.875%"), Ok(88_750));
        assert!(percent("8.87501").is_err());
    }

    #[test]
    fn a_line_may_have_a_title_with_colons() {
        let line: Line = "MUG:2:4.95:A mug: blue".parse().expect("a line");
        assert_eq!((line.sku.as_str(), line.quantity), ("MUG", 2));
        assert_eq!(
            (line.price.0.as_str(), line.title.as_str()),
            ("4.95", "A mug: blue")
        );
        for wrong in ["MUG", "MUG:2", "MUG:two:4.95", "MUG:2:cheap"] {
            assert!(wrong.parse::<Line>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_discount_is_a_rate_or_an_amount() {
        let off = |text: &str| text.parse::<Discount>().map(|discount| discount.off);
        assert!(matches!(off("10%:spring"), Ok(Off::Rate(100_000))));
        assert!(matches!(off("5.00"), Ok(Off::Fixed(_))));
        assert!(off("a lot").is_err());
    }
}
