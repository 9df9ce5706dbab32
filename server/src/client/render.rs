//! How replies are printed.

use std::sync::OnceLock;

use anyhow::Context as _;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use proto::v1;

use crate::cli;
use crate::output;

/// A message of `orders.v1` as JSON, in protobuf's canonical mapping.
///
/// # Errors
/// When the name is not one of ours.
pub(crate) fn json(name: &str, message: &impl Message) -> anyhow::Result<serde_json::Value> {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    let pool = POOL.get_or_init(|| DescriptorPool::decode(proto::DESCRIPTORS).unwrap_or_default());
    let descriptor = pool
        .get_message_by_name(&format!("orders.v1.{name}"))
        .context("unknown message")?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_value(&dynamic)?)
}

/// Prints messages of `orders.v1` in the form that was asked for.
pub(crate) fn print<M: Message>(
    format: cli::Output,
    name: &str,
    items: &[M],
    header: &[&str],
    row: impl Fn(&M) -> Vec<String>,
) -> anyhow::Result<()> {
    let values = items.iter().map(|item| json(name, item));
    let rows: Vec<_> = items.iter().map(row).collect();
    print_values(format, values.collect::<Result<_, _>>()?, header, &rows);
    Ok(())
}

/// Prints items in the form that was asked for: their JSON, or their rows.
pub(crate) fn print_values(
    format: cli::Output,
    values: Vec<serde_json::Value>,
    header: &[&str],
    rows: &[Vec<String>],
) {
    match format {
        cli::Output::Table => output::line(&table(header, rows)),
        cli::Output::Json => output::line(&serde_json::Value::Array(values).to_string()),
        cli::Output::Jsonl => values
            .iter()
            .for_each(|value| output::line(&value.to_string())),
    }
}

/// An amount in the currency's main unit, for example `12.34 GBP`.
pub(crate) fn money(money: Option<&v1::Money>) -> String {
    let Some(money) = money else {
        return "-".to_owned();
    };
    let exponent = ::order::value::Currency::new(&money.currency_code).map_or(2, |c| c.exponent());
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

/// Columns aligned by their widest cell.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
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

    #[test]
    fn columns_are_aligned() {
        let text = table(&["A", "LONG"], &[vec!["xyz".to_owned(), "1".to_owned()]]);
        assert_eq!(text, "A    LONG\nxyz  1");
    }
}
