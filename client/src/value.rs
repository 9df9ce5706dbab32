//! How values are written on the command line.

use std::str::FromStr;
use std::time::Duration;

use prost_types::Timestamp;
use proto::v1;

use crate::amount::{Amount, fixed};

/// A moment.
pub(crate) fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse()
        .map_err(|_invalid| "a time is RFC 3339, such as 2010-12-01T08:26:00Z")
}

/// A duration: a whole number and its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "a duration is a number and a unit, such as 500ms, 30s, 5m or 1h; 0 is 0";
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_invalid| FORM)?;
    let millis = match unit {
        "" if number == 0 => Some(0),
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    millis.map(Duration::from_millis).ok_or(FORM)
}

/// A rate in percent, as parts per million.
pub(crate) fn percent(text: &str) -> Result<i32, &'static str> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    let parts = fixed(digits, 4).and_then(|parts| i32::try_from(parts).ok());
    parts.ok_or("a rate is in percent, such as 20 or 8.875")
}

/// Units of a line.
pub(crate) fn item(text: &str) -> Result<v1::LineQuantity, &'static str> {
    let (line_id, quantity) = text.rsplit_once(':').unwrap_or((text, ""));
    Ok(v1::LineQuantity {
        line_id: line_id.to_owned(),
        quantity: quantity
            .parse()
            .map_err(|_invalid| "an item is LINE_ID:QUANTITY, such as L1:2")?,
    })
}

/// A key and its value.
pub(crate) fn pair(text: &str) -> Result<(String, String), &'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "10", "s", "-1s", "1 s", "1d", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
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
            (line.price.text(), line.title.as_str()),
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
