//! Rows and steps that are not imported, and the file that names them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::act::LifeStep;
use super::moment::rfc3339;
use super::row::{HEADER, Price, Row};
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
    pub(crate) row: Row,
    pub(crate) reason: &'static str,
    pub(crate) text: String,
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
        let row = &reject.row;
        let price = match row.price {
            Price::Pence(pence) => format!("{pence}p"),
            Price::SubPenny => "below a penny".to_owned(),
        };
        self.write([
            &row.number.to_string(),
            &*row.invoice,
            &row.sku,
            &row.title,
            &row.quantity.to_string(),
            &rfc3339(row.time),
            &price,
            &row.customer,
            &row.country,
            reject.reason,
            &reject.text,
        ])
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
