//! Commands that compose: what is in the basket, with a flaw where the step wants one.

use std::collections::{BTreeMap, BTreeSet};

use order::Command;
use order::command::{Create, Discount, DiscountValue, Edit, EditAction, NewLine, Place, Shipping};
use order::event::OrderCreated;
use order::value::{
    Amount, Channel, Contact, Country, Customer, CustomerId, Destination, LineId, MetadataKey,
    OrderId, PaymentTerms, Private, SealedBytes, Sku, Text, Timestamp,
};

use super::Shot;
use crate::sequence::ledger::Ledger;
use crate::sequence::plan::{Aim, Basket, Rebate};
use crate::word;

impl Basket {
    /// The books of an order that is not there: enough to aim at, and nothing in them.
    pub(crate) fn blank(&self, now: Timestamp) -> Ledger {
        let created = OrderCreated {
            channel: None,
            currency: word::currency(self.currency),
            prices_include_tax: self.prices_include_tax,
            terms: self.terms(),
            customer: Customer::default(),
            related_order_id: None,
            tags: BTreeSet::new(),
            metadata: BTreeMap::new(),
        };
        Ledger {
            version: 0,
            ..Ledger::open(&created, now)
        }
    }

    fn terms(&self) -> PaymentTerms {
        if self.prepaid {
            PaymentTerms::Prepaid
        } else {
            PaymentTerms::OnAccount
        }
    }

    fn line_ids(&self) -> impl Iterator<Item = LineId> {
        let prefix = if self.named { "a" } else { "L" };
        (1..=self.lines.len()).map(move |n| word::line_id(&format!("{prefix}{n}")))
    }
}

impl Shot<'_> {
    pub(super) fn create(&self) -> Command {
        let mut create = self.flawless();
        match self.step.aim {
            Aim::True | Aim::Over | Aim::Unknown | Aim::Foreign => {}
            Aim::Taken => create.lines.extend(create.lines.first().cloned()),
            Aim::Stale => {
                let past = self.now.plus_seconds(i64::from(self.one_in(2)));
                let place = create.place.get_or_insert_default();
                place.payment_due_time = Some(past);
            }
            Aim::Odd => self.spoil(&mut create),
        }
        Command::Create(Box::new(create))
    }

    fn flawless(&self) -> Create {
        let basket = self.basket;
        let line_ids: Vec<LineId> = basket.line_ids().collect();
        let lines = basket.lines.iter().zip(&line_ids);
        let named = |id: &LineId| basket.named.then(|| id.clone());
        Create {
            channel: Some(Channel::new("web").expect("valid")),
            currency: word::currency(basket.currency),
            prices_include_tax: basket.prices_include_tax,
            terms: basket.terms(),
            customer: self.customer(),
            lines: lines
                .map(|(line, id)| self.line(*line, named(id)))
                .collect(),
            shipping: basket.shipping.map(|shipping| self.shipping(shipping)),
            discounts: self.discounts(&line_ids),
            tags: [word::tag("new")].into(),
            metadata: BTreeMap::new(),
            related_order_id: self.one_in(2).then(|| OrderId::new("old").expect("valid")),
            place: basket.place.then(|| Place {
                expected_total: None,
                payment_due_time: self.due(),
            }),
        }
    }

    fn spoil(&self, create: &mut Create) {
        match self.pick() % 4 {
            0 => {
                create.lines.clear();
                create.discounts.clear();
            }
            1 => create.tags = (0..51).map(|n| word::tag(&format!("{n}"))).collect(),
            2 => {
                let key = |n| MetadataKey::new(&format!("{n}")).expect("valid");
                create.metadata = (0..51).map(|n| (key(n), Text::default())).collect();
            }
            _ => {
                let place = create.place.get_or_insert_default();
                place.expected_total = Some(self.money(i128::from(self.step.part)));
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let due = self.now.plus_seconds(1 + i64::from(self.step.part));
        (self.basket.prepaid && self.one_in(2)).then_some(due)
    }

    pub(super) fn place(&self) -> Place {
        let (costs, shipping) = self.ledger.draft.costs();
        let total = costs.iter().map(|cost| cost.total).sum::<i128>() + shipping.total;
        let more = i128::from(self.is(Aim::Over));
        let agreed = more > 0 || self.is(Aim::Foreign) || self.one_in(3);
        Place {
            expected_total: agreed.then(|| self.money(total + more)),
            payment_due_time: if self.is(Aim::Odd) {
                Some(self.now)
            } else {
                self.due()
            },
        }
    }

    fn line(&self, (quantity, price, ppm): (u32, i64, u32), line_id: Option<LineId>) -> NewLine {
        let price = if self.is(Aim::Over) {
            Amount::LIMIT
        } else {
            price
        };
        NewLine {
            line_id,
            sku: Sku::new("MUG").expect("valid"),
            title: word::text("a mug"),
            quantity: word::units(quantity),
            unit_price: self.money(price.into()),
            tax_rate: word::rate(ppm),
        }
    }

    fn shipping(&self, (price, ppm): (i64, u32)) -> Shipping {
        let sealed = Private::Sealed(sealed(1));
        Shipping {
            method: word::text("post"),
            price: self.money(price.into()),
            tax_rate: word::rate(ppm),
            destination: Destination {
                country: Some(Country::new("GB").expect("valid")),
                address: self.one_in(2).then_some(sealed),
            },
        }
    }

    fn customer(&self) -> Customer {
        let contact = Contact {
            name: word::text("Ada"),
            email: Text::default(),
        };
        Customer {
            id: self
                .one_in(2)
                .then(|| CustomerId::new("c1").expect("valid")),
            contact: match self.pick() % 5 {
                3 => Some(Private::Clear(contact)),
                4 => Some(Private::Sealed(sealed(2))),
                _ => None,
            },
        }
    }

    /// The basket's rebates, on lines that are there, or on one that is not.
    fn discounts(&self, line_ids: &[LineId]) -> Vec<Discount> {
        let rebates = self.basket.discounts.iter().enumerate();
        let mut discounts: Vec<Discount> = rebates
            .map(|(index, rebate)| self.discount(index, rebate, line_ids))
            .collect();
        if let (Aim::Unknown, Some(first)) = (self.step.aim, discounts.first_mut()) {
            first.line_ids.push(word::line_id("nowhere"));
        }
        if self.is(Aim::Taken) {
            discounts.extend(discounts.first().cloned());
        }
        discounts
    }

    fn discount(&self, index: usize, rebate: &Rebate, line_ids: &[LineId]) -> Discount {
        let bits = line_ids.iter().enumerate();
        let named = bits.filter(|(bit, _)| rebate.lines >> bit & 1 == 1);
        let id = (self.is(Aim::Taken) || (self.pick() + index) % 3 == 1)
            .then(|| word::discount_id(&format!("D{}", index + 1)));
        Discount {
            discount_id: id,
            label: word::text("sale"),
            line_ids: named.map(|(_, id)| id.clone()).collect(),
            value: match rebate.fixed {
                Some(fixed) => DiscountValue::Fixed(word::amount(fixed)),
                None => DiscountValue::Rate(word::rate(rebate.ppm)),
            },
        }
    }

    pub(super) fn edit(&self) -> Command {
        let count = 1 + usize::from(self.step.part) % 3;
        Command::Edit(Edit {
            actions: (0..count).map(|n| self.action(self.pick() + n)).collect(),
        })
    }

    fn action(&self, choice: usize) -> EditAction {
        let articles = self.ledger.draft.articles.iter();
        let line_ids: Vec<LineId> = articles.map(|article| article.line_id.clone()).collect();
        let which = (choice / 6).checked_rem(line_ids.len());
        let there = which.map(|which| line_ids[which].clone());
        let there = there.filter(|_| !self.is(Aim::Unknown));
        let line_id = there.clone().unwrap_or_else(|| word::line_id("nowhere"));
        let part = i64::from(self.step.part);
        match choice % 6 {
            0 => EditAction::SetQuantity {
                line_id,
                quantity: word::units(1 + part),
            },
            1 => EditAction::AddLine(self.added(there, line_ids.len())),
            2 => EditAction::RemoveLine { line_id },
            3 => EditAction::SetShipping(self.shipping((part, 200_000))),
            4 => EditAction::SetDiscounts(self.discounts(&line_ids)),
            _ => EditAction::SetCustomer(self.customer()),
        }
    }

    /// A line more: its id is there already, is one that assignment must step over, or is assigned.
    fn added(&self, there: Option<LineId>, count: usize) -> NewLine {
        let ahead = word::line_id(&format!("L{}", count + 2));
        let taken = there.filter(|_| self.is(Aim::Taken));
        let given = taken.or(self.one_in(3).then_some(ahead));
        let part = usize::from(self.step.part);
        self.line(self.basket.lines[part % self.basket.lines.len()], given)
    }
}

fn sealed(key: u8) -> SealedBytes {
    SealedBytes {
        key_id: [key; 16],
        nonce: [0; 24],
        ciphertext: vec![key],
    }
}
