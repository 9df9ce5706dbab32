//! Rows and steps that are not imported, and the file that names them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::act::LifeStep;
use super::moment::rfc3339;
use super::row::{HEADER, Price, Row, UnreadRow};
use crate::error::Error;

/// The service refused a request.
pub(super) const REFUSED_BY_SERVICE: &str = "REFUSED_BY_SERVICE";
/// The service refused the order that a row is about.
pub(super) const ORDER_REFUSED: &str = "ORDER_REFUSED";
/// The service refused an earlier step of the same life.
pub(super) const AFTER_REFUSAL: &str = "AFTER_REFUSAL";

/// A row that is not imported.
#[derive(Debug)]
pub(crate) struct Reject {
    pub(crate) row: RejectedRow,
    pub(crate) reason: &'static str,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) enum RejectedRow {
    Read(Row),
    Unread(UnreadRow),
}

impl RejectedRow {
    pub(crate) fn number(&self) -> u32 {
        match self {
            Self::Read(row) => row.number,
            Self::Unread(row) => row.number,
        }
    }

    /// What its order, or its invoice, is called; empty where that cannot be read.
    pub(crate) fn invoice(&self) -> Arc<str> {
        match self {
            Self::Read(row) => Arc::clone(&row.invoice),
            Self::Unread(row) => row.invoice().cloned().unwrap_or_default(),
        }
    }

    /// As many cells as the header has.
    fn cells(&self) -> Vec<String> {
        match self {
            Self::Read(row) => cells(row),
            Self::Unread(row) => {
                let cells = row.cells.iter().map(ToString::to_string);
                let missing = std::iter::repeat_with(String::new);
                cells.chain(missing).take(HEADER.len()).collect()
            }
        }
    }
}

fn cells(row: &Row) -> Vec<String> {
    let price = match row.price {
        Price::Pence(pence) => format!("{pence}p"),
        Price::SubPenny => "below a penny".to_owned(),
    };
    vec![
        row.invoice.to_string(),
        row.sku.to_string(),
        row.title.to_string(),
        row.quantity.to_string(),
        rfc3339(row.time),
        price,
        row.customer.to_string(),
        row.country.to_string(),
    ]
}

/// A step of a life that was not accepted.
#[derive(Debug)]
pub(super) struct StepReject {
    pub(super) order: Arc<str>,
    pub(super) step: LifeStep,
    pub(super) reason: &'static str,
    pub(super) text: String,
}

/// The rejected rows and steps, as a CSV file: the row, then reason and text.
pub(super) struct Rejects {
    csv: csv::Writer<File>,
    name: String,
}

impl Rejects {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(Error::storage(format!("create {name}")))?;
        let mut rejects = Self {
            csv: csv::Writer::from_writer(file),
            name,
        };
        rejects.write(["Row"].iter().chain(&HEADER).chain(&["Reason", "Error"]))?;
        Ok(rejects)
    }

    fn write<T: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<(), Error> {
        let written = self.csv.write_record(cells).map_err(std::io::Error::from);
        written.map_err(Error::storage(format!("write {}", self.name)))
    }

    pub(super) fn row(&mut self, reject: &Reject) -> Result<(), Error> {
        let number = [reject.row.number().to_string()].into_iter();
        let why = [reject.reason.to_owned(), reject.text.clone()];
        self.write(number.chain(reject.row.cells()).chain(why))
    }

    /// A step stands under its order, with the command for a title; it has no row of the file.
    pub(super) fn step(&mut self, reject: &StepReject) -> Result<(), Error> {
        self.write([
            "",
            &*reject.order,
            "",
            reject.step.act.name(),
            "",
            &rfc3339(reject.step.time),
            "",
            "",
            "",
            reject.reason,
            &reject.text,
        ])
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        let written = self.csv.flush();
        written.map_err(Error::storage(format!("write {}", self.name)))
    }
}
