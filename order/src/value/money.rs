//! Amounts, currencies, rates and quantities: integers with bounds.

use std::fmt;

use super::InvalidValue;

/// An amount in the minor unit of its order's currency (GBP 2.55 = 255).
///
/// Between -10^15 and 10^15, so that every product that pricing forms fits `i128`. The currency
/// stands once, in the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    /// Largest magnitude, in minor units.
    pub const LIMIT: i64 = 1_000_000_000_000_000;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `minor_units`.
    ///
    /// # Errors
    /// [`InvalidValue`] outside of ±10^15.
    pub const fn new(minor_units: i64) -> Result<Self, InvalidValue> {
        if -Self::LIMIT <= minor_units && minor_units <= Self::LIMIT {
            Ok(Self(minor_units))
        } else {
            Err(InvalidValue("at most 10^15 minor units"))
        }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, held at ±10^15: for folds, which must accept everything.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(
            self.0
                .saturating_add(other.0)
                .clamp(-Self::LIMIT, Self::LIMIT),
        )
    }

    /// The difference, held at ±10^15: for folds, which must accept everything.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(
            self.0
                .saturating_sub(other.0)
                .clamp(-Self::LIMIT, Self::LIMIT),
        )
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An amount with its currency, as commands carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// The currency; it must be the order's.
    pub currency: Currency,
    /// How much.
    pub amount: Amount,
}

/// Parts per million, 0 to 1,000,000: 20 % is 200,000, New York's 8.875 % is 88,750.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RatePpm(u32);

impl RatePpm {
    /// The whole, in parts per million.
    pub const WHOLE: u32 = 1_000_000;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A rate of `ppm` parts per million.
    ///
    /// # Errors
    /// [`InvalidValue`] above 1,000,000.
    pub const fn new(ppm: u32) -> Result<Self, InvalidValue> {
        if ppm <= Self::WHOLE {
            Ok(Self(ppm))
        } else {
            Err(InvalidValue("0 to 1000000 parts per million"))
        }
    }

    /// The rate in parts per million.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

/// Units of one line, 0 to 1,000,000. Commands want at least 1; counters start at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u32);

impl Quantity {
    /// Largest quantity of one line.
    pub const LIMIT: u32 = 1_000_000;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A quantity of `units`.
    ///
    /// # Errors
    /// [`InvalidValue`] above 1,000,000.
    pub const fn new(units: u32) -> Result<Self, InvalidValue> {
        if units <= Self::LIMIT {
            Ok(Self(units))
        } else {
            Err(InvalidValue("1 to 1000000"))
        }
    }

    /// The quantity in units.
    #[must_use]
    pub const fn units(self) -> u32 {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, held at 1,000,000: for folds.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(Self::LIMIT))
    }

    /// The difference, held at 0: for folds, and for "how many are left".
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A currency of ISO 4217, by its three letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Parses an ISO 4217 code in capitals, for example `GBP`.
    ///
    /// # Errors
    /// [`InvalidValue`] for a code that is not in the table.
    pub fn new(code: &str) -> Result<Self, InvalidValue> {
        Self::exponent_of(code)
            .and_then(|_| <[u8; 3]>::try_from(code.as_bytes()).ok())
            .map(Self)
            .ok_or(InvalidValue("a currency code of ISO 4217, in capitals"))
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the decimal point: JPY 0, GBP 2, BHD 3, CLF 4.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        Self::exponent_of(self.code()).unwrap_or(2)
    }

    fn exponent_of(code: &str) -> Option<u32> {
        let exponent = CURRENCIES
            .iter()
            .find(|(codes, _)| codes.split(' ').any(|known| known == code))?;
        Some(exponent.1)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Active codes of ISO 4217 (list one) that money is counted in, by exponent. Funds codes, metals and
/// test codes are left out: nothing is sold in them. `CLF` stays, for contracts in Chile.
const CURRENCIES: [(&str, u32); 4] = [
    (
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
        0,
    ),
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
         CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
         GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL \
         MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN \
         PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP \
         SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
        2,
    ),
    ("BHD IQD JOD KWD LYD OMR TND", 3),
    ("CLF UYW", 4),
];
