//! The rule book on composing: create, edit, place.

use std::collections::BTreeSet;

use order::command::{self, Create, Edit, EditAction, NewLine, Place};
use order::event::{Discount, LineAdded, OrderCreated, OrderPlaced, PlacedLine, Shipping};
use order::value::{Amount, LineId, Money, PaymentTerms};
use order::{Event, Moment, Rejection};

use super::{Answer, assigned, invalid};
use crate::abacus::Cost;
use crate::sequence::ledger::Draft;
use crate::word;

pub(super) fn create(create: &Create, at: Moment) -> Answer {
    let created = OrderCreated {
        channel: create.channel.clone(),
        currency: create.currency,
        prices_include_tax: create.prices_include_tax,
        terms: create.terms,
        customer: create.customer.clone(),
        related_order_id: create.related_order_id.clone(),
        tags: create.tags.clone(),
        metadata: create.metadata.clone(),
    };
    let mut desk = Desk::new(Draft::new(&created), create.lines.iter());
    desk.answer
        .events
        .push(Event::OrderCreated(Box::new(created)));
    for (what, count, limit) in [
        ("tags", create.tags.len(), 50),
        ("metadata pairs", create.metadata.len(), 50),
        ("lines", create.lines.len(), 2_000),
    ] {
        desk.answer
            .refuse_if(count > limit, || limit_exceeded(what, limit));
    }
    for (index, line) in create.lines.iter().enumerate() {
        desk.add_line(line, &format!("lines[{index}]"));
    }
    if let Some(shipping) = &create.shipping {
        desk.set_shipping(shipping, "shipping");
    }
    if !create.discounts.is_empty() {
        desk.set_discounts(&create.discounts);
    }
    let Desk {
        draft, mut answer, ..
    } = desk.priced();
    if let Some(agreed) = create
        .place
        .as_ref()
        .filter(|_| answer.objections.is_empty())
    {
        let placed = place(&draft, agreed, at, "place.");
        answer.events.extend(placed.events);
        answer.objections.extend(placed.objections);
    }
    answer
}

pub(super) fn edit(draft: &Draft, edit: &Edit) -> Answer {
    let brought = edit.actions.iter().filter_map(|action| match action {
        EditAction::AddLine(line) => Some(line),
        EditAction::SetQuantity { .. }
        | EditAction::RemoveLine { .. }
        | EditAction::SetShipping(_)
        | EditAction::SetDiscounts(_)
        | EditAction::SetCustomer(_) => None,
    });
    let mut desk = Desk::new(draft.clone(), brought);
    for (index, action) in edit.actions.iter().enumerate() {
        match action {
            EditAction::AddLine(line) => desk.add_line(line, &format!("actions[{index}].add_line")),
            EditAction::SetQuantity { line_id, quantity } => desk.on_line(
                line_id,
                Event::LineQuantitySet {
                    line_id: line_id.clone(),
                    quantity: *quantity,
                },
            ),
            EditAction::RemoveLine { line_id } => desk.on_line(
                line_id,
                Event::LineRemoved {
                    line_id: line_id.clone(),
                },
            ),
            EditAction::SetShipping(shipping) => {
                desk.set_shipping(shipping, &format!("actions[{index}].set_shipping"));
            }
            EditAction::SetDiscounts(discounts) => desk.set_discounts(discounts),
            EditAction::SetCustomer(customer) => desk.push(Event::CustomerSet {
                customer: customer.clone(),
            }),
        }
    }
    desk.priced().answer
}

pub(super) fn place(draft: &Draft, place: &Place, at: Moment, prefix: &str) -> Answer {
    let mut answer = Answer::default();
    let (costs, shipping) = draft.costs();
    let total = total(&costs, shipping);
    let due = place.payment_due_time;
    let late_or_odd = due.is_some_and(|due| due <= at.now || draft.terms != PaymentTerms::Prepaid);
    answer.refuse_if(draft.articles.is_empty(), || Rejection::OrderEmpty);
    answer.refuse_if(late_or_odd, || {
        invalid(&format!("{prefix}payment_due_time"))
    });
    if let Some(expected) = place.expected_total {
        let field = format!("{prefix}expected_total");
        answer.objections.extend(foreign(draft, expected, &field));
        let actual = word::amount(total);
        answer.refuse_if(expected.amount != actual, || Rejection::TotalMismatch {
            expected: expected.amount,
            actual,
        });
    }
    let lines = draft.articles.iter().zip(&costs);
    let placed = lines.map(|(article, cost)| PlacedLine {
        line_id: article.line_id.clone(),
        discount: word::amount(cost.discount),
        tax: word::amount(cost.tax),
        total: word::amount(cost.total),
    });
    answer.events.push(Event::OrderPlaced(Box::new(OrderPlaced {
        lines: placed.collect(),
        shipping_total: word::amount(shipping.total),
        shipping_tax: word::amount(shipping.tax),
        placed_total: word::amount(total),
        payment_due_time: due,
    })));
    answer
}

fn total(costs: &[Cost], shipping: Cost) -> i128 {
    costs.iter().map(|cost| cost.total).sum::<i128>() + shipping.total
}

fn limit_exceeded(what: &'static str, limit: usize) -> Rejection {
    Rejection::LimitExceeded {
        what,
        limit: limit.try_into().expect("small"),
    }
}

fn foreign(draft: &Draft, money: Money, field: &str) -> Option<Rejection> {
    (money.currency != draft.currency).then(|| Rejection::CurrencyMismatch {
        field: field.to_owned(),
        expected: draft.currency,
        actual: money.currency,
    })
}

/// A draft being worked on: actions apply in order, up to the first objection.
struct Desk {
    draft: Draft,
    answer: Answer,
    /// Line ids that the request brings.
    brought: BTreeSet<LineId>,
}

impl Desk {
    fn new<'a>(draft: Draft, lines: impl Iterator<Item = &'a NewLine>) -> Self {
        Self {
            draft,
            answer: Answer::default(),
            brought: lines.filter_map(|line| line.line_id.clone()).collect(),
        }
    }

    /// Writes an event, unless something was objected or nothing changes.
    fn push(&mut self, event: Event) {
        let before = self.draft.clone();
        if self.answer.objections.is_empty() {
            self.draft.note(&event);
        }
        if self.draft != before {
            self.answer.events.push(event);
        }
    }

    fn object(&mut self, rejection: Option<Rejection>) {
        if self.answer.objections.is_empty() {
            self.answer.objections.extend(rejection);
        }
    }

    fn on_line(&mut self, line_id: &LineId, event: Event) {
        let unknown = self.draft.index(line_id).is_none();
        self.object(unknown.then(|| Rejection::LineNotFound(line_id.clone())));
        self.push(event);
    }

    fn add_line(&mut self, line: &NewLine, field: &str) {
        let field = format!("{field}.unit_price");
        self.object(foreign(&self.draft, line.unit_price, &field));
        let full = self.draft.articles.len() >= 2_000;
        self.object(full.then(|| limit_exceeded("lines", 2_000)));
        let taken = |name: &str| {
            let line_id = word::line_id(name);
            self.draft.index(&line_id).is_some() || self.brought.contains(&line_id)
        };
        let added = usize::try_from(self.draft.added).expect("small");
        let line_id = line.line_id.clone();
        let line_id = line_id.unwrap_or_else(|| word::line_id(&assigned("L", added, taken)));
        let known = self.draft.index(&line_id).is_some();
        self.object(known.then(|| Rejection::LineExists(line_id.clone())));
        self.push(Event::LineAdded(LineAdded {
            line_id,
            sku: line.sku.clone(),
            title: line.title.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price.amount,
            tax_rate: line.tax_rate,
        }));
    }

    fn set_shipping(&mut self, shipping: &command::Shipping, field: &str) {
        let field = format!("{field}.price");
        self.object(foreign(&self.draft, shipping.price, &field));
        self.push(Event::ShippingSet(Shipping {
            method: shipping.method.clone(),
            price: shipping.price.amount,
            tax_rate: shipping.tax_rate,
            destination: shipping.destination.clone(),
        }));
    }

    fn set_discounts(&mut self, discounts: &[command::Discount]) {
        let given: Vec<_> = discounts.iter().map(|d| d.discount_id.clone()).collect();
        let mut named: Vec<Discount> = Vec::with_capacity(discounts.len());
        for (index, discount) in discounts.iter().enumerate() {
            for line_id in &discount.line_ids {
                let unknown = self.draft.index(line_id).is_none();
                self.object(unknown.then(|| Rejection::LineNotFound(line_id.clone())));
            }
            let twice = given[index].is_some() && given[..index].contains(&given[index]);
            let field = format!("discounts[{index}].discount_id");
            self.object(twice.then(|| invalid(&field)));
            let taken = |name: &str| {
                let id = word::discount_id(name);
                named.iter().any(|d| d.discount_id == id) || given.contains(&Some(id))
            };
            let id = given[index].clone();
            let id = id.unwrap_or_else(|| word::discount_id(&assigned("D", index, taken)));
            named.push(Discount {
                discount_id: id,
                label: discount.label.clone(),
                line_ids: discount.line_ids.clone(),
                value: discount.value,
            });
        }
        self.push(Event::DiscountsSet { discounts: named });
    }

    /// Objects to a draft that nobody could pay for.
    fn priced(mut self) -> Self {
        let (costs, shipping) = self.draft.costs();
        let parts = |cost: &Cost| [cost.base, cost.discount, cost.tax, cost.total];
        let goods = costs.iter().map(|cost| cost.base).sum();
        let mut largest = vec![goods, total(&costs, shipping)];
        largest.extend(costs.iter().chain([&shipping]).flat_map(parts));
        let limit = Amount::LIMIT.unsigned_abs();
        let too_large = largest.iter().any(|&part| part > i128::from(limit));
        self.object(too_large.then_some(Rejection::LimitExceeded {
            what: "minor units of an amount",
            limit,
        }));
        self
    }
}
