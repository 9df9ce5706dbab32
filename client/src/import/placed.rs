//! An order that the plan has placed, and what is left of it.

use std::sync::Arc;

use super::row::{Price, Row};

/// An order, and what credit notes have left of it so far.
pub(crate) struct Placed {
    pub(crate) number: Arc<str>,
    pub(crate) lines: Vec<LiveLine>,
    /// In pence.
    pub(crate) shipping: i64,
    /// Of its invoice, or of its last credit note.
    pub(crate) time: i64,
}

pub(crate) struct LiveLine {
    pub(crate) sku: Arc<str>,
    pub(crate) pence: i64,
    pub(crate) live: i64,
}

impl LiveLine {
    pub(crate) fn new(row: &Row) -> Self {
        let pence = match row.price {
            Price::Pence(pence) => pence,
            Price::SubPenny => 0,
        };
        Self {
            sku: Arc::clone(&row.sku),
            pence,
            live: row.quantity,
        }
    }
}

impl Placed {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.lines.iter().all(|line| line.live == 0)
    }

    /// What its live units are worth, with the shipping.
    pub(crate) fn value(&self) -> i64 {
        let units = self.lines.iter().map(|line| line.live * line.pence);
        units.sum::<i64>() + self.shipping
    }

    /// What so many units of these lines are worth.
    pub(crate) fn worth(&self, items: &[(usize, i64)]) -> i64 {
        let value = |(line, units): &(usize, i64)| Some(self.lines.get(line - 1)?.pence * units);
        items.iter().filter_map(value).sum()
    }

    /// Takes units from the earliest matching lines on. Nothing is returned when that was all the
    /// order had: it is then cancelled as a whole.
    pub(crate) fn take(
        &mut self,
        wanted: i64,
        matching: impl Fn(&LiveLine) -> bool,
    ) -> Vec<(usize, i64)> {
        let mut rest = wanted;
        let mut items = Vec::new();
        for (index, line) in self
            .lines
            .iter_mut()
            .enumerate()
            .filter(|(_, line)| matching(line))
        {
            let taken = rest.min(line.live);
            if taken > 0 {
                line.live -= taken;
                rest -= taken;
                items.push((index + 1, taken));
            }
        }
        if self.is_cancelled() {
            items.clear();
        }
        items
    }
}
