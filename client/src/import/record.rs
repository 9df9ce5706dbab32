//! Records of a CSV file, each of bounded size.
//!
//! A record that is too long, has an open quote or is not UTF-8 is broken; the next one is read as if
//! nothing had happened.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// Bytes of a record. A row of a real file has about 100; the service takes no text of this size.
const BYTES_MAX: usize = 4 * 1024;

/// Lines of a record, whose quoted cells may hold line breaks. A quote that is still open after so
/// many lines was never closed.
const LINES_MAX: usize = 16;

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    TooLong,
    OpenQuote,
    NotUtf8,
}

/// One record: its cells, as far as they can be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) cells: Vec<String>,
    pub(super) broken: Option<Broken>,
}

/// Reads record after record.
pub(super) struct Records<R> {
    input: R,
    /// Lines that were read ahead in search of a closing quote.
    ahead: VecDeque<Line>,
}

/// One line without its end.
struct Line {
    bytes: Vec<u8>,
    /// Not all of it was kept.
    cut: bool,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            ahead: VecDeque::new(),
        }
    }

    /// The next record; empty lines are skipped.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some(line) = self.next_line()? else {
                return Ok(None);
            };
            if line.cut {
                return Ok(Some(broken(&line.bytes, Broken::TooLong)));
            }
            if line.bytes.is_empty() {
                continue;
            }
            return self.record(&line.bytes).map(Some);
        }
    }

    /// The record that begins with this line.
    fn record(&mut self, first: &[u8]) -> io::Result<Record> {
        let mut bytes = first.to_vec();
        for read in 0..LINES_MAX {
            let Ok(text) = std::str::from_utf8(&bytes) else {
                return Ok(broken(first, Broken::NotUtf8));
            };
            if let Some(cells) = cells(text) {
                self.ahead.drain(..read);
                return Ok(Record {
                    cells,
                    broken: None,
                });
            }
            if read == self.ahead.len() {
                let Some(line) = self.read_line()? else { break };
                self.ahead.push_back(line);
            }
            let Some(line) = self.ahead.get(read) else {
                break;
            };
            if line.cut || bytes.len() + line.bytes.len() >= BYTES_MAX {
                break;
            }
            bytes.push(b'\n');
            bytes.extend_from_slice(&line.bytes);
        }
        // Only the line with the quote is lost; the lines after it are records of their own.
        Ok(broken(first, Broken::OpenQuote))
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.read_line(),
        }
    }

    /// Reads to the end of the line, and keeps no more than the bound.
    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut bounded = Read::by_ref(&mut self.input).take(BYTES_MAX as u64 + 1);
        if bounded.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let ended = bytes.pop_if(|last| *last == b'\n').is_some();
        let cut = !ended && bytes.len() > BYTES_MAX;
        if cut {
            bytes.truncate(BYTES_MAX);
            self.input.skip_until(b'\n')?;
        }
        bytes.pop_if(|last| *last == b'\r');
        Ok(Some(Line { bytes, cut }))
    }
}

/// A record that cannot be read: what can be shown of its first line.
fn broken(line: &[u8], broken: Broken) -> Record {
    let text = String::from_utf8_lossy(line);
    let cells = text.split(',').map(str::to_owned).collect();
    Record {
        cells,
        broken: Some(broken),
    }
}

/// The cells of a record; nothing while a quote is open. A quote opens a cell only at its start, so
/// that `12" RULER` is a title.
fn cells(text: &str) -> Option<Vec<String>> {
    let mut cells = Vec::with_capacity(8);
    let mut rest = text;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                (cell.to_owned(), after)
            }
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some(cells),
        }
    }
}

/// A cell after its opening quote, and what follows it. What stands between the closing quote and
/// the next comma belongs to the cell.
fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => {
                let (tail, after) = after.split_at(after.find(',').unwrap_or(after.len()));
                cell.push_str(tail);
                return Some((cell, after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8]) -> Vec<Record> {
        let mut records = Records::new(text);
        let mut all = Vec::new();
        while let Some(record) = records.next().expect("readable") {
            all.push(record);
        }
        all
    }

    fn read(text: &str) -> Vec<(Vec<String>, Option<Broken>)> {
        let records = records(text.as_bytes()).into_iter();
        records.map(|it| (it.cells, it.broken)).collect()
    }

    fn whole(cells: &[&str]) -> (Vec<String>, Option<Broken>) {
        (cells.iter().map(|cell| (*cell).to_owned()).collect(), None)
    }

    #[test]
    fn cells_may_hold_commas_quotes_and_line_breaks() {
        assert_eq!(
            read("a,b,\r\n\n\"x, y\",\"a \"\"b\"\"\",\"two\nlines\"\n12\" RULER,,\"\""),
            [
                whole(&["a", "b", ""]),
                whole(&["x, y", "a \"b\"", "two\nlines"]),
                whole(&["12\" RULER", "", ""]),
            ]
        );
    }

    #[test]
    fn a_quote_that_never_closes_costs_one_line() {
        let mut text = "1,\"open\n".to_owned();
        text += &"2,whole\n".repeat(2 * LINES_MAX);
        let records = read(&text);
        assert_eq!(records.len(), 1 + 2 * LINES_MAX);
        assert_eq!(records[0].1, Some(Broken::OpenQuote));
        assert!(records[1..].iter().all(|it| *it == whole(&["2", "whole"])));
    }

    #[test]
    fn a_line_beyond_the_bound_is_one_broken_record_of_bounded_size() {
        let text = format!("1,{}\n2,whole", "A".repeat(1_000_000));
        let records = read(&text);
        assert_eq!(records.len(), 2);
        let (cells, broken) = &records[0];
        let kept: usize = cells.iter().map(String::len).sum();
        assert_eq!(*broken, Some(Broken::TooLong));
        assert!(kept <= 4_096, "{kept} bytes");
        assert_eq!(records[1], whole(&["2", "whole"]));
    }

    #[test]
    fn a_record_that_is_not_utf8_is_broken_alone() {
        let records = records(b"1,caf\xe9\n2,caf\xc3\xa9\n");
        assert_eq!(records[0].broken, Some(Broken::NotUtf8));
        assert_eq!(records[0].cells, ["1", "caf\u{fffd}"]);
        assert_eq!(records[1].cells, ["2", "caf\u{e9}"]);
    }
}
