//! An order's books as an accountant keeps them: a list of facts of each kind, every figure a sum
//! over its list. Nothing here asks the code under test what a fact means.

use std::collections::{BTreeMap, BTreeSet};

use order::Event;
use order::command::LineQuantity;
use order::event::{Discount, LineValue, OrderCreated, OrderPlaced, Shipping};
use order::state::Transaction;
use order::value::{
    Amount, CancelReason, Currency, Customer, HoldReason, LineId, MetadataKey, OrderState,
    PaymentId, PaymentTerms, PspReference, RefundKind, ReturnId, ShipmentId, ShipmentOutcome, Tag,
    Text, Timestamp,
};

use crate::abacus::{Article, Cost};

/// The books of one order.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) version: u64,
    pub(crate) state: OrderState,
    pub(crate) create_time: Timestamp,
    pub(crate) draft: Draft,
    pub(crate) placed: Option<Frozen>,
    pub(crate) payments: Vec<Payment>,
    pub(crate) movements: Vec<Movement>,
    pub(crate) references: BTreeSet<(Transaction, PspReference)>,
    pub(crate) failures: u32,
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) returns: Vec<Return>,
    pub(crate) cancelled: Vec<LineValue>,
    pub(crate) cancel_reason: Option<CancelReason>,
    pub(crate) holds: BTreeSet<HoldReason>,
    pub(crate) tags: BTreeSet<Tag>,
    pub(crate) metadata: BTreeMap<MetadataKey, Text>,
    pub(crate) erased: bool,
    /// How often each event happened, by its name.
    pub(crate) happened: BTreeMap<&'static str, u32>,
}

/// What is composed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) currency: Currency,
    pub(crate) prices_include_tax: bool,
    pub(crate) terms: PaymentTerms,
    pub(crate) customer: Customer,
    pub(crate) articles: Vec<Article>,
    /// Lines ever added.
    pub(crate) added: u32,
    pub(crate) discounts: Vec<Discount>,
    pub(crate) shipping: Option<Shipping>,
}

/// What was agreed.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) place_time: Timestamp,
    pub(crate) payment_due_time: Option<Timestamp>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) shipping: Cost,
    pub(crate) total: i128,
}

#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) payment_id: PaymentId,
    pub(crate) authorized: i128,
}

/// Money that moved, or was let go, for a payment.
#[derive(Clone, Debug)]
pub(crate) struct Movement {
    pub(crate) payment_id: PaymentId,
    pub(crate) kind: Transaction,
    pub(crate) amount: i128,
    pub(crate) goodwill: bool,
    pub(crate) return_id: Option<ReturnId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) shipment_id: ShipmentId,
    pub(crate) items: Vec<LineQuantity>,
    pub(crate) outcome: Option<ShipmentOutcome>,
}

#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) return_id: ReturnId,
    pub(crate) requested: Vec<LineQuantity>,
    pub(crate) received: Option<Vec<LineValue>>,
}

impl Ledger {
    /// Opens the books.
    pub(crate) fn open(created: &OrderCreated, create_time: Timestamp) -> Self {
        Self {
            version: 1,
            state: OrderState::Draft,
            create_time,
            draft: Draft::new(created),
            placed: None,
            payments: Vec::new(),
            movements: Vec::new(),
            references: BTreeSet::new(),
            failures: 0,
            parcels: Vec::new(),
            returns: Vec::new(),
            cancelled: Vec::new(),
            cancel_reason: None,
            holds: BTreeSet::new(),
            tags: created.tags.clone(),
            metadata: created.metadata.clone(),
            erased: false,
            happened: BTreeMap::from([("OrderCreated", 1)]),
        }
    }

    /// Writes a fact down.
    pub(crate) fn note(&mut self, event: &Event, at: Timestamp) {
        self.version += 1;
        *self.happened.entry(event.name()).or_default() += 1;
        self.note_composed(event, at);
        self.note_money(event);
        self.note_goods(event);
        self.note_words(event);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "four notes share the events"
    )]
    fn note_composed(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::OrderPlaced(placed) => {
                self.state = OrderState::Placed;
                self.placed = Some(self.draft.frozen(placed, at));
            }
            Event::OrderCancelled { items, reason, .. } => {
                self.state = OrderState::Cancelled;
                self.cancel_reason = Some(*reason);
                self.cancelled.extend_from_slice(items);
                self.holds.clear();
            }
            Event::OrderCompleted => self.state = OrderState::Completed,
            _ => self.draft.note(event),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "four notes share the events"
    )]
    fn note_money(&mut self, event: &Event) {
        match event {
            Event::PaymentAuthorized(authorized) => {
                self.see(Transaction::Authorization, &authorized.psp_reference);
                self.payments.push(Payment {
                    payment_id: authorized.payment_id.clone(),
                    authorized: coins(authorized.amount),
                });
            }
            Event::PaymentCaptured {
                payment_id,
                amount,
                psp_reference,
            } => {
                self.see(Transaction::Capture, psp_reference);
                self.movements
                    .push(Movement::new(payment_id, Transaction::Capture, *amount));
            }
            Event::PaymentVoided {
                payment_id,
                amount,
                psp_reference,
            } => {
                if let Some(reference) = psp_reference {
                    self.see(Transaction::Void, reference);
                }
                self.movements
                    .push(Movement::new(payment_id, Transaction::Void, *amount));
            }
            Event::PaymentRefunded(refunded) => {
                self.see(Transaction::Refund, &refunded.psp_reference);
                self.movements.push(Movement {
                    goodwill: refunded.kind == RefundKind::Goodwill,
                    return_id: refunded.return_id.clone(),
                    ..Movement::new(&refunded.payment_id, Transaction::Refund, refunded.amount)
                });
            }
            Event::PaymentFailed { psp_reference, .. } => {
                self.see(Transaction::Failure, psp_reference);
                self.failures += 1;
            }
            _ => {}
        }
    }

    fn see(&mut self, kind: Transaction, reference: &PspReference) {
        self.references.insert((kind, reference.clone()));
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "four notes share the events"
    )]
    fn note_goods(&mut self, event: &Event) {
        match event {
            Event::ItemsShipped(shipped) => self.parcels.push(Parcel {
                shipment_id: shipped.shipment_id.clone(),
                items: shipped.items.clone(),
                outcome: None,
            }),
            Event::ShipmentDelivered { shipment_id } => {
                self.close(shipment_id, ShipmentOutcome::Delivered);
            }
            Event::ShipmentFailed { shipment_id } => {
                self.close(shipment_id, ShipmentOutcome::Failed);
            }
            Event::ItemsCancelled { items, .. } => self.cancelled.extend_from_slice(items),
            Event::ReturnRequested {
                return_id, items, ..
            } => self.returns.push(Return {
                return_id: return_id.clone(),
                requested: items.clone(),
                received: None,
            }),
            Event::ReturnReceived { return_id, items } => {
                for found in self
                    .returns
                    .iter_mut()
                    .filter(|r| r.return_id == *return_id)
                {
                    found.received = Some(items.clone());
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, shipment_id: &ShipmentId, outcome: ShipmentOutcome) {
        for parcel in self
            .parcels
            .iter_mut()
            .filter(|p| p.shipment_id == *shipment_id)
        {
            parcel.outcome = Some(outcome);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "four notes share the events"
    )]
    fn note_words(&mut self, event: &Event) {
        match event {
            Event::OrderHeld { reason } => {
                self.holds.insert(*reason);
            }
            Event::OrderReleased { reason } => {
                self.holds.remove(reason);
            }
            Event::OrderAnnotated(annotated) => {
                for tag in &annotated.removed_tags {
                    self.tags.remove(tag);
                }
                for key in &annotated.removed_metadata {
                    self.metadata.remove(key);
                }
                self.tags.extend(annotated.added_tags.iter().cloned());
                self.metadata.extend(annotated.set_metadata.clone());
            }
            Event::PersonalDataErased { .. } => self.erased = true,
            _ => {}
        }
    }
}

impl Draft {
    pub(crate) fn new(created: &OrderCreated) -> Self {
        Self {
            currency: created.currency,
            prices_include_tax: created.prices_include_tax,
            terms: created.terms,
            customer: created.customer.clone(),
            articles: Vec::new(),
            added: 0,
            discounts: Vec::new(),
            shipping: None,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a draft has six events")]
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::LineAdded(added) => {
                self.added += 1;
                self.articles.push(Article {
                    line_id: added.line_id.clone(),
                    quantity: added.quantity.units().into(),
                    price: coins(added.unit_price),
                    ppm: added.tax_rate.ppm().into(),
                });
            }
            Event::LineQuantitySet { line_id, quantity } => {
                for article in self.articles.iter_mut().filter(|a| a.line_id == *line_id) {
                    article.quantity = quantity.units().into();
                }
            }
            Event::LineRemoved { line_id } => self.articles.retain(|a| a.line_id != *line_id),
            Event::ShippingSet(shipping) => self.shipping = Some(shipping.clone()),
            Event::DiscountsSet { discounts } => self.discounts.clone_from(discounts),
            Event::CustomerSet { customer } => self.customer = customer.clone(),
            _ => {}
        }
    }

    /// What was agreed, as the event says; bases are the draft's own.
    fn frozen(&self, placed: &OrderPlaced, place_time: Timestamp) -> Frozen {
        let cost = |(article, line): (&Article, &order::event::PlacedLine)| Cost {
            base: article.price * article.quantity,
            discount: coins(line.discount),
            tax: coins(line.tax),
            total: coins(line.total),
        };
        Frozen {
            place_time,
            payment_due_time: placed.payment_due_time,
            costs: self.articles.iter().zip(&placed.lines).map(cost).collect(),
            shipping: Cost {
                base: self.shipping.as_ref().map_or(0, |s| coins(s.price)),
                discount: 0,
                tax: coins(placed.shipping_tax),
                total: coins(placed.shipping_total),
            },
            total: coins(placed.placed_total),
        }
    }

    pub(crate) fn index(&self, line_id: &LineId) -> Option<usize> {
        self.articles.iter().position(|a| a.line_id == *line_id)
    }
}

impl Movement {
    fn new(payment_id: &PaymentId, kind: Transaction, amount: Amount) -> Self {
        Self {
            payment_id: payment_id.clone(),
            kind,
            amount: coins(amount),
            goodwill: false,
            return_id: None,
        }
    }
}

pub(crate) fn coins(amount: Amount) -> i128 {
    amount.minor_units().into()
}
