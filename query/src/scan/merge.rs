//! Reads several stretches of an index as one.

use std::ops::Bound;

use read_model::keys::{self, Key, Parts};
use read_model::{Error, View};

use super::index::Index;
use super::{Budget, Entry};
use crate::filter::Range;
use crate::page::Cursor;

/// From where on, and which way.
#[derive(Clone, Copy, Default)]
pub(super) struct At<'a> {
    pub(super) descending: bool,
    /// Behind this order; `None` from the beginning.
    pub(super) cursor: Option<&'a Cursor>,
}

/// Several stretches of an index as one, by number and id, each order once.
pub(super) struct Merge<'a> {
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
    pub(super) fn new(view: &'a View, index: &Index, at: At<'_>) -> Self {
        let mut failed = None;
        let heads = index.stretches.iter().map(|prefix| {
            let mut rest = stretch(view, prefix, index.range, at);
            let next = rest.next().transpose();
            let next = next.unwrap_or_else(|error| {
                failed = Some(error);
                None
            });
            Head { next, rest }
        });
        Self {
            heads: heads.collect(),
            descending: at.descending,
            last: None,
            failed,
        }
    }

    /// Whether there is nothing more.
    pub(super) fn is_over(&self) -> bool {
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
    pub(super) fn next(&mut self, budget: &mut Budget) -> Option<Entry> {
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

/// One stretch, from behind the cursor on, within the range of its number.
fn stretch<'a>(
    view: &'a View,
    prefix: &[u8],
    range: Range,
    At { descending, cursor }: At<'_>,
) -> Box<dyn Iterator<Item = Entry> + 'a> {
    let number = |time: i64| Key::new(0).time(time).into_bytes().split_off(1);
    let with = |tail: &[u8]| [prefix, tail].concat();
    let mut low = match range.start {
        Some(start) => Bound::Included(with(&number(start))),
        None => Bound::Included(prefix.to_vec()),
    };
    let mut high = match range.end {
        Some(end) => Bound::Excluded(with(&number(end))),
        None => keys::after(prefix).map_or(Bound::Unbounded, Bound::Excluded),
    };
    if let Some(cursor) = cursor {
        let mark = with(&[&number(cursor.key)[..], cursor.id.as_bytes()].concat());
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
        // Past the prefix: the number, then the id.
        let mut parts = Parts::of(key.get(length.saturating_sub(1)..).unwrap_or_default());
        let time = parts
            .number()
            .and_then(|time| i64::try_from(time).ok())
            .unwrap_or(0);
        Ok((time, parts.rest().unwrap_or_default().to_owned(), value))
    };
    let entries = view.range((low, high));
    if descending {
        Box::new(entries.rev().map(entry))
    } else {
        Box::new(entries.map(entry))
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
