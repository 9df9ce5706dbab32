//! Which orders, and in which order: requests parsed, and checked against a cover.

use order::Order;
use order::value::{Channel, Currency, CustomerId, Sku, Tag};
use proto::v1;
use read_model::Cover;
use tonic::Status;

use crate::{fault, time};

/// Most values of one repeated field.
const MAX_VALUES: usize = 100;

/// A filter whose values are valid. Empty lists let everything pass.
#[derive(Debug, Default)]
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
    pub(crate) channels: Vec<String>,
    pub(crate) on_hold: Option<bool>,
}

/// Start inclusive, end exclusive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Range {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

impl Range {
    fn holds(self, value: i64) -> bool {
        self.start.is_none_or(|start| start <= value) && self.end.is_none_or(|end| value < end)
    }

    fn is_open(self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

/// What a list is sorted by; ties by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Place,
    Create,
    Total,
}

/// A sort key and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderBy {
    pub(crate) sort: Sort,
    pub(crate) descending: bool,
}

impl OrderBy {
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        let mut words = text.split_ascii_whitespace();
        let sort = match words.next() {
            None => {
                return Ok(Self {
                    sort: Sort::Place,
                    descending: true,
                });
            }
            Some("place_time") => Sort::Place,
            Some("create_time") => Sort::Create,
            Some("total") => Sort::Total,
            Some(_) => return Err(unsupported()),
        };
        let descending = match (words.next(), words.next()) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err(unsupported()),
        };
        Ok(Self { sort, descending })
    }
}

fn unsupported() -> Status {
    let rule = "place_time, create_time or total, with asc or desc";
    fault::invalid("ORDER_BY_UNSUPPORTED", "order_by", rule)
}

impl Filter {
    pub(crate) fn parse(filter: Option<v1::OrderFilter>) -> Result<Self, Status> {
        let filter = filter.unwrap_or_default();
        let total = Range {
            start: filter.min_total_minor_units,
            end: filter
                .max_total_minor_units
                .map(|max| max.saturating_add(1)),
        };
        if !total.is_open() && filter.currency_code.is_empty() {
            let rule =
                "given with a range of totals; amounts of different currencies do not compare";
            return Err(fault::field("filter.currency_code", rule));
        }
        let currency = match filter.currency_code.as_str() {
            "" => None,
            code => {
                let currency = Currency::new(code)
                    .map_err(|rule| fault::field("filter.currency_code", rule.0))?;
                <[u8; 3]>::try_from(currency.code().as_bytes()).ok()
            }
        };
        Ok(Self {
            states: [
                numbers::<v1::OrderState>(&filter.states, "filter.states")?,
                numbers::<v1::PaymentState>(&filter.payment_states, "filter.payment_states")?,
                numbers::<v1::FulfillmentState>(
                    &filter.fulfillment_states,
                    "filter.fulfillment_states",
                )?,
                numbers::<v1::ReturnState>(&filter.return_states, "filter.return_states")?,
            ],
            customers: texts(filter.customer_ids, "filter.customer_ids", |text| {
                CustomerId::new(text).map(|_| ()).map_err(|rule| rule.0)
            })?,
            place_time: range(filter.place_time.as_ref(), "filter.place_time")?,
            update_time: range(filter.update_time.as_ref(), "filter.update_time")?,
            skus: texts(filter.skus, "filter.skus", |text| {
                Sku::new(text).map(|_| ()).map_err(|rule| rule.0)
            })?,
            tags: texts(filter.tags, "filter.tags", |text| {
                Tag::new(text).map(|_| ()).map_err(|rule| rule.0)
            })?,
            channels: texts(filter.channels, "filter.channels", |text| {
                Channel::new(text).map(|_| ()).map_err(|rule| rule.0)
            })?,
            on_hold: filter.on_hold,
            currency,
            total,
        })
    }

    /// What a cover can tell. Customers and tags are told by the index or by the row.
    pub(crate) fn matches(&self, cover: &Cover) -> bool {
        let one_of = |wanted: &[u8], state: u8| wanted.is_empty() || wanted.contains(&state);
        self.states
            .iter()
            .zip(cover.states)
            .all(|(wanted, state)| one_of(wanted, state))
            && (self.place_time.is_open()
                || (cover.place_time != 0 && self.place_time.holds(cover.place_time)))
            && self.update_time.holds(cover.update_time)
            && self
                .currency
                .is_none_or(|currency| currency == cover.currency)
            && self.total.holds(cover.total)
            && (self.channels.is_empty() || self.channels.contains(&cover.channel))
            && self.on_hold.is_none_or(|held| held == (cover.holds != 0))
    }

    /// Whether the row must be looked at to know.
    pub(crate) fn needs_row(&self) -> bool {
        !self.skus.is_empty() || (!self.tags.is_empty() && !self.customers.is_empty())
    }

    /// What only the row can tell.
    pub(crate) fn matches_row(&self, order: &Order) -> bool {
        let sku = |wanted: &String| order.lines.iter().any(|line| line.sku.as_str() == wanted);
        let tag = |wanted: &String| order.tags.iter().any(|tag| tag.as_str() == wanted);
        (self.skus.is_empty() || self.skus.iter().any(sku))
            && (self.tags.is_empty() || self.tags.iter().any(tag))
    }
}

fn numbers<E: TryFrom<i32>>(values: &[i32], field: &str) -> Result<Vec<u8>, Status> {
    if values.len() > MAX_VALUES {
        return Err(fault::field(field, "at most 100 values"));
    }
    let number = |(index, &value): (usize, &i32)| {
        let known = value != 0 && E::try_from(value).is_ok();
        u8::try_from(value).ok().filter(|_| known).ok_or_else(|| {
            fault::field(
                &format!("{field}[{index}]"),
                "a value of its enumeration, not UNSPECIFIED",
            )
        })
    };
    values.iter().enumerate().map(number).collect()
}

fn texts(
    mut values: Vec<String>,
    field: &str,
    check: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<Vec<String>, Status> {
    if values.len() > MAX_VALUES {
        return Err(fault::field(field, "at most 100 values"));
    }
    for (index, value) in values.iter().enumerate() {
        check(value).map_err(|rule| fault::field(&format!("{field}[{index}]"), rule))?;
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

pub(crate) fn range(range: Option<&v1::TimeRange>, field: &str) -> Result<Range, Status> {
    let Some(range) = range else {
        return Ok(Range::default());
    };
    let bound = |bound: Option<&prost_types::Timestamp>, name: &str| {
        bound
            .map(|time| time::micros(time, &format!("{field}.{name}")))
            .transpose()
    };
    let range = Range {
        start: bound(range.start_time.as_ref(), "start_time")?,
        end: bound(range.end_time.as_ref(), "end_time")?,
    };
    match (range.start, range.end) {
        (Some(start), Some(end)) if end < start => Err(fault::field(
            &format!("{field}.end_time"),
            "at or after start_time",
        )),
        _ => Ok(range),
    }
}
