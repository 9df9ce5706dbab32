//! From rows to requests, by rules that look at the file alone.
//!
//! * An invoice is all rows with its number; it stands at the place of its first row. A numeric one
//!   with only positive quantities and some price becomes one order, placed in the same commit.
//! * Stock codes POST, DOT and C2 are its shipping, unless it holds nothing else.
//! * A credit-note row (`C…`) cancels units of the order placed last among those of the same
//!   customer whose lines with that SKU and price still hold enough of them.
//! * An invoice of which a row cannot be read is rejected as a whole: an order of some of its lines
//!   is not what was sold. Of a credit note only that row is.
//! * Everything else is rejected, with a reason.
//! * After the last step of an order comes its life, if lives are asked for.
//!
//! The plan depends on the file alone, so a second run sends the same requests with the same ids.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::life::Life;
use super::placed::{LiveLine, Placed};
use super::reject::{Reject, RejectedRow};
use super::row::{Price, Row, Rows, UnreadRow};

/// Stock codes that stand for carriage.
const SHIPPING_CODES: [&str; 3] = ["POST", "DOT", "C2"];

/// One request to send, one row to reject, or the life of an order after all its other steps.
#[derive(Debug)]
pub(crate) enum Step {
    Place(Invoice),
    Cancel(Cancellation),
    Reject(Reject),
    Live(Life),
}

impl Step {
    /// Commands it sends, or 1 when it sends none but takes its place.
    pub(crate) fn commands(&self) -> u64 {
        match self {
            Self::Place(_) | Self::Cancel(_) | Self::Reject(_) => 1,
            Self::Live(life) => life.steps.len() as u64,
        }
    }
}

/// An order to place.
#[derive(Debug)]
pub(crate) struct Invoice {
    pub(crate) number: Arc<str>,
    pub(crate) customer: Arc<str>,
    pub(crate) country: Arc<str>,
    pub(crate) time: i64,
    /// Its lines; line ids are `L1`, `L2`, … in this order.
    pub(crate) lines: Vec<Row>,
    /// Its shipping rows.
    pub(crate) shipping: Vec<Row>,
    /// In pence: what the order must cost.
    pub(crate) total: i64,
}

/// Units to cancel.
#[derive(Debug)]
pub(crate) struct Cancellation {
    pub(crate) order: Arc<str>,
    pub(crate) row: Row,
    /// Line number and units; empty: the whole order.
    pub(crate) items: Vec<(usize, i64)>,
    /// In pence: what the order is worth less.
    pub(crate) value: i64,
}

/// Plans a whole file, in its order; with `lives`, also what becomes of the orders.
pub(crate) fn plan(rows: Rows, lives: bool) -> Vec<Step> {
    let mut planner = Planner::default();
    let incomplete = planner.unread(rows.unread);
    let mut invoices: HashMap<Arc<str>, Vec<Row>> = HashMap::new();
    let mut order: Vec<Item> = Vec::new();
    for row in rows.read {
        if row.invoice.starts_with('C') {
            order.push(Item::CreditNote(row));
            continue;
        }
        let invoice = invoices.entry(Arc::clone(&row.invoice)).or_default();
        if invoice.is_empty() {
            order.push(Item::Invoice(Arc::clone(&row.invoice)));
        }
        invoice.push(row);
    }
    for item in order {
        match item {
            Item::CreditNote(row) => planner.credit_note(row),
            Item::Invoice(number) => {
                let rows = invoices.remove(&number).unwrap_or_default();
                if incomplete.contains(&number) {
                    let text = "another row of the invoice cannot be read";
                    planner.reject_all(rows, "INVOICE_INCOMPLETE", text);
                } else {
                    planner.invoice(number, rows);
                }
            }
        }
    }
    let life = if lives { Life::of } else { Life::none };
    let orders = planner.placed.into_values().flatten();
    let lives = orders.map(|order| (Arc::clone(&order.number), life(&order)));
    with_lives(planner.steps, lives.collect())
}

/// Puts every life behind the last step of its order.
fn with_lives(steps: Vec<Step>, mut lives: HashMap<Arc<str>, Life>) -> Vec<Step> {
    let mut reversed = Vec::with_capacity(steps.len() + lives.len());
    for step in steps.into_iter().rev() {
        let order = match &step {
            Step::Place(invoice) => Some(&invoice.number),
            Step::Cancel(cancellation) => Some(&cancellation.order),
            Step::Reject(_) | Step::Live(_) => None,
        };
        if let Some(life) = order.and_then(|order| lives.remove(order)) {
            reversed.push(Step::Live(life));
        }
        reversed.push(step);
    }
    reversed.reverse();
    reversed
}

enum Item {
    Invoice(Arc<str>),
    CreditNote(Row),
}

#[derive(Default)]
struct Planner {
    steps: Vec<Step>,
    /// Per customer, the orders placed so far, oldest first; guests share the empty one.
    placed: HashMap<Arc<str>, Vec<Placed>>,
}

impl Planner {
    /// Rejects rows that cannot be read; returns the invoices that are not whole without them.
    fn unread(&mut self, rows: Vec<UnreadRow>) -> HashSet<Arc<str>> {
        let mut incomplete = HashSet::new();
        for row in rows {
            incomplete.extend(row.invoice().cloned());
            self.steps.push(Step::Reject(Reject {
                reason: row.reason(),
                text: row.text(),
                row: RejectedRow::Unread(row),
            }));
        }
        incomplete
    }

    fn invoice(&mut self, number: Arc<str>, rows: Vec<Row>) {
        let refusal = if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            Some((
                "ADJUSTMENT",
                "the invoice number is not numeric: an adjustment, not a sale",
            ))
        } else if rows.iter().any(|row| row.quantity <= 0) {
            Some((
                "QUANTITY_NOT_POSITIVE",
                "the invoice holds a quantity below 1: a write-off, not a sale",
            ))
        } else if !rows.iter().any(|row| row.price != Price::Pence(0)) {
            Some((
                "NO_PRICE",
                "no row of the invoice has a price: nothing was sold",
            ))
        } else if rows
            .iter()
            .any(|row| matches!(row.price, Price::Pence(pence) if pence < 0))
        {
            Some(("PRICE_NEGATIVE", "the invoice holds a price below 0"))
        } else {
            None
        };
        if let Some((reason, text)) = refusal {
            self.reject_all(rows, reason, text);
            return;
        }
        self.sale(number, rows);
    }

    fn sale(&mut self, number: Arc<str>, rows: Vec<Row>) {
        let (rows, sub_penny): (Vec<Row>, Vec<Row>) = rows
            .into_iter()
            .partition(|row| row.price != Price::SubPenny);
        let text = "FIELD_INVALID: unit_price must be whole minor units of GBP";
        self.reject_all(sub_penny, "UNIT_PRICE_BELOW_MINOR_UNIT", text);
        let (mut shipping, mut lines): (Vec<Row>, Vec<Row>) = rows
            .into_iter()
            .partition(|row| SHIPPING_CODES.contains(&&*row.sku));
        if lines.is_empty() {
            std::mem::swap(&mut shipping, &mut lines);
        }
        let Some(first) = lines.iter().chain(&shipping).min_by_key(|row| row.number) else {
            return;
        };
        let (customer, country, time) = (
            Arc::clone(&first.customer),
            Arc::clone(&first.country),
            first.time,
        );
        let total = lines.iter().chain(&shipping).filter_map(Row::value).sum();
        self.placed
            .entry(Arc::clone(&customer))
            .or_default()
            .push(Placed {
                number: Arc::clone(&number),
                lines: lines.iter().map(LiveLine::new).collect(),
                shipping: shipping.iter().filter_map(Row::value).sum(),
                time,
            });
        self.steps.push(Step::Place(Invoice {
            number,
            customer,
            country,
            time,
            lines,
            shipping,
            total,
        }));
    }

    fn credit_note(&mut self, row: Row) {
        let Price::Pence(pence) = row.price else {
            return self.reject(
                row,
                "UNIT_PRICE_BELOW_MINOR_UNIT",
                "the price is not whole pence",
            );
        };
        if row.quantity >= 0 {
            return self.reject(
                row,
                "CREDIT_NOT_NEGATIVE",
                "a credit note must take units back",
            );
        }
        if row.customer.is_empty() {
            return self.reject(
                row,
                "CREDIT_WITHOUT_CUSTOMER",
                "no customer to look for an order of",
            );
        }
        let wanted = -row.quantity;
        let orders = self
            .placed
            .get_mut(&row.customer)
            .map(Vec::as_mut_slice)
            .unwrap_or_default();
        let matching = |line: &LiveLine| line.sku == row.sku && line.pence == pence;
        let found = orders.iter_mut().rev().find(|order| {
            order
                .lines
                .iter()
                .filter(|l| matching(l))
                .map(|l| l.live)
                .sum::<i64>()
                >= wanted
        });
        let Some(order) = found else {
            let text = "no order of this customer holds that many live units of this SKU and price";
            return self.reject(row, "CREDIT_WITHOUT_MATCH", text);
        };
        let items = order.take(wanted, matching);
        order.time = order.time.max(row.time);
        let shipping = if items.is_empty() { order.shipping } else { 0 };
        self.steps.push(Step::Cancel(Cancellation {
            order: Arc::clone(&order.number),
            items,
            value: wanted * pence + shipping,
            row,
        }));
    }

    fn reject_all(&mut self, rows: Vec<Row>, reason: &'static str, text: &str) {
        for row in rows {
            self.reject(row, reason, text);
        }
    }

    fn reject(&mut self, row: Row, reason: &'static str, text: &str) {
        self.steps.push(Step::Reject(Reject {
            row: RejectedRow::Read(row),
            reason,
            text: text.to_owned(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::row;
    use super::*;

    fn steps(body: &str) -> Vec<String> {
        let file = format!("{}\n{body}", row::HEADER.join(","));
        let rows = row::parse("f", file.as_bytes(), 100).expect("rows");
        plan(rows, false)
            .iter()
            .filter_map(|step| {
                Some(match step {
                    Step::Place(i) => format!(
                        "place {} {} lines {} shipping {}",
                        i.number,
                        i.lines.len(),
                        i.shipping.len(),
                        i.total
                    ),
                    Step::Cancel(c) => format!("cancel {} {:?}", c.order, c.items),
                    Step::Reject(r) => format!("reject {} {}", r.row.number(), r.reason),
                    Step::Live(_) => return None,
                })
            })
            .collect()
    }

    #[test]
    fn an_invoice_is_one_order_wherever_its_rows_stand() {
        let steps = steps(
            "1,A,a,2,2010-12-01 08:00:00,1.00,7.0,X\n\
             2,B,b,1,2010-12-01 08:01:00,1.00,7.0,X\n\
             1,POST,p,1,2010-12-01 08:00:00,18.0,7.0,X\n\
             3,DOT,p,1,2010-12-01 08:02:00,5,,X\n",
        );
        assert_eq!(
            steps,
            [
                "place 1 1 lines 1 shipping 2000",
                "place 2 1 lines 0 shipping 100",
                "place 3 1 lines 0 shipping 500"
            ]
        );
    }

    #[test]
    fn a_credit_note_takes_from_the_last_order_that_holds_enough() {
        let steps = steps(
            "1,A,a,5,2010-12-01 08:00:00,1.00,7.0,X\n\
             2,A,a,2,2010-12-01 08:01:00,1.00,7.0,X\n\
             2,A,a,2,2010-12-01 08:01:00,1.00,7.0,X\n\
             C3,A,a,-3,2010-12-02 08:00:00,1.00,7.0,X\n\
             C4,A,a,-2,2010-12-02 08:00:00,1.00,7.0,X\n\
             C5,A,a,-1,2010-12-02 08:00:00,1.00,7.0,X\n\
             C6,A,a,-1,2010-12-02 08:00:00,2.00,7.0,X\n\
             C7,A,a,-1,2010-12-02 08:00:00,1.00,,X\n",
        );
        assert_eq!(
            steps[2..],
            [
                "cancel 2 [(1, 2), (2, 1)]",
                "cancel 1 [(1, 2)]",
                "cancel 2 []",
                "reject 7 CREDIT_WITHOUT_MATCH",
                "reject 8 CREDIT_WITHOUT_CUSTOMER"
            ]
        );
    }

    #[test]
    fn a_row_that_cannot_be_read_costs_its_invoice_and_no_other() {
        let steps = steps(
            "1,A,a,1,2010-12-01 08:00:00,1.00,7.0,X\n\
             1,B,b,1,2010-02-31 08:00:00,1.00,7.0,X\n\
             2,A,a,2,2010-12-01 08:01:00,1.00,7.0,X\n\
             C3,A,a,-1,2010-02-31 08:00:00,1.00,7.0,X\n\
             C3,A,a,-1,2010-12-02 08:00:00,1.00,7.0,X\n",
        );
        assert_eq!(
            steps,
            [
                "reject 2 DATE_INVALID",
                "reject 4 DATE_INVALID",
                "reject 1 INVOICE_INCOMPLETE",
                "place 2 1 lines 0 shipping 200",
                "cancel 2 [(1, 1)]",
            ]
        );
    }

    #[test]
    fn what_is_no_sale_is_rejected_with_its_reason() {
        let steps = steps(
            "1,A,a,-5,2010-12-01 08:00:00,0.0,,X\n\
             A2,B,b,1,2010-12-01 08:00:00,9.0,,X\n\
             3,A,a,5,2010-12-01 08:00:00,0.0,,X\n\
             4,PADS,a,1,2010-12-01 08:00:00,0.001,,X\n\
             4,A,a,1,2010-12-01 08:00:00,1,,X\n",
        );
        assert_eq!(
            steps,
            [
                "reject 1 QUANTITY_NOT_POSITIVE",
                "reject 2 ADJUSTMENT",
                "reject 3 NO_PRICE",
                "reject 4 UNIT_PRICE_BELOW_MINOR_UNIT",
                "place 4 1 lines 0 shipping 100"
            ]
        );
    }
}
