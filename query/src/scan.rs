//! Finds orders by an index: residual predicates on the cover, rows only where no cover can tell.
//!
//! An index that fits the filter gives orders by place time. For another sort order what it gives is
//! collected and sorted, as far as the budget goes; beyond, the index of that sort order is read and
//! the filter is tested order by order. Both give the same pages.

mod index;
mod merge;

use proto::row::{Row, Stored};
use read_model::{Cover, Error, View, keys};

use crate::failure::Failure;
use crate::filter::Filter;
use crate::page::Cursor;
use crate::served::damaged;
use crate::sort::{OrderBy, Sort};
use crate::wire;
use index::Index;
use merge::{At, Merge};

/// Most index entries that one page looks at: some tens of milliseconds.
pub(crate) const MAX_ENTRIES: usize = 20_000;
/// Most bytes of rows that one page looks into: as long again.
const MAX_ROW_BYTES: usize = 64 << 20;
/// A row that is decoded costs about as much as this many that are only looked into.
const DECODING: usize = 4;
/// A count looks at this many times as much; it sends back nothing.
const COUNT_FACTOR: usize = 10;

/// Orders found: sort key and id, in the order asked for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) orders: Vec<Cursor>,
    /// Where the next page begins; `None` on the last.
    pub(crate) next: Option<Cursor>,
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
) -> Result<Found, Failure> {
    let index = match Index::of(filter) {
        Some(index) if by.sort == Sort::Place => index,
        Some(index) => match collect(view, filter, &index, by)? {
            Some(all) => return Ok(page(all, by, cursor, limit)),
            None => Index::by(by.sort, view, filter)?,
        },
        None => Index::by(by.sort, view, filter)?,
    };
    stream(view, filter, &index, (by.descending, cursor, limit))
}

/// Reads along an index that gives the order asked for, until the page is full.
fn stream(
    view: &View,
    filter: &Filter,
    index: &Index,
    (descending, cursor, limit): (bool, Option<&Cursor>, usize),
) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut budget = Budget::times(1);
    let mut entries = Merge::new(view, index, At { descending, cursor });
    while let Some(entry) = entries.next(&mut budget) {
        let (key, id, cover) = entry?;
        let at = Cursor { key, id };
        if matches(view, filter, index, (&cover, &at.id), &mut budget)? {
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

/// All that matches, with the keys of another sort order; `None` when that is too much.
fn collect(
    view: &View,
    filter: &Filter,
    index: &Index,
    by: OrderBy,
) -> Result<Option<Vec<Cursor>>, Failure> {
    let mut all = Vec::new();
    let mut budget = Budget::times(1);
    let mut entries = Merge::new(view, index, At::default());
    while let Some(entry) = entries.next(&mut budget) {
        let (time, id, cover) = entry?;
        if matches(view, filter, index, (&cover, &id), &mut budget)? {
            let cover = decode(view, &cover)?;
            let key = match by.sort {
                Sort::Place => Some(time),
                Sort::Create => Some(cover.create_time),
                Sort::Total => Some(cover.total),
                Sort::Update => update_time(view, &id, &mut budget)?,
            };
            all.extend(key.map(|key| Cursor { key, id }));
        }
        if budget.is_spent() && !entries.is_over() {
            return Ok(None);
        }
    }
    Ok(Some(all))
}

/// One page of what was collected.
fn page(mut all: Vec<Cursor>, by: OrderBy, cursor: Option<&Cursor>, limit: usize) -> Found {
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
    Found { orders, next }
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
pub(crate) fn count(view: &View, filter: &Filter, limit: usize) -> Result<(usize, bool), Failure> {
    let mut count = 0;
    let mut budget = Budget::times(COUNT_FACTOR);
    let index = match Index::of(filter) {
        Some(index) => index,
        None => Index::by(Sort::Place, view, filter)?,
    };
    let mut entries = Merge::new(view, &index, At::default());
    while let Some(entry) = entries.next(&mut budget) {
        let (_, id, cover) = entry?;
        if matches(view, filter, &index, (&cover, &id), &mut budget)? {
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

/// Whether the order of an index entry matches.
fn matches(
    view: &View,
    filter: &Filter,
    index: &Index,
    (cover, id): (&[u8], &str),
    budget: &mut Budget,
) -> Result<bool, Failure> {
    if filter.is_empty() {
        return Ok(true);
    }
    let covers = !cover.is_empty();
    if covers && !filter.matches(&decode(view, cover)?) {
        return Ok(false);
    }
    if covers && !index.needs_row(filter) {
        return Ok(true);
    }
    // The order may be gone from the index since: then its row tells.
    let Some(bytes) = view.get(&keys::row(id))? else {
        return Ok(false);
    };
    if covers {
        budget.spend(0, bytes.len());
        let row = Stored::of(&bytes).and_then(|row| filter.matches_row(&row));
        return row.map_err(|error| damaged(view, &error));
    }
    budget.spend(0, bytes.len() * DECODING);
    let row = Row::decode(&bytes).map_err(|error| damaged(view, &error))?;
    Ok(filter.matches_order(&row.order_id, &row.order))
}

fn decode(view: &View, cover: &[u8]) -> Result<Cover, Failure> {
    Cover::decode(cover).ok_or_else(|| damaged(view, &"an index entry is no cover"))
}

/// When an order changed last; `None` when it has no row.
fn update_time(view: &View, id: &str, budget: &mut Budget) -> Result<Option<i64>, Failure> {
    let Some(bytes) = view.get(&keys::row(id))? else {
        return Ok(None);
    };
    budget.spend(0, bytes.len());
    let row = Stored::of(&bytes).map_err(|error| damaged(view, &error))?;
    Ok(Some(wire::update_time(row.order)))
}
