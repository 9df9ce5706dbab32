//! Amounts as people read and write them: in a currency's main unit, with its digits.

use std::str::FromStr;

use proto::{Currency, v1};

use crate::error::Error;

/// Most digits after the point of any currency.
const DIGITS_MAX: u32 = 4;

/// `4.95` with two digits is 495; more digits than that are refused.
pub(crate) fn fixed(text: &str, digits: u32) -> Option<i64> {
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
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// # Errors
    /// When it has more digits than the currency.
    pub(crate) fn of(&self, currency: Currency) -> Result<v1::Money, Error> {
        let digits = currency.exponent();
        let minor_units = fixed(&self.0, digits).ok_or_else(|| {
            Error::Usage(format!(
                "{} has too many digits: {currency} has {digits} digits after the point\n\
                 next: correct the amount, or give another --currency",
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
pub(crate) fn currency(text: &str) -> Result<Currency, &'static str> {
    Currency::new(text).map_err(|_unknown| "a currency is a code of ISO 4217, such as GBP")
}

/// An amount in the currency's main unit, for example `12.34 GBP`.
pub(crate) fn money(money: Option<&v1::Money>) -> String {
    let Some(money) = money else {
        return "-".to_owned();
    };
    let exponent = Currency::new(&money.currency_code).map_or(2, |c| c.exponent());
    let sign = if money.minor_units < 0 { "-" } else { "" };
    let digits = format!(
        "{:0>width$}",
        money.minor_units.unsigned_abs(),
        width = exponent as usize + 1
    );
    let (whole, fraction) = digits.split_at(digits.len() - exponent as usize);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction} {}", money.currency_code)
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

    fn of(code: &str, minor_units: i64) -> String {
        money(Some(&v1::Money {
            currency_code: code.to_owned(),
            minor_units,
        }))
    }

    #[test]
    fn amounts_follow_their_currency() {
        assert_eq!(of("GBP", 255), "2.55 GBP");
        assert_eq!(of("GBP", -5), "-0.05 GBP");
        assert_eq!(of("JPY", 300), "300 JPY");
        assert_eq!(of("BHD", 1), "0.001 BHD");
    }
}
