//! Create, edit, place.

use std::collections::HashSet;

use super::{MAX_LINES, MAX_TAGS, Moment, in_currency, invalid, ordinal};
use crate::command::{self, Create, Edit, EditAction, NewLine, Place};
use crate::event::{Discount, LineAdded, OrderCreated, OrderPlaced, PlacedLine, Shipping};
use crate::state::Order;
use crate::value::{
    Amount, Currency, DiscountId, InvalidValue, LineId, Money, PaymentTerms, Timestamp,
};
use crate::{Event, Rejection, evolve};

pub(super) fn create(create: &Create, at: Moment) -> Result<Vec<Event>, Rejection> {
    let created = Event::OrderCreated(Box::new(OrderCreated {
        channel: create.channel.clone(),
        currency: create.currency,
        prices_include_tax: create.prices_include_tax,
        terms: create.terms,
        customer: create.customer.clone(),
        related_order_id: create.related_order_id.clone(),
        tags: create.tags.clone(),
        metadata: create.metadata.clone(),
    }));
    check_limit("tags", create.tags.len(), MAX_TAGS)?;
    check_limit("metadata pairs", create.metadata.len(), MAX_TAGS)?;
    check_limit("lines", create.lines.len(), MAX_LINES)?;
    let mut draft = Draft::new(created, at.occur_time);
    let mut names = Names::reserving(create.lines.iter());
    for (index, line) in create.lines.iter().enumerate() {
        draft.add_line(line, &mut names, &format!("lines[{index}]"))?;
    }
    if let Some(shipping) = &create.shipping {
        draft.set_shipping(shipping, "shipping")?;
    }
    if !create.discounts.is_empty() {
        draft.set_discounts(&create.discounts)?;
    }
    draft.check_total()?;
    if let Some(place) = &create.place {
        let placed = draft
            .order
            .as_ref()
            .map(|order| self::place(order, place, at, "place."));
        draft.events.extend(placed.transpose()?.unwrap_or_default());
    }
    Ok(draft.events)
}

pub(super) fn edit(order: &Order, edit: &Edit, at: Moment) -> Result<Vec<Event>, Rejection> {
    let mut draft = Draft {
        order: Some(order.clone()),
        events: Vec::new(),
        occur_time: at.occur_time,
    };
    let added = edit.actions.iter().filter_map(|action| match action {
        EditAction::AddLine(line) => Some(line),
        EditAction::SetQuantity { .. }
        | EditAction::RemoveLine { .. }
        | EditAction::SetShipping(_)
        | EditAction::SetDiscounts(_)
        | EditAction::SetCustomer(_) => None,
    });
    let mut names = Names::reserving(added);
    names
        .present
        .extend(order.lines.iter().map(|line| line.line_id.clone()));
    for (index, action) in edit.actions.iter().enumerate() {
        let field = format!("actions[{index}]");
        match action {
            EditAction::AddLine(line) => {
                draft.add_line(line, &mut names, &format!("{field}.add_line"))?;
            }
            EditAction::SetQuantity { line_id, quantity } => {
                if draft.line(line_id)?.quantity != *quantity {
                    let (line_id, quantity) = (line_id.clone(), *quantity);
                    draft.push(Event::LineQuantitySet { line_id, quantity });
                }
            }
            EditAction::RemoveLine { line_id } => {
                draft.line(line_id)?;
                names.present.remove(line_id);
                draft.push(Event::LineRemoved {
                    line_id: line_id.clone(),
                });
            }
            EditAction::SetShipping(shipping) => {
                draft.set_shipping(shipping, &format!("{field}.set_shipping"))?;
            }
            EditAction::SetDiscounts(discounts) => draft.set_discounts(discounts)?,
            EditAction::SetCustomer(customer) => {
                if draft
                    .order
                    .as_ref()
                    .is_some_and(|order| order.customer != *customer)
                {
                    draft.push(Event::CustomerSet {
                        customer: customer.clone(),
                    });
                }
            }
        }
    }
    draft.check_total()?;
    Ok(draft.events)
}

pub(super) fn place(
    order: &Order,
    place: &Place,
    at: Moment,
    prefix: &str,
) -> Result<Vec<Event>, Rejection> {
    if order.lines.is_empty() {
        return Err(Rejection::OrderEmpty);
    }
    check_due_time(order, place, at, prefix)?;
    let pricing = order.pricing().map_err(|_too_large| too_large())?;
    if let Some(expected) = place.expected_total {
        let expected = in_currency(order, expected, &format!("{prefix}expected_total"))?;
        if expected != pricing.total {
            return Err(Rejection::TotalMismatch {
                expected,
                actual: pricing.total,
            });
        }
    }
    let lines = order
        .lines
        .iter()
        .zip(&pricing.lines)
        .map(|(line, price)| PlacedLine {
            line_id: line.line_id.clone(),
            discount: price.discount,
            tax: price.tax,
            total: price.total,
        });
    Ok(vec![Event::OrderPlaced(Box::new(OrderPlaced {
        lines: lines.collect(),
        shipping_total: pricing.shipping.total,
        shipping_tax: pricing.shipping.tax,
        placed_total: pricing.total,
        payment_due_time: place.payment_due_time,
    }))])
}

fn check_due_time(order: &Order, place: &Place, at: Moment, prefix: &str) -> Result<(), Rejection> {
    let field = format!("{prefix}payment_due_time");
    match place.payment_due_time {
        None => Ok(()),
        Some(_) if order.terms != PaymentTerms::Prepaid => {
            Err(invalid(&field, "absent unless payment_terms is PREPAID"))
        }
        Some(due) if due <= at.now => Err(invalid(&field, "in the future")),
        Some(_) => Ok(()),
    }
}

/// A draft that grows with its events.
struct Draft {
    order: Option<Order>,
    events: Vec<Event>,
    occur_time: Timestamp,
}

impl Draft {
    fn new(created: Event, occur_time: Timestamp) -> Self {
        let mut draft = Self {
            order: None,
            events: Vec::new(),
            occur_time,
        };
        draft.push(created);
        draft
    }

    fn push(&mut self, event: Event) {
        evolve(&mut self.order, &event, self.occur_time);
        self.events.push(event);
    }

    fn currency(&self) -> Option<Currency> {
        self.order.as_ref().map(|order| order.currency)
    }

    fn amount(&self, money: Money, field: &str) -> Result<Amount, Rejection> {
        match self.currency() {
            Some(expected) if expected != money.currency => Err(Rejection::CurrencyMismatch {
                field: field.to_owned(),
                expected,
                actual: money.currency,
            }),
            Some(_) | None => Ok(money.amount),
        }
    }

    fn line(&self, line_id: &LineId) -> Result<&crate::state::Line, Rejection> {
        let found = self.order.as_ref().and_then(|order| order.line(line_id));
        found.ok_or_else(|| Rejection::LineNotFound(line_id.clone()))
    }

    fn add_line(
        &mut self,
        line: &NewLine,
        names: &mut Names,
        field: &str,
    ) -> Result<(), Rejection> {
        let unit_price = self.amount(line.unit_price, &format!("{field}.unit_price"))?;
        let order = self.order.as_ref();
        let count = order.map_or(0, |order| order.lines.len()).saturating_add(1);
        check_limit("lines", count, MAX_LINES)?;
        let line_id = names.name(line, order.map_or(0, |order| order.ordinals.lines))?;
        self.push(Event::LineAdded(LineAdded {
            line_id,
            sku: line.sku.clone(),
            title: line.title.clone(),
            quantity: line.quantity,
            unit_price,
            tax_rate: line.tax_rate,
        }));
        Ok(())
    }

    fn set_shipping(&mut self, shipping: &command::Shipping, field: &str) -> Result<(), Rejection> {
        let shipping = Shipping {
            method: shipping.method.clone(),
            price: self.amount(shipping.price, &format!("{field}.price"))?,
            tax_rate: shipping.tax_rate,
            destination: shipping.destination.clone(),
        };
        let current = self
            .order
            .as_ref()
            .and_then(|order| order.shipping.as_ref());
        if current != Some(&shipping) {
            self.push(Event::ShippingSet(shipping));
        }
        Ok(())
    }

    fn set_discounts(&mut self, discounts: &[command::Discount]) -> Result<(), Rejection> {
        let mut taken: HashSet<DiscountId> = discounts
            .iter()
            .filter_map(|discount| discount.discount_id.clone())
            .collect();
        let mut given = HashSet::new();
        let mut named = Vec::with_capacity(discounts.len());
        for (index, discount) in discounts.iter().enumerate() {
            for line_id in &discount.line_ids {
                self.line(line_id)?;
            }
            let discount_id = match &discount.discount_id {
                Some(id) if !given.insert(id.clone()) => {
                    let field = format!("discounts[{index}].discount_id");
                    return Err(invalid(&field, "unique within the order"));
                }
                Some(id) => id.clone(),
                None => {
                    let used = u32::try_from(index).unwrap_or(u32::MAX);
                    let name = ordinal("D", used, |name| {
                        taken.iter().any(|taken| taken.as_str() == name)
                    });
                    let id = DiscountId::new(&name).map_err(unassignable)?;
                    taken.insert(id.clone());
                    id
                }
            };
            named.push(Discount {
                discount_id,
                label: discount.label.clone(),
                line_ids: discount.line_ids.clone(),
                value: discount.value,
            });
        }
        if self
            .order
            .as_ref()
            .is_some_and(|order| order.discounts != named)
        {
            self.push(Event::DiscountsSet { discounts: named });
        }
        Ok(())
    }

    /// A draft that nobody could pay for is refused while it is being composed.
    fn check_total(&self) -> Result<(), Rejection> {
        let pricing = self.order.as_ref().map(Order::pricing).transpose();
        pricing.map(|_| ()).map_err(|_too_large| too_large())
    }
}

/// Line ids of the draft, and those that lines still to come bring with them.
#[derive(Default)]
struct Names {
    present: HashSet<LineId>,
    reserved: HashSet<LineId>,
}

impl Names {
    fn reserving<'a>(lines: impl Iterator<Item = &'a NewLine>) -> Self {
        let reserved = lines.filter_map(|line| line.line_id.clone()).collect();
        Self {
            present: HashSet::new(),
            reserved,
        }
    }

    /// The id that a line brings, or the next ordinal that nobody has or brings.
    fn name(&mut self, line: &NewLine, used: u32) -> Result<LineId, Rejection> {
        let line_id = match &line.line_id {
            Some(line_id) => line_id.clone(),
            None => {
                let name = ordinal("L", used, |name| {
                    let taken = |ids: &HashSet<LineId>| {
                        LineId::new(name).is_ok_and(|line_id| ids.contains(&line_id))
                    };
                    taken(&self.present) || taken(&self.reserved)
                });
                LineId::new(&name).map_err(unassignable)?
            }
        };
        if self.present.insert(line_id.clone()) {
            Ok(line_id)
        } else {
            Err(Rejection::LineExists(line_id))
        }
    }
}

pub(super) fn check_limit(what: &'static str, count: usize, limit: usize) -> Result<(), Rejection> {
    if count <= limit {
        Ok(())
    } else {
        Err(Rejection::LimitExceeded {
            what,
            limit: limit.try_into().unwrap_or(u64::MAX),
        })
    }
}

fn too_large() -> Rejection {
    Rejection::LimitExceeded {
        what: "minor units of an amount",
        limit: Amount::LIMIT.unsigned_abs(),
    }
}

fn unassignable(_: InvalidValue) -> Rejection {
    Rejection::LimitExceeded {
        what: "assigned ids",
        limit: u32::MAX.into(),
    }
}
