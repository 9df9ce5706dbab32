//! Which index is read, and which stretches of it.

use std::borrow::Cow;

use read_model::View;
use read_model::keys::{self, Key};

use crate::failure::Failure;
use crate::filter::{Filter, Range};
use crate::schema;
use crate::sort::Sort;

/// Stretches of an index; each is ordered by a number and the id on its own.
pub(super) struct Index {
    /// What the keys of all stretches begin with.
    pub(super) stretches: Vec<Vec<u8>>,
    /// Bounds of the number: no order outside of them matches.
    pub(super) range: Range,
    /// What the number is.
    sort: Sort,
    /// Whether the stretches are those of a customer, a reference or a tag that is asked for.
    tells_text: bool,
}

impl Index {
    /// The index that fits a filter best, by place time; `None` when none does.
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        let texts = |prefix: u8, texts: &[String]| {
            let key = |text: &String| Key::new(prefix).text(text).into_bytes();
            texts.iter().map(key).collect()
        };
        let [states, payments, fulfillments, _] = &filter.states;
        let (stretches, tells_text) = if !filter.customers.is_empty() {
            (texts(keys::CUSTOMER, &filter.customers), true)
        } else if !filter.references.is_empty() {
            (texts(keys::REFERENCE, &filter.references), true)
        } else if !filter.tags.is_empty() {
            (texts(keys::TAG, &filter.tags), true)
        } else if filter.on_hold == Some(true) {
            (holds(), false)
        } else if states.is_empty() && payments.is_empty() && fulfillments.is_empty() {
            return None;
        } else {
            (combinations(states, payments, fulfillments), false)
        };
        Some(Self {
            stretches,
            range: filter.place_time,
            sort: Sort::Place,
            tells_text,
        })
    }

    /// The index of all orders by one sort key.
    pub(super) fn by(sort: Sort, view: &View, filter: &Filter) -> Result<Self, Failure> {
        let (stretches, range) = match sort {
            Sort::Place => (
                vec![vec![keys::PLACED], vec![keys::NEVER_PLACED]],
                filter.place_time,
            ),
            Sort::Create => (vec![vec![keys::CREATED]], Range::default()),
            Sort::Update => (vec![vec![keys::UPDATED]], filter.update_time),
            Sort::Total => (currencies(view, filter)?, filter.total),
        };
        Ok(Self {
            stretches,
            range,
            sort,
            tells_text: false,
        })
    }

    /// Whether neither the stretch nor the cover of an entry can tell if its order matches.
    pub(super) fn needs_row(&self, filter: &Filter) -> bool {
        let texts = [&filter.customers, &filter.references, &filter.tags];
        let texts = texts.iter().filter(|wanted| !wanted.is_empty()).count();
        !filter.skus.is_empty()
            || texts > usize::from(self.tells_text)
            || (self.sort != Sort::Update && !filter.update_time.is_open())
    }
}

/// The totals of one currency, or of each that there is: seeks from one to the next.
fn currencies(view: &View, filter: &Filter) -> Result<Vec<Vec<u8>>, Failure> {
    let stretch = |currency: &[u8]| Key::new(keys::TOTAL).raw(currency).into_bytes();
    if let Some(currency) = filter.currency {
        return Ok(vec![stretch(&currency)]);
    }
    let mut found = Vec::new();
    let mut from = vec![keys::TOTAL];
    let end = vec![keys::TOTAL + 1];
    while let Some(entry) = view.range(from..end.clone()).next() {
        let (key, _) = entry?;
        let next = stretch(key.get(1..4).unwrap_or_default());
        let Some(after) = keys::after(&next) else {
            break;
        };
        found.push(next);
        from = after;
    }
    Ok(found)
}

fn holds() -> Vec<Vec<u8>> {
    let bit = |reason: u8| 1_u8.checked_shl(u32::from(reason) - 1).unwrap_or(0);
    let reasons = schema::values("HoldReason").into_iter();
    reasons
        .map(|reason| Key::new(keys::HOLD).byte(bit(reason)).into_bytes())
        .collect()
}

fn combinations(states: &[u8], payments: &[u8], fulfillments: &[u8]) -> Vec<Vec<u8>> {
    let mut stretches = Vec::new();
    for &state in &*all_or(states, "OrderState") {
        for &payment in &*all_or(payments, "PaymentState") {
            for &fulfillment in &*all_or(fulfillments, "FulfillmentState") {
                let key = Key::new(keys::STATES)
                    .byte(state)
                    .byte(payment)
                    .byte(fulfillment);
                stretches.push(key.into_bytes());
            }
        }
    }
    stretches
}

/// The wanted values of an enumeration; all of them when nothing was said.
fn all_or<'a>(wanted: &'a [u8], enumeration: &str) -> Cow<'a, [u8]> {
    if wanted.is_empty() {
        return schema::values(enumeration).into();
    }
    wanted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_axis_has_a_stretch() {
        let any = |states: [Vec<u8>; 4]| {
            Index::of(&Filter {
                states,
                ..Filter::default()
            })
            .expect("an index")
        };
        let [state, payment, fulfillment] = ["OrderState", "PaymentState", "FulfillmentState"]
            .map(|name| schema::values(name).len());
        let stretches = any([vec![1], vec![], vec![], vec![]]).stretches;
        assert_eq!(stretches.len(), payment * fulfillment);
        let stretches = any([vec![], vec![1], vec![], vec![]]).stretches;
        assert_eq!(stretches.len(), state * fulfillment);
    }

    #[test]
    fn every_hold_reason_has_a_bit_of_its_own() {
        let held = Filter {
            on_hold: Some(true),
            ..Filter::default()
        };
        let mut bits: Vec<_> = Index::of(&held).expect("an index").stretches;
        let count = bits.len();
        bits.dedup();
        assert_eq!(bits.len(), schema::values("HoldReason").len());
        assert_eq!(
            (bits.len(), bits.contains(&vec![keys::HOLD, 0])),
            (count, false)
        );
    }
}
