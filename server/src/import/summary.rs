//! What an import did, counted step by step.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::ledger::{Books, Ledger};
use super::{AFTER_REFUSAL, Accepted, ORDER_REFUSED, Outcome, REFUSED_BY_SERVICE, Rejects};
use crate::output::line;

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
        outcome: Outcome,
        ledger: &mut Ledger,
        rejects: &mut Rejects,
    ) -> anyhow::Result<()> {
        match outcome {
            Outcome::Placed {
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
            Outcome::Cancelled(accepted) => {
                self.rows_accepted += 1;
                self.cancellations += 1;
                self.accept(&accepted, ledger);
            }
            Outcome::Lived(accepted) => {
                self.steps_accepted += 1;
                self.accept(&accepted, ledger);
            }
            Outcome::Rejected(rows) => {
                for reject in rows {
                    self.rows_rejected += 1;
                    self.reject(reject.reason);
                    rejects.row(&reject)?;
                }
            }
            Outcome::NotLived(reject) => {
                self.steps_rejected += 1;
                self.reject(reject.reason);
                rejects.step(&reject)?;
            }
            Outcome::Ended(standing) => ledger.end(standing),
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

    /// Prints it for people.
    pub(crate) fn print(&self, rejects: &Path) {
        let mut rows = vec![
            ("rows", self.rows.to_string()),
            ("accepted", self.rows_accepted.to_string()),
            (
                "rejected",
                format!("{} (see {})", self.rows_rejected, rejects.display()),
            ),
            ("orders placed", self.orders_placed.to_string()),
            ("order lines", self.order_lines.to_string()),
            ("gross", format!("{} pence", self.gross_pence)),
            ("cancellations", self.cancellations.to_string()),
        ];
        if self.steps_accepted + self.steps_rejected > 0 {
            let totals = &self.ledger.totals;
            rows.extend([
                ("steps", self.steps_accepted.to_string()),
                ("rejected", self.steps_rejected.to_string()),
                ("captured", format!("{} pence", totals.captured)),
                ("refunded", format!("{} pence", totals.refunded)),
                ("returned", format!("{} pence", totals.returned)),
                ("cancelled", format!("{} pence", totals.cancelled)),
            ]);
        }
        rows.extend([
            ("events", self.events.to_string()),
            ("replayed", self.replayed.to_string()),
            (
                "took",
                format!(
                    "{:.1} s, {} commands/s",
                    self.seconds, self.commands_per_second
                ),
            ),
        ]);
        for (name, value) in rows {
            line(&format!("{name:<14} {value}"));
        }
        for (reason, count) in &self.rejected_by_reason {
            line(&format!("  {count:>8}  {reason}"));
        }
        for state in &self.ledger.states {
            line(&format!("  {state}"));
        }
    }
}
