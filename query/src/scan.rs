//! Finds orders by an index: the one that fits the filter best, merged by time, residual predicates
//! on the cover, rows only where the cover cannot tell.

use std::ops::Bound;

use proto::row::Row;
use read_model::keys::{self, Key, Parts};
use read_model::{Cover, Error, View};

use crate::filter::{Filter, OrderBy, Sort};
use crate::page::Cursor;

/// Most index entries that one page looks at: some tens of milliseconds.
pub(crate) const MAX_ENTRIES: usize = 20_000;
/// Most bytes of rows that one page decodes to look at what no index entry covers: as long again.
const MAX_ROW_BYTES: usize = 64 << 20;
/// A count looks at this many times as much; it sends back nothing.
const COUNT_FACTOR: usize = 10;

/// Orders found: sort key and id, in the order asked for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) orders: Vec<Cursor>,
    /// Where the next page begins; `None` on the last.
    pub(crate) next: Option<Cursor>,
}

#[derive(Debug)]
pub(crate) enum Refused {
    View(Error),
    /// More entries than may be sorted.
    TooMany {
        index: &'static str,
    },
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::View(error)
    }
}

/// What a request may still look at.
struct Budget {
    entries: usize,
    row_bytes: usize,
}

impl Budget {
    const fn times(factor: usize) -> Self {
        Self {
            entries: MAX_ENTRIES * factor,
            row_bytes: MAX_ROW_BYTES * factor,
        }
    }

    const fn is_spent(&self) -> bool {
        self.entries == 0 || self.row_bytes == 0
    }

    const fn spend(&mut self, entries: usize, row_bytes: usize) {
        self.entries = self.entries.saturating_sub(entries);
        self.row_bytes = self.row_bytes.saturating_sub(row_bytes);
    }
}

type Entry = Result<(i64, String, Vec<u8>), Error>;

/// Finds up to `limit` orders after `cursor`.
pub(crate) fn find(
    view: &View,
    filter: &Filter,
    by: OrderBy,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Found, Refused> {
    match by.sort {
        Sort::Place => stream(view, filter, by.descending, cursor, limit),
        Sort::Create | Sort::Total => collect(view, filter, by, cursor, limit),
    }
}

/// The index gives the order asked for: read along it until the page is full.
fn stream(
    view: &View,
    filter: &Filter,
    descending: bool,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Found, Refused> {
    let mut found = Found::default();
    let mut budget = Budget::times(1);
    let mut entries = Merge::new(view, &Index::of(filter), filter, descending, cursor);
    while let Some(entry) = entries.next(&mut budget) {
        let (key, id, cover) = entry?;
        let at = Cursor { key, id };
        if matches(view, filter, &cover, &at.id, &mut budget)? {
            if found.orders.len() == limit {
                found.next = found.orders.last().cloned();
                return Ok(found);
            }
            found.orders.push(at.clone());
        }
        if budget.is_spent() {
            found.next = Some(at);
            return Ok(found);
        }
    }
    Ok(found)
}

/// The index gives another order: collect what matches, within the budget, and sort.
fn collect(
    view: &View,
    filter: &Filter,
    by: OrderBy,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Found, Refused> {
    let mut all = Vec::new();
    let mut budget = Budget::times(1);
    let index = Index::of(filter);
    let mut entries = Merge::new(view, &index, filter, false, None);
    while let Some(entry) = entries.next(&mut budget) {
        let (_, id, bytes) = entry?;
        if matches(view, filter, &bytes, &id, &mut budget)? {
            let cover = Cover::decode(&bytes);
            let key = cover.map_or(0, |cover| match by.sort {
                Sort::Total => cover.total,
                Sort::Place | Sort::Create => cover.create_time,
            });
            all.push(Cursor { key, id });
        }
        if budget.is_spent() && !entries.is_over() {
            return Err(Refused::TooMany { index: index.name });
        }
    }
    all.sort_unstable_by(|a, b| (a.key, &a.id).cmp(&(b.key, &b.id)));
    if by.descending {
        all.reverse();
    }
    let begin = cursor.map_or(0, |cursor| {
        all.partition_point(|at| !is_after((at.key, &at.id), cursor, by.descending))
    });
    let rest = all.len().saturating_sub(begin);
    let orders: Vec<Cursor> = all.into_iter().skip(begin).take(limit).collect();
    let next = if rest > limit {
        orders.last().cloned()
    } else {
        None
    };
    Ok(Found { orders, next })
}

fn is_after(at: (i64, &String), cursor: &Cursor, descending: bool) -> bool {
    let order = at.cmp(&(cursor.key, &cursor.id));
    if descending {
        order.is_lt()
    } else {
        order.is_gt()
    }
}

/// Counts up to `limit` orders; the second is whether there are more, or may be.
pub(crate) fn count(view: &View, filter: &Filter, limit: usize) -> Result<(usize, bool), Error> {
    let mut count = 0;
    let mut budget = Budget::times(COUNT_FACTOR);
    let mut entries = Merge::new(view, &Index::of(filter), filter, false, None);
    while let Some(entry) = entries.next(&mut budget) {
        let (_, id, cover) = entry?;
        if matches(view, filter, &cover, &id, &mut budget)? {
            if count == limit {
                return Ok((count, true));
            }
            count += 1;
        }
        if budget.is_spent() && !entries.is_over() {
            return Ok((count, true));
        }
    }
    Ok((count, false))
}

fn matches(
    view: &View,
    filter: &Filter,
    cover: &[u8],
    id: &str,
    budget: &mut Budget,
) -> Result<bool, Error> {
    if !Cover::decode(cover).is_some_and(|cover| filter.matches(&cover)) {
        return Ok(false);
    }
    if !filter.needs_row() {
        return Ok(true);
    }
    let Some(bytes) = view.get(&keys::row(id))? else {
        return Ok(false);
    };
    budget.spend(0, bytes.len());
    Ok(Row::decode(&bytes).is_ok_and(|row| filter.matches_row(&row.order)))
}

/// The index that fits a filter best, as stretches of keys: each is ordered by time and id on its
/// own.
struct Index {
    name: &'static str,
    stretches: Vec<Vec<u8>>,
}

impl Index {
    fn of(filter: &Filter) -> Self {
        let [states, payments, fulfillments, _] = &filter.states;
        let name = if !filter.customers.is_empty() {
            "customers"
        } else if !filter.references.is_empty() {
            "references"
        } else if !filter.tags.is_empty() {
            "tags"
        } else if filter.on_hold == Some(true) {
            "holds"
        } else if states.is_empty() && payments.is_empty() && fulfillments.is_empty() {
            "place times"
        } else {
            "states"
        };
        let stretches = prefixes(filter);
        Self { name, stretches }
    }
}

fn prefixes(filter: &Filter) -> Vec<Vec<u8>> {
    let texts = |prefix: u8, texts: &[String]| {
        texts
            .iter()
            .map(|text| Key::new(prefix).text(text).into_bytes())
            .collect()
    };
    if !filter.customers.is_empty() {
        return texts(keys::CUSTOMER, &filter.customers);
    }
    if !filter.references.is_empty() {
        return texts(keys::REFERENCE, &filter.references);
    }
    if !filter.tags.is_empty() {
        return texts(keys::TAG, &filter.tags);
    }
    if filter.on_hold == Some(true) {
        let holds = (0..5).map(|bit| Key::new(keys::HOLD).byte(1 << bit).into_bytes());
        return holds.collect();
    }
    let [states, payments, fulfillments, _] = &filter.states;
    if states.is_empty() && payments.is_empty() && fulfillments.is_empty() {
        return vec![vec![keys::PLACED], vec![keys::NEVER_PLACED]];
    }
    let all = |wanted: &[u8], count: u8| -> Vec<u8> {
        if wanted.is_empty() {
            (1..=count).collect()
        } else {
            wanted.to_vec()
        }
    };
    let mut keys = Vec::new();
    for state in all(states, 4) {
        for payment in all(payments, 8) {
            for fulfillment in all(fulfillments, 5) {
                let key = Key::new(keys::STATES)
                    .byte(state)
                    .byte(payment)
                    .byte(fulfillment);
                keys.push(key.into_bytes());
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Several stretches of an index as one, by time and id, each order once.
struct Merge<'a> {
    heads: Vec<Head<'a>>,
    descending: bool,
    last: Option<(i64, String)>,
    /// A stretch that could not be begun: without it the rest would be wrong.
    failed: Option<Error>,
}

struct Head<'a> {
    next: Option<(i64, String, Vec<u8>)>,
    rest: Box<dyn Iterator<Item = Entry> + 'a>,
}

impl<'a> Merge<'a> {
    fn new(
        view: &'a View,
        index: &Index,
        filter: &Filter,
        descending: bool,
        cursor: Option<&Cursor>,
    ) -> Self {
        let mut failed = None;
        let heads = index.stretches.iter().map(|prefix| {
            let mut rest = stretch(view, prefix, filter, descending, cursor);
            let next = rest.next().transpose();
            let next = next.unwrap_or_else(|error| {
                failed = Some(error);
                None
            });
            Head { next, rest }
        });
        Self {
            heads: heads.collect(),
            descending,
            last: None,
            failed,
        }
    }

    /// Whether there is nothing more.
    fn is_over(&self) -> bool {
        self.failed.is_none() && self.heads.iter().all(|head| head.next.is_none())
    }

    /// The head that comes first.
    fn first(&self) -> Option<usize> {
        let at = |index: usize| {
            let (time, id, _) = self.heads.get(index)?.next.as_ref()?;
            Some((*time, id))
        };
        let filled = (0..self.heads.len()).filter(|&index| at(index).is_some());
        if self.descending {
            filled.max_by_key(|&i| at(i))
        } else {
            filled.min_by_key(|&i| at(i))
        }
    }

    /// The next order. Every entry read is paid for, also when it is one more of an order that was
    /// seen.
    fn next(&mut self, budget: &mut Budget) -> Option<Entry> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        loop {
            let index = self.first()?;
            let head = self.heads.get_mut(index)?;
            let (time, id, cover) = head.next.take()?;
            budget.spend(1, 0);
            match head.rest.next() {
                Some(Ok(entry)) => head.next = Some(entry),
                Some(Err(error)) => return Some(Err(error)),
                None => {}
            }
            // An order with two of the wanted tags or holds stands in two stretches.
            let seen = self.last.as_ref();
            if seen.is_some_and(|(t, i)| *t == time && *i == id) {
                continue;
            }
            self.last = Some((time, id.clone()));
            return Some(Ok((time, id, cover)));
        }
    }
}

/// One stretch, from behind the cursor on. A range of place times bounds it, for it holds no order
/// of another time.
fn stretch<'a>(
    view: &'a View,
    prefix: &[u8],
    filter: &Filter,
    descending: bool,
    cursor: Option<&Cursor>,
) -> Box<dyn Iterator<Item = Entry> + 'a> {
    let at = |time: i64| Key::new(0).time(time).into_bytes().split_off(1);
    let with = |tail: &[u8]| [prefix, tail].concat();
    let mut low = match filter.place_time.start {
        Some(start) => Bound::Included(with(&at(start))),
        None => Bound::Included(prefix.to_vec()),
    };
    let mut high = match filter.place_time.end {
        Some(end) => Bound::Excluded(with(&at(end))),
        None => keys::after(prefix).map_or(Bound::Unbounded, Bound::Excluded),
    };
    if let Some(cursor) = cursor {
        let mark = with(&[&at(cursor.key)[..], cursor.id.as_bytes()].concat());
        if descending {
            high = Bound::Excluded(mark);
        } else {
            low = Bound::Excluded(mark);
        }
    }
    if is_empty(&low, &high) {
        return Box::new(std::iter::empty());
    }
    let length = prefix.len();
    let entry = move |entry: Result<(_, _), Error>| {
        let (key, value): (Vec<u8>, Vec<u8>) = entry?;
        // Past the prefix: the time, then the id.
        let mut parts = Parts::of(key.get(length.saturating_sub(1)..).unwrap_or_default());
        let time = parts
            .number()
            .and_then(|time| i64::try_from(time).ok())
            .unwrap_or(0);
        Ok((time, parts.rest().unwrap_or_default().to_owned(), value))
    };
    let range = view
        .range((low, high))
        .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
    if descending {
        Box::new(range.rev().map(entry))
    } else {
        Box::new(range.map(entry))
    }
}

/// sled panics on a range that ends before it begins.
fn is_empty(low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Excluded(high)) => low >= high,
        (Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
        _ => false,
    }
}
