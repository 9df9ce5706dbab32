//! Which orders: requests parsed, and checked against a cover or a stored row.

use std::sync::LazyLock;

use order::value::{Channel, Currency, CustomerId, InvalidValue, OrderId, Sku, Tag, Text};
use order::{Order, Violation};
use prost::Message as _;
use proto::row::{InvalidRow, Stored};
use proto::{api, v1};
use read_model::Cover;

use crate::failure::{Failure, violation};
use crate::{schema, time, wire};

/// Most values of one repeated field.
const MAX_VALUES: usize = 100;

/// A filter whose values are valid. Empty lists let everything pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) customers: Vec<String>,
    /// Lifecycle, payment, fulfilment and return state, by their numbers.
    pub(crate) states: [Vec<u8>; 4],
    pub(crate) place_time: Range,
    pub(crate) update_time: Range,
    pub(crate) skus: Vec<String>,
    pub(crate) currency: Option<[u8; 3]>,
    pub(crate) total: Range,
    pub(crate) tags: Vec<String>,
    /// Payment references and tracking numbers.
    pub(crate) references: Vec<String>,
    pub(crate) channels: Vec<String>,
    pub(crate) on_hold: Option<bool>,
}

/// Start inclusive, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

impl Range {
    fn holds(self, value: i64) -> bool {
        self.start.is_none_or(|start| start <= value) && self.end.is_none_or(|end| value < end)
    }

    pub(crate) fn is_open(self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

impl Filter {
    /// # Errors
    /// `FIELD_INVALID` with everything that is wrong.
    pub(crate) fn parse(filter: Option<v1::OrderFilter>) -> Result<Self, Failure> {
        let filter = filter.unwrap_or_default();
        let mut wrong = Wrong::default();
        let parsed = Self {
            states: [
                wrong.numbers::<v1::OrderState>(&filter.states, "states"),
                wrong.numbers::<v1::PaymentState>(&filter.payment_states, "payment_states"),
                wrong.numbers::<v1::FulfillmentState>(
                    &filter.fulfillment_states,
                    "fulfillment_states",
                ),
                wrong.numbers::<v1::ReturnState>(&filter.return_states, "return_states"),
            ],
            customers: wrong.texts(filter.customer_ids, "customer_ids", CustomerId::new),
            place_time: wrong.range(filter.place_time.as_ref(), "filter.place_time"),
            update_time: wrong.range(filter.update_time.as_ref(), "filter.update_time"),
            skus: wrong.texts(filter.skus, "skus", Sku::new),
            tags: wrong.texts(filter.tags, "tags", Tag::new),
            references: wrong.texts(filter.references, "references", reference),
            channels: wrong.texts(filter.channels, "channels", Channel::new),
            on_hold: filter.on_hold,
            total: Range {
                start: filter.min_total_minor_units,
                end: filter
                    .max_total_minor_units
                    .map(|max| max.saturating_add(1)),
            },
            currency: wrong.currency(&filter.currency_code),
        };
        if !parsed.total.is_open() && filter.currency_code.is_empty() {
            let rule =
                "given with a range of totals; amounts of different currencies do not compare";
            wrong.add("filter.currency_code", rule);
        }
        Failure::fields(wrong.0).map(|()| parsed)
    }

    /// What a cover can tell. The rest is told by the index or by the row.
    pub(crate) fn matches(&self, cover: &Cover) -> bool {
        let one_of = |wanted: &[u8], state: u8| wanted.is_empty() || wanted.contains(&state);
        self.states
            .iter()
            .zip(cover.states)
            .all(|(wanted, state)| one_of(wanted, state))
            && (self.place_time.is_open()
                || (cover.place_time != 0 && self.place_time.holds(cover.place_time)))
            && self
                .currency
                .is_none_or(|currency| currency == cover.currency)
            && self.total.holds(cover.total)
            && (self.channels.is_empty() || self.channels.contains(&cover.channel))
            && self.on_hold.is_none_or(|held| held == (cover.holds != 0))
    }

    /// Whether every order matches.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What only the row can tell, from the stored bytes as they are.
    pub(crate) fn matches_row(&self, row: &Stored<'_>) -> Result<bool, InvalidRow> {
        let update_time = || wire::update_time(row.order);
        if !self.update_time.is_open() && !self.update_time.holds(update_time()) {
            return Ok(false);
        }
        let customer = if self.customers.is_empty() {
            None
        } else {
            row.customer()?.id
        };
        let customer = customer.as_ref().map_or("", |id| id.as_str());
        Ok(self.matches_texts(row.order, customer))
    }

    /// Whether an order matches, without any index.
    pub(crate) fn matches_order(&self, order_id: &OrderId, order: &Order) -> bool {
        if !self.matches(&Cover::of(order)) || !self.update_time.holds(order.update_time.micros()) {
            return false;
        }
        let texts = [&self.customers, &self.references, &self.tags, &self.skus];
        if texts.iter().all(|wanted| wanted.is_empty()) {
            return true;
        }
        let bytes = api::order(order_id, order).encode_to_vec();
        let customer = order.customer.id.as_ref();
        self.matches_texts(&bytes, customer.map_or("", |id| id.as_str()))
    }

    fn matches_texts(&self, order: &[u8], customer_id: &str) -> bool {
        let customer = |wanted: &String| wanted == customer_id;
        let has = |path: &[u32], wanted: &[String]| wire::has_text(order, path, wanted);
        (self.customers.is_empty() || self.customers.iter().any(customer))
            && (self.references.is_empty()
                || has(&PATHS.psp_reference, &self.references)
                || has(&PATHS.tracking_number, &self.references))
            && (self.skus.is_empty() || has(&PATHS.sku, &self.skus))
            && (self.tags.is_empty() || has(&PATHS.tag, &self.tags))
    }
}

/// Where a stored order holds what no cover does.
struct Paths {
    psp_reference: Vec<u32>,
    tracking_number: Vec<u32>,
    sku: Vec<u32>,
    tag: Vec<u32>,
}

static PATHS: LazyLock<Paths> = LazyLock::new(|| Paths {
    psp_reference: schema::numbers("payments.psp_reference"),
    tracking_number: schema::numbers("shipments.tracking_number"),
    sku: schema::numbers("lines.sku"),
    tag: schema::numbers("tags"),
});

/// What may be a payment reference or a tracking number.
fn reference(text: &str) -> Result<(), InvalidValue> {
    match Text::new(text) {
        Ok(valid) if valid.is_empty() => Err(InvalidValue("a reference, not empty")),
        valid => valid.map(drop),
    }
}

/// Everything that is wrong with a request, found in one go.
#[derive(Debug, Default)]
struct Wrong(Vec<Violation>);

impl Wrong {
    fn add(&mut self, field: &str, rule: &str) {
        self.0.push(violation(field, rule));
    }

    fn is_too_long<T>(&mut self, values: &[T], field: &str) -> bool {
        let too_long = values.len() > MAX_VALUES;
        if too_long {
            self.add(&format!("filter.{field}"), "a list of at most 100 values");
        }
        too_long
    }

    fn numbers<E: TryFrom<i32>>(&mut self, values: &[i32], field: &str) -> Vec<u8> {
        if self.is_too_long(values, field) {
            return Vec::new();
        }
        let mut numbers = Vec::with_capacity(values.len());
        for (index, &value) in values.iter().enumerate() {
            match u8::try_from(value) {
                Ok(number) if value != 0 && E::try_from(value).is_ok() => numbers.push(number),
                Ok(_) | Err(_) => {
                    let rule = "a value of its enumeration, not UNSPECIFIED";
                    self.add(&format!("filter.{field}[{index}]"), rule);
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn texts<T>(
        &mut self,
        mut values: Vec<String>,
        field: &str,
        check: impl Fn(&str) -> Result<T, InvalidValue>,
    ) -> Vec<String> {
        if self.is_too_long(&values, field) {
            return Vec::new();
        }
        for (index, value) in values.iter().enumerate() {
            if let Err(rule) = check(value) {
                self.add(&format!("filter.{field}[{index}]"), rule.0);
            }
        }
        values.sort_unstable();
        values.dedup();
        values
    }

    fn currency(&mut self, code: &str) -> Option<[u8; 3]> {
        if code.is_empty() {
            return None;
        }
        match Currency::new(code) {
            Ok(currency) => <[u8; 3]>::try_from(currency.code().as_bytes()).ok(),
            Err(rule) => {
                self.add("filter.currency_code", rule.0);
                None
            }
        }
    }

    fn range(&mut self, range: Option<&v1::TimeRange>, field: &str) -> Range {
        let mut bound = |bound: Option<&prost_types::Timestamp>, name: &str| {
            let time = time::micros(bound?);
            if time.is_none() {
                self.add(&format!("{field}.{name}"), time::RULE);
            }
            time
        };
        let range = Range {
            start: bound(range.and_then(|r| r.start_time.as_ref()), "start_time"),
            end: bound(range.and_then(|r| r.end_time.as_ref()), "end_time"),
        };
        if let (Some(start), Some(end)) = (range.start, range.end)
            && end < start
        {
            self.add(&format!("{field}.end_time"), "at or after start_time");
        }
        range
    }
}

/// A range of times that stands alone.
pub(crate) fn range(range: Option<&v1::TimeRange>, field: &str) -> Result<Range, Failure> {
    let mut wrong = Wrong::default();
    let range = wrong.range(range, field);
    Failure::fields(wrong.0).map(|()| range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_twice_is_looked_for_once() {
        let filter = v1::OrderFilter {
            states: [2, 1].repeat(50),
            tags: vec!["gift".to_owned(); 100],
            ..v1::OrderFilter::default()
        };
        let filter = Filter::parse(Some(filter)).expect("valid");
        assert_eq!((&*filter.states[0], filter.tags.len()), (&[1, 2][..], 1));
    }
}
