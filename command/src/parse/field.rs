//! Collects what is wrong with a request, all of it, with the path of each field.

use std::fmt;

use order::Violation;
use order::value::{Amount, Currency, InvalidValue, Money, Quantity, RatePpm, Timestamp};
use proto::error::{MAX_VIOLATION_BYTES, MAX_VIOLATIONS};
use proto::v1;

use super::Refused;

/// Where in a request a value stands. Rendered only when something is wrong there.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// The request itself.
    Root,
    /// A field of a message.
    Field(&'a At<'a>, &'static str),
    /// An element of a repeated field.
    Index(&'a At<'a>, &'static str, usize),
    /// An entry of a map; the key is a valid one.
    Key(&'a At<'a>, &'static str, &'a str),
}

impl<'a> At<'a> {
    pub(crate) fn field(&'a self, name: &'static str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) fn index(&'a self, name: &'static str, index: usize) -> Self {
        Self::Index(self, name, index)
    }

    pub(crate) fn key(&'a self, name: &'static str, key: &'a str) -> Self {
        Self::Key(self, name, key)
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Field(parent, _) | Self::Index(parent, ..) | Self::Key(parent, ..)) = self
        else {
            return Ok(());
        };
        if !matches!(parent, At::Root) {
            write!(f, "{parent}.")?;
        }
        match self {
            Self::Root => Ok(()),
            Self::Field(_, name) => f.write_str(name),
            Self::Index(_, name, index) => write!(f, "{name}[{index}]"),
            Self::Key(_, name, key) => write!(f, "{name}[{key:?}]"),
        }
    }
}

/// The violations of one request, and what its values are checked against.
pub(crate) struct Fields {
    now: Timestamp,
    violations: Vec<Violation>,
    bytes: usize,
    beyond: usize,
    invalid: bool,
    unknown: Option<String>,
    mismatch: Option<(String, Currency, Currency)>,
    /// The currency that all money of the request must be in, when the request itself says which.
    currency: Option<Currency>,
    /// The currency read last: requests repeat one currency on every line.
    seen: Option<Currency>,
}

impl Fields {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            violations: Vec::new(),
            bytes: 0,
            beyond: 0,
            invalid: false,
            unknown: None,
            mismatch: None,
            currency: None,
            seen: None,
        }
    }

    /// The parsed request, if nothing was wrong.
    pub(crate) fn finish<T>(self, parsed: Option<T>) -> Result<T, Refused> {
        let violations = self.violations;
        let beyond = self.beyond;
        if self.invalid {
            return Err(Refused::FieldInvalid { violations, beyond });
        }
        if let Some(field) = self.unknown {
            return Err(Refused::CurrencyUnknown {
                field,
                violations,
                beyond,
            });
        }
        if let Some((field, expected, actual)) = self.mismatch {
            return Err(Refused::CurrencyMismatch {
                field,
                expected,
                actual,
                violations,
                beyond,
            });
        }
        // Without a violation everything required was there.
        parsed.ok_or(Refused::FieldInvalid { violations, beyond })
    }

    /// The server's time when the request arrived.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Notes that the value at `at` must be something else.
    pub(crate) fn wrong(&mut self, at: At<'_>, rule: impl Into<String>) {
        self.invalid = true;
        self.note(at, rule.into());
    }

    fn note(&mut self, at: At<'_>, rule: String) {
        // Once the reply is full nothing more is rendered: a hostile request costs a counter.
        if self.violations.len() >= MAX_VIOLATIONS || self.bytes >= MAX_VIOLATION_BYTES {
            self.beyond += 1;
            return;
        }
        let field = at.to_string();
        self.bytes += field.len() + rule.len();
        self.violations.push(Violation { field, rule });
    }

    /// Whether a list is short enough to be looked into.
    pub(crate) fn at_most(&mut self, at: At<'_>, len: usize, limit: usize) -> bool {
        let fits = len <= limit;
        if !fits {
            self.wrong(at, format!("at most {limit} entries, not {len}"));
        }
        fits
    }

    /// A value that must be there.
    pub(crate) fn required<T>(
        &mut self,
        at: At<'_>,
        raw: &str,
        parse: fn(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        match parse(raw) {
            Ok(value) => Some(value),
            Err(InvalidValue(rule)) => {
                self.wrong(at, rule);
                None
            }
        }
    }

    /// A value that may be left empty.
    pub(crate) fn optional<T>(
        &mut self,
        at: At<'_>,
        raw: &str,
        parse: fn(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        if raw.is_empty() {
            None
        } else {
            self.required(at, raw, parse)
        }
    }

    /// An enumeration that must be one of its known values, not UNSPECIFIED.
    pub(crate) fn variant<W, T>(
        &mut self,
        at: At<'_>,
        number: i32,
        known: impl Fn(W) -> Option<T>,
    ) -> Option<T>
    where
        W: TryFrom<i32>,
    {
        let value = W::try_from(number).ok().and_then(known);
        if value.is_none() {
            let rule = if number == 0 {
                "set"
            } else {
                "a known value of its enumeration"
            };
            self.wrong(at, rule);
        }
        value
    }

    /// A quantity of at least `least`.
    pub(crate) fn quantity(&mut self, at: At<'_>, units: i64, least: u32) -> Option<Quantity> {
        let quantity = u32::try_from(units)
            .ok()
            .filter(|units| *units >= least)
            .and_then(|units| Quantity::new(units).ok());
        if quantity.is_none() {
            self.wrong(at, format!("{least} to {}", Quantity::LIMIT));
        }
        quantity
    }

    /// A rate in parts per million.
    pub(crate) fn rate(&mut self, at: At<'_>, ppm: i32) -> Option<RatePpm> {
        let rate = u32::try_from(ppm)
            .ok()
            .and_then(|ppm| RatePpm::new(ppm).ok());
        if rate.is_none() {
            self.wrong(at, "0 to 1000000 parts per million");
        }
        rate
    }

    /// An amount of at least `least` minor units.
    pub(crate) fn amount(&mut self, at: At<'_>, minor_units: i64, least: i64) -> Option<Amount> {
        let amount = Amount::new(minor_units)
            .ok()
            .filter(|_| minor_units >= least);
        if amount.is_none() {
            self.wrong(at, format!("{least} to 10^15 minor units"));
        }
        amount
    }

    /// Money that must be there, of at least `least` minor units.
    pub(crate) fn money(
        &mut self,
        at: At<'_>,
        money: Option<&v1::Money>,
        least: i64,
    ) -> Option<Money> {
        let Some(money) = money else {
            self.wrong(at, "set");
            return None;
        };
        let currency = self.money_currency(at.field("currency_code"), &money.currency_code);
        let amount = self.amount(at.field("minor_units"), money.minor_units, least);
        Some(Money {
            currency: currency?,
            amount: amount?,
        })
    }

    /// The currency that the request fixes for all its money.
    pub(crate) fn fix_currency(&mut self, at: At<'_>, code: &str) -> Option<Currency> {
        self.currency = self.known_currency(at, code);
        self.currency
    }

    fn money_currency(&mut self, at: At<'_>, code: &str) -> Option<Currency> {
        let actual = match self.seen.filter(|seen| seen.code() == code) {
            Some(seen) => seen,
            None => self.known_currency(at, code)?,
        };
        let Some(expected) = self.currency.filter(|expected| *expected != actual) else {
            return Some(actual);
        };
        self.note(
            at,
            format!("in the order's currency, {expected}, not {actual}"),
        );
        if self.mismatch.is_none() {
            self.mismatch = Some((at.to_string(), expected, actual));
        }
        None
    }

    fn known_currency(&mut self, at: At<'_>, code: &str) -> Option<Currency> {
        match Currency::new(code) {
            Ok(currency) => {
                self.seen = Some(currency);
                Some(currency)
            }
            Err(InvalidValue(rule)) => {
                self.note(at, rule.to_owned());
                if self.unknown.is_none() {
                    self.unknown = Some(at.to_string());
                }
                None
            }
        }
    }

    /// A moment that may be left out: from 1970 to 9999, cut to microseconds.
    pub(crate) fn time(
        &mut self,
        at: At<'_>,
        time: Option<&prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let time = time?;
        let micros = (0..1_000_000_000)
            .contains(&time.nanos)
            .then(|| time.seconds.checked_mul(1_000_000))
            .flatten()
            .and_then(|micros| micros.checked_add(i64::from(time.nanos / 1_000)))
            .filter(|micros| (0..=Timestamp::MAX.micros()).contains(micros));
        if micros.is_none() {
            self.wrong(at, "a valid time from 1970 to 9999");
        }
        micros.map(Timestamp::from_micros)
    }
}
