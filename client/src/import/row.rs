//! Rows of an invoice file, as they stand in it.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use super::record::{Broken, Record, Records};
use super::source;
use crate::error::Error;
use crate::number::thousands;

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

    /// Whether sums over many such rows stay exact.
    fn is_within_bounds(&self) -> bool {
        let bounded = |number: i64| (-VALUE_MAX..=VALUE_MAX).contains(&number);
        let price = match self.price {
            Price::Pence(pence) => bounded(pence) && self.value().is_some_and(bounded),
            Price::SubPenny => true,
        };
        price && bounded(self.quantity)
    }
}

/// A row that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct UnreadRow {
    /// 1 for the first row after the header.
    pub(crate) number: u32,
    /// As many as the row has.
    pub(crate) cells: Vec<Arc<str>>,
    pub(crate) fault: Fault,
}

/// Why a row cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLong,
    OpenQuote,
    NotUtf8,
    Columns,
    Quantity,
    Date,
    Price,
    /// Quantity times price is beyond [`VALUE_MAX`].
    Value,
}

/// Largest quantity of a row, and largest price and value in pence: ten thousand million pounds.
/// Five million rows of it can be added up.
const VALUE_MAX: i64 = 1_000_000_000_000;

/// All rows of a file, in its order.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) read: Vec<Row>,
    pub(crate) unread: Vec<UnreadRow>,
}

impl Rows {
    pub(crate) fn len(&self) -> u64 {
        (self.read.len() + self.unread.len()) as u64
    }
}

/// Reads all rows of a CSV file, plain or compressed with zstd.
///
/// # Errors
/// When the file cannot be opened, has another format or header, or has more than `max` rows.
pub(crate) fn read(path: &Path, max: u32) -> Result<Rows, Error> {
    parse(&path.display().to_string(), source::open(path)?, max)
}

pub(super) fn parse(name: &str, input: impl BufRead, max: u32) -> Result<Rows, Error> {
    let mut records = Records::new(input);
    let mut next = || {
        let next = records.next();
        next.map_err(Error::storage(format!("read {name}")))
    };
    let header = next()?.map(|header| header.cells).unwrap_or_default();
    if header.iter().ne(&HEADER) {
        return Err(Error::Rejected(format!(
            "the first line of {name} is not the header of an invoice file\n\
             next: write {} as the first line, with the columns in this order",
            HEADER.join(",")
        )));
    }
    let mut words = Words::default();
    let mut rows = Rows::default();
    let mut number = 0_u32;
    while let Some(record) = next()? {
        if number == max {
            return Err(Error::Rejected(format!(
                "{name} has more than {} rows; nothing was imported\n\
                 next: split the file between two days, or raise --max-rows and have 500 bytes of \
                 memory for each row",
                thousands(max.into())
            )));
        }
        number += 1;
        match row(number, &record, &mut words) {
            Ok(row) => rows.read.push(row),
            Err(fault) => rows.unread.push(UnreadRow {
                number,
                cells: record.cells.iter().map(|cell| words.share(cell)).collect(),
                fault,
            }),
        }
    }
    Ok(rows)
}

fn row(number: u32, record: &Record, words: &mut Words) -> Result<Row, Fault> {
    match record.broken {
        Some(Broken::TooLong) => return Err(Fault::TooLong),
        Some(Broken::OpenQuote) => return Err(Fault::OpenQuote),
        Some(Broken::NotUtf8) => return Err(Fault::NotUtf8),
        None => {}
    }
    let [
        invoice,
        sku,
        title,
        quantity,
        date,
        price,
        customer,
        country,
    ] = &record.cells[..]
    else {
        return Err(Fault::Columns);
    };
    let row = Row {
        number,
        invoice: words.share(invoice),
        sku: words.share(sku),
        title: words.share(title.trim()),
        quantity: quantity.parse().map_err(|_invalid| Fault::Quantity)?,
        time: time(date).ok_or(Fault::Date)?,
        price: self::price(price).ok_or(Fault::Price)?,
        customer: words.share(customer.trim_end_matches(".0")),
        country: words.share(country),
    };
    if row.is_within_bounds() {
        Ok(row)
    } else {
        Err(Fault::Value)
    }
}

impl UnreadRow {
    /// The invoice that the row belongs to; unknown when the row was cut within its first cell.
    pub(crate) fn invoice(&self) -> Option<&Arc<str>> {
        let cut = self.fault == Fault::TooLong && self.cells.len() == 1;
        self.cells.first().filter(|_| !cut)
    }

    pub(crate) fn reason(&self) -> &'static str {
        match self.fault {
            Fault::TooLong => "ROW_TOO_LONG",
            Fault::OpenQuote | Fault::NotUtf8 | Fault::Columns => "ROW_MALFORMED",
            Fault::Quantity => "QUANTITY_INVALID",
            Fault::Date => "DATE_INVALID",
            Fault::Price => "PRICE_INVALID",
            Fault::Value => "VALUE_TOO_LARGE",
        }
    }

    /// What is wrong with it, for people.
    pub(crate) fn text(&self) -> String {
        let cell = |index: usize| self.cells.get(index).map_or("", |cell| &**cell);
        match self.fault {
            Fault::TooLong => "the row is longer than 4 KiB".to_owned(),
            Fault::OpenQuote => "a quoted cell of the row never ends".to_owned(),
            Fault::NotUtf8 => "the row is not UTF-8; convert the file, for example with \
                               `iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW.csv`"
                .to_owned(),
            Fault::Columns => {
                format!(
                    "the row has {} columns instead of {}",
                    self.cells.len(),
                    HEADER.len()
                )
            }
            Fault::Quantity => format!("Quantity {:?} is not a number of units", cell(3)),
            Fault::Date => {
                format!(
                    "InvoiceDate {:?} is not a time such as 2010-12-01 08:26:00",
                    cell(4)
                )
            }
            Fault::Price => format!("UnitPrice {:?} is not a price such as 2.55", cell(5)),
            Fault::Value => format!(
                "{} units at {} are beyond the limit of 10,000,000,000.00",
                cell(3),
                cell(5)
            ),
        }
    }
}

/// The same word is kept once: half a million rows have few different ones.
#[derive(Default)]
struct Words(HashSet<Arc<str>>);

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

    fn rows(body: &str) -> Rows {
        let file = format!("{}\n{body}", HEADER.join(","));
        parse("invoices.csv", file.as_bytes(), 100).expect("rows")
    }

    #[test]
    fn a_row_that_cannot_be_read_is_set_aside_with_its_fault() {
        let rows = rows(
            "1,A,a,1,2010-12-01 08:26:00,1.00,7.0,X\n\
             2,A,a,one,2010-12-01 08:26:00,1.00,7.0,X\n\
             3,A,a,1,2010-02-31 08:26:00,1.00,7.0,X\n\
             4,A,a,1,2010-12-01 08:26:00,cheap,7.0,X\n\
             5,A,a,1,2010-12-01 08:26:00\n\
             6,A,a,9223372036854775807,2010-12-01 08:26:00,1.00,7.0,X\n\
             7,A,a,1000000,2010-12-01 08:26:00,9999999.00,7.0,X\n\
             8,A,a,1,2010-12-01 08:26:00,1.00,7.0,X\n",
        );
        let read: Vec<&str> = rows.read.iter().map(|row| &*row.invoice).collect();
        assert_eq!(read, ["1", "8"]);
        let faults: Vec<_> = rows
            .unread
            .iter()
            .map(|row| (row.number, row.fault))
            .collect();
        assert_eq!(
            faults,
            [
                (2, Fault::Quantity),
                (3, Fault::Date),
                (4, Fault::Price),
                (5, Fault::Columns),
                (6, Fault::Value),
                (7, Fault::Value),
            ]
        );
        assert!(rows.unread[1].text().contains("2010-02-31"));
    }

    #[test]
    fn too_many_rows_are_refused_before_anything_is_imported() {
        let row = "1,A,a,1,2010-12-01 08:26:00,1.00,7.0,X\n";
        let file = format!("{}\n{}", HEADER.join(","), row.repeat(3));
        assert_eq!(parse("f", file.as_bytes(), 3).expect("rows").len(), 3);
        let error = parse("f", file.as_bytes(), 2)
            .expect_err("too many")
            .to_string();
        for word in ["more than 2 rows", "nothing was imported", "--max-rows"] {
            assert!(error.contains(word), "{word} is not in {error}");
        }
    }

    #[test]
    fn another_header_is_refused() {
        let error = parse("f", "a,b\n1,2\n".as_bytes(), 9).expect_err("refused");
        assert!(error.to_string().contains("InvoiceNo"), "{error}");
    }
}
