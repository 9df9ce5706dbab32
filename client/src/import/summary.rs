//! What an import did, counted step by step.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::ledger::{Books, Ledger};
use super::reject::{AFTER_REFUSAL, ORDER_REFUSED, REFUSED_BY_SERVICE, RejectedRow, Rejects};
use super::request::money;
use super::result::{Accepted, StepResult};
use crate::error::Error;
use crate::number::{rate, thousands};
use crate::{amount, output};

/// Amounts are pence.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) rejected_by_reason: BTreeMap<String, u64>,
    pub(crate) orders_placed: u64,
    pub(crate) order_lines: u64,
    pub(crate) placed_rows: u64,
    pub(crate) gross_pence: i64,
    pub(crate) cancellations: u64,
    /// Steps of orders' lives.
    pub(crate) steps_accepted: u64,
    pub(crate) steps_rejected: u64,
    /// Rows that cannot be read.
    pub(crate) rows_unread: u64,
    /// Rows and steps that the service refused, or that rest on one.
    pub(crate) refused: u64,
    /// Of all accepted commands.
    pub(crate) events: u64,
    /// Commands whose request id the service already knew.
    pub(crate) replayed: u64,
    pub(crate) seconds: f64,
    pub(crate) commands_per_second: f64,
    pub(crate) ledger: Books,
}

impl Summary {
    /// Accepted ones; each is one commit, in this run or in an earlier one.
    pub(super) fn commands(&self) -> u64 {
        self.orders_placed + self.cancellations + self.steps_accepted
    }

    pub(super) fn count(
        &mut self,
        result: StepResult,
        ledger: &mut Ledger,
        rejects: &mut Rejects,
    ) -> Result<(), Error> {
        match result {
            StepResult::Placed {
                rows,
                lines,
                accepted,
            } => {
                self.rows_accepted += rows;
                self.placed_rows += rows;
                self.orders_placed += 1;
                self.order_lines += lines;
                self.gross_pence += accepted.moved.placed;
                self.accept(&accepted, ledger);
            }
            StepResult::Cancelled(accepted) => {
                self.rows_accepted += 1;
                self.cancellations += 1;
                self.accept(&accepted, ledger);
            }
            StepResult::LifeStep(accepted) => {
                self.steps_accepted += 1;
                self.accept(&accepted, ledger);
            }
            StepResult::Rejected(rows) => {
                for reject in rows {
                    self.rows_rejected += 1;
                    let unread = matches!(reject.row, RejectedRow::Unread(_));
                    self.rows_unread += u64::from(unread);
                    self.reject(reject.reason);
                    rejects.row(&reject)?;
                }
            }
            StepResult::LifeStepRejected(reject) => {
                self.steps_rejected += 1;
                self.reject(reject.reason);
                rejects.step(&reject)?;
            }
            StepResult::Ended(standing) => ledger.end(standing),
        }
        Ok(())
    }

    fn accept(&mut self, accepted: &Accepted, ledger: &mut Ledger) {
        self.events += accepted.events;
        self.replayed += u64::from(accepted.replayed);
        ledger.add(accepted.time, accepted.moved);
    }

    fn reject(&mut self, reason: &str) {
        let service = [REFUSED_BY_SERVICE, ORDER_REFUSED, AFTER_REFUSAL];
        self.refused += u64::from(service.contains(&reason));
        let count = self.rejected_by_reason.entry(reason.to_owned());
        *count.or_default() += 1;
    }

    /// Completes it after the last step.
    pub(super) fn finish(&mut self, ledger: Ledger, took: Duration) {
        self.ledger = ledger.finish();
        self.seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.commands() as f64 / self.seconds.max(0.001);
        self.commands_per_second = rate.round();
    }

    /// Prints it for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn print(&self, rejects: &Path) -> Result<(), Error> {
        let mut lines: Vec<String> = self
            .rows(rejects)
            .into_iter()
            .map(|(name, value)| format!("{name:<14} {value}"))
            .collect();
        for (reason, count) in &self.rejected_by_reason {
            lines.push(format!("  {count:>8}  {reason}"));
        }
        for state in &self.ledger.states {
            lines.push(format!("  {state}"));
        }
        output::line(&lines.join("\n"))
    }

    fn rows(&self, rejects: &Path) -> Vec<(&'static str, String)> {
        let rejected = format!(
            "{} (see {})",
            thousands(self.rows_rejected),
            rejects.display()
        );
        let mut rows = vec![
            ("rows", thousands(self.rows)),
            ("accepted", thousands(self.rows_accepted)),
            ("rejected", rejected),
            ("orders placed", thousands(self.orders_placed)),
            ("order lines", thousands(self.order_lines)),
            ("gross", pounds(self.gross_pence)),
            ("cancellations", thousands(self.cancellations)),
        ];
        if self.steps_accepted + self.steps_rejected > 0 {
            let totals = &self.ledger.totals;
            rows.extend([
                ("steps", thousands(self.steps_accepted)),
                ("rejected", thousands(self.steps_rejected)),
                ("captured", pounds(totals.captured)),
                ("refunded", pounds(totals.refunded)),
                ("returned", pounds(totals.returned)),
                ("cancelled", pounds(totals.cancelled)),
            ]);
        }
        let speed = rate(self.commands(), self.seconds);
        rows.extend([
            ("events", thousands(self.events)),
            ("replayed", thousands(self.replayed)),
            ("took", format!("{:.1} s, {speed}", self.seconds)),
        ]);
        rows
    }
}

/// Pence in the main unit.
fn pounds(pence: i64) -> String {
    amount::money(Some(&money(pence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_in_the_main_unit_and_rates_have_separators() {
        let summary = Summary {
            orders_placed: 3_056,
            gross_pence: 1_234_567,
            seconds: 2.0,
            ..Summary::default()
        };
        let rows = summary.rows(Path::new("rejects.csv"));
        let value = |name| {
            rows.iter()
                .find(|(it, _)| *it == name)
                .map(|(_, value)| &**value)
        };
        assert_eq!(value("gross"), Some("12345.67 GBP"));
        assert_eq!(value("orders placed"), Some("3,056"));
        assert_eq!(value("took"), Some("2.0 s, 1,528/s"));
    }
}
