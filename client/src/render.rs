//! How answers are printed: for people or for programs.

use std::sync::OnceLock;

use clap::{Args, ValueEnum};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Timestamp;

use crate::error::Error;
use crate::output;

/// How a subcommand prints.
#[derive(Debug, Args)]
pub(crate) struct Format {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns, for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document per line and item.
    Jsonl,
}

/// A message of `orders.v1` as JSON, in protobuf's canonical mapping.
///
/// # Errors
/// When there is no message of this name.
pub(crate) fn json(name: &str, message: &impl Message) -> Result<serde_json::Value, Error> {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    let pool = POOL.get_or_init(|| DescriptorPool::decode(proto::DESCRIPTORS).unwrap_or_default());
    let descriptor = pool
        .get_message_by_name(&format!("orders.v1.{name}"))
        .ok_or_else(|| Error::Defect(format!("the API has no message {name}")))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_value(&dynamic)?)
}

/// Prints messages of `orders.v1` in the form that was asked for.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn print<M: Message>(
    format: &Format,
    name: &str,
    items: &[M],
    header: &[&str],
    row: impl Fn(&M) -> Vec<String>,
) -> Result<(), Error> {
    let values = items.iter().map(|item| json(name, item));
    let rows: Vec<_> = items.iter().map(row).collect();
    print_values(format, values.collect::<Result<_, _>>()?, header, &rows)
}

/// Prints items in the form that was asked for: their JSON, or their rows.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn print_values(
    format: &Format,
    values: Vec<serde_json::Value>,
    header: &[&str],
    rows: &[Vec<String>],
) -> Result<(), Error> {
    match format.output {
        Output::Table => output::line(&table(header, rows)),
        Output::Json => output::line(&serde_json::Value::Array(values).to_string()),
        Output::Jsonl if values.is_empty() => Ok(()),
        Output::Jsonl => {
            let lines: Vec<String> = values.iter().map(ToString::to_string).collect();
            output::line(&lines.join("\n"))
        }
    }
}

/// Prints one message: as JSON, or as the text for people.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn print_one<M: Message>(
    format: &Format,
    name: &str,
    item: &M,
    text: impl FnOnce(&M) -> String,
) -> Result<(), Error> {
    match format.output {
        Output::Table => output::line(&text(item)),
        Output::Json | Output::Jsonl => output::line(&json(name, item)?.to_string()),
    }
}

/// Names and values in lines, aligned; empty values are left out.
pub(crate) fn fields(rows: &[(&str, String)]) -> String {
    let lines = rows.iter().filter(|(_, value)| !value.is_empty());
    let lines = lines.map(|(name, value)| format!("{name:<12}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A moment in RFC 3339; `-` when there is none.
pub(crate) fn time(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// Columns aligned by their widest cell.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(header.get(column).map(|h| h.len()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(
        rows.iter()
            .map(|row| line(&mut row.iter().map(String::as_str))),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let text = table(&["A", "LONG"], &[vec!["xyz".to_owned(), "1".to_owned()]]);
        assert_eq!(text, "A    LONG\nxyz  1");
    }
}
