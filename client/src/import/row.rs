//! Rows of an invoice file, as they stand in it.

use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use crate::error::Error;

/// The columns, in the order in which an importable file has them.
pub(crate) const HEADER: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];

/// One row: one line of one invoice, or of one credit note.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// 1 for the first row after the header.
    pub(crate) number: u32,
    pub(crate) invoice: Arc<str>,
    pub(crate) sku: Arc<str>,
    pub(crate) title: Arc<str>,
    pub(crate) quantity: i64,
    /// Microseconds since 1970; the file's times are taken as UTC.
    pub(crate) time: i64,
    pub(crate) price: Price,
    /// Empty for a guest.
    pub(crate) customer: Arc<str>,
    pub(crate) country: Arc<str>,
}

/// A unit price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Price {
    /// Whole pence.
    Pence(i64),
    /// Something that pence cannot say, for example 0.001.
    SubPenny,
}

impl Row {
    /// Quantity times price, where pence can say it.
    pub(crate) fn value(&self) -> Option<i64> {
        match self.price {
            Price::Pence(pence) => pence.checked_mul(self.quantity),
            Price::SubPenny => None,
        }
    }
}

/// Reads all rows of a CSV file, plain or compressed with zstd (`.zst`).
///
/// # Errors
/// The first row that cannot be read, by its number; nothing is imported from a file that is not
/// whole.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let name = path.display();
    let storage = |error| Error::storage(format!("read {name}"))(error);
    let file = std::fs::File::open(path).map_err(storage)?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|e| e == "zst") {
        Box::new(zstd::stream::read::Decoder::new(file).map_err(storage)?)
    } else {
        Box::new(BufReader::new(file))
    };
    parse(reader).map_err(|problem| Error::Rejected(format!("failed to read {name}: {problem}")))
}

pub(super) fn parse(reader: impl Read) -> Result<Vec<Row>, String> {
    let mut csv = csv::Reader::from_reader(reader);
    let header = csv.headers().map_err(|error| error.to_string())?;
    if header.iter().ne(HEADER) {
        return Err(format!("the first line must be {}", HEADER.join(",")));
    }
    let mut words = Words::default();
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut number = 0_u32;
    while csv
        .read_record(&mut record)
        .map_err(|error| format!("row {}: {error}", number + 1))?
    {
        number += 1;
        let row = row(number, &record, &mut words);
        rows.push(row.map_err(|problem| format!("row {number}: {problem}"))?);
    }
    Ok(rows)
}

fn row(number: u32, record: &csv::StringRecord, words: &mut Words) -> Result<Row, String> {
    let field = |index: usize| record.get(index).unwrap_or_default();
    let quantity = field(3)
        .parse()
        .map_err(|_invalid| format!("Quantity {:?} is not a number of units", field(3)))?;
    let time = time(field(4)).ok_or_else(|| {
        format!(
            "InvoiceDate {:?} is not a time such as 2010-12-01 08:26:00",
            field(4)
        )
    })?;
    let price = price(field(5))
        .ok_or_else(|| format!("UnitPrice {:?} is not a price such as 2.55", field(5)))?;
    Ok(Row {
        number,
        invoice: words.share(field(0)),
        sku: words.share(field(1)),
        title: words.share(field(2).trim()),
        quantity,
        time,
        price,
        customer: words.share(field(6).trim_end_matches(".0")),
        country: words.share(field(7)),
    })
}

/// The same word is kept once: half a million rows have few different ones.
#[derive(Default)]
struct Words(std::collections::HashSet<Arc<str>>);

impl Words {
    fn share(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.get(word) {
            return Arc::clone(known);
        }
        let word: Arc<str> = word.into();
        self.0.insert(Arc::clone(&word));
        word
    }
}

/// Pounds with a decimal point to pence, exactly; no floating point on the way.
fn price(text: &str) -> Option<Price> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let (pence, rest) = fraction.split_at(fraction.len().min(2));
    if rest.bytes().any(|b| b != b'0') {
        return Some(Price::SubPenny);
    }
    let pence: i64 = format!("{pence:0<2}").parse().ok()?;
    let pounds: i64 = whole.parse().ok()?;
    Some(Price::Pence(
        sign * pounds.checked_mul(100)?.checked_add(pence)?,
    ))
}

/// `2010-12-01 08:26:00` to microseconds since 1970.
fn time(text: &str) -> Option<i64> {
    let time: prost_types::Timestamp = text.parse().ok()?;
    (time.seconds >= 0).then_some(time.seconds.checked_mul(1_000_000)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        assert_eq!(price("2.55"), Some(Price::Pence(255)));
        assert_eq!(price("2.1"), Some(Price::Pence(210)));
        assert_eq!(price("18"), Some(Price::Pence(1800)));
        assert_eq!(price("-11062.06"), Some(Price::Pence(-1_106_206)));
        assert_eq!(price("0.001"), Some(Price::SubPenny));
        assert_eq!(price("0.0"), Some(Price::Pence(0)));
        assert_eq!(price("1e3"), None);
        assert_eq!(price(""), None);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time("1970-01-01 00:00:00"), Some(0));
        assert_eq!(time("2010-12-01 08:26:00"), Some(1_291_191_960_000_000));
        assert_eq!(time("2012-02-29 23:59:59"), Some(1_330_559_999_000_000));
        assert_eq!(time("2010-13-01 08:26:00"), None);
        assert_eq!(time("2010-02-31 08:26:00"), None);
        assert_eq!(time("2011-02-29 08:26:00"), None);
        assert_eq!(time("2010-12-01 24:00:00"), None);
        assert_eq!(time("1969-12-31 23:59:59"), None);
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn another_header_is_refused() {
        let error = parse("a,b\n1,2\n".as_bytes()).expect_err("refused");
        assert!(error.contains("InvoiceNo"), "{error}");
    }
}
