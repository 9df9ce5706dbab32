//! Random histories that `decide` allows: a list of numbers steers commands that look at the order,
//! so that most are accepted and every state is reached.

use order::command::{
    Annotate, AuthorizePayment, CancelItems, CancelOrder, CapturePayment, CloseShipment, Command,
    Create, Discount, DiscountValue, Edit, EditAction, FailPayment, Hold, LineQuantity, NewLine,
    Place, ReceiveReturn, RefundPayment, Release, RequestReturn, ShipItems, Shipping, VoidPayment,
};
use order::state::Line;
use order::value::{
    Amount, CancelReason, Channel, Country, Currency, Customer, CustomerId, Destination,
    HoldReason, Money, PaymentTerms, Private, PspReference, RefundKind, ReturnReason,
    ShipmentOutcome, Sku, Tag, Timestamp,
};
use order::{Moment, Order, decide};
use proto::commit::{self, Commit};

use crate::sample;

const START: i64 = 1_291_191_960_000_000;

/// The commits of a history, each accepted by `decide`.
pub(crate) fn history(steps: &[(u8, u32)]) -> Vec<Commit> {
    let mut order: Option<Order> = None;
    let mut commits = Vec::new();
    for (index, (kind, seed)) in steps.iter().enumerate() {
        let seconds = i64::try_from(index).expect("few steps");
        let now = Timestamp::from_micros(START + 7).plus_seconds(seconds * 60);
        let command = match &order {
            None => create(*kind, *seed),
            Some(order) => next(order, *kind, *seed, index),
        };
        let Ok(events) = decide(order.as_ref(), &command, Moment::at(now)) else {
            continue;
        };
        let first_version = order.as_ref().map_or(0, |order| order.version) + 1;
        let commit = Commit {
            first_version,
            occur_time: now,
            record_time: now.plus_seconds(1),
            ..sample::full(events)
        };
        commit::apply(&mut order, &commit);
        commits.push(commit);
    }
    commits
}

fn gbp(minor_units: i64) -> Money {
    Money {
        currency: Currency::new("GBP").expect("a currency"),
        amount: sample::amount(minor_units),
    }
}

fn reference(index: usize) -> PspReference {
    PspReference::new(&format!("psp-{index}")).expect("a reference")
}

fn customer(seed: u32) -> Customer {
    Customer {
        id: (!seed.is_multiple_of(3)).then(|| CustomerId::new("C-1").expect("an id")),
        contact: (!seed.is_multiple_of(2)).then(|| Private::Sealed(sample::sealed(3))),
    }
}

fn new_line(seed: u32) -> NewLine {
    NewLine {
        line_id: None,
        sku: Sku::new("85123A").expect("a sku"),
        title: sample::text("heart"),
        quantity: sample::quantity(1 + seed % 9),
        unit_price: gbp(i64::from(seed % 1_000)),
        tax_rate: sample::rate(seed % 300_000),
    }
}

fn shipping(seed: u32) -> Shipping {
    Shipping {
        method: sample::text("express"),
        price: gbp(i64::from(seed % 500)),
        tax_rate: sample::rate(seed % 250_000),
        destination: Destination {
            country: (!seed.is_multiple_of(3)).then(|| Country::new("GB").expect("a country")),
            address: (!seed.is_multiple_of(2)).then(|| Private::Sealed(sample::sealed(5))),
        },
    }
}

fn discounts(seed: u32) -> Vec<Discount> {
    let value = match seed % 3 {
        0 => DiscountValue::Fixed(sample::amount(i64::from(seed % 700))),
        1 => DiscountValue::Rate(sample::rate(seed % 400_000)),
        _ => return Vec::new(),
    };
    vec![Discount {
        discount_id: None,
        label: sample::text("winter"),
        line_ids: Vec::new(),
        value,
    }]
}

fn create(kind: u8, seed: u32) -> Command {
    let place = kind.is_multiple_of(2);
    let lines = (0..u32::from(place) + seed % 3)
        .map(|n| new_line(seed.rotate_left(n * 7)))
        .collect();
    Command::Create(Box::new(Create {
        channel: (!seed.is_multiple_of(2)).then(|| Channel::new("web").expect("a channel")),
        currency: gbp(0).currency,
        prices_include_tax: seed % 5 < 2,
        terms: if seed % 7 < 3 {
            PaymentTerms::Prepaid
        } else {
            PaymentTerms::OnAccount
        },
        customer: customer(seed),
        lines,
        shipping: (seed % 11 < 6).then(|| shipping(seed / 3)),
        discounts: discounts(seed / 5),
        tags: [Tag::new("gift").expect("a tag")].into(),
        metadata: std::collections::BTreeMap::new(),
        related_order_id: None,
        place: place.then(Place::default),
    }))
}

fn next(order: &Order, kind: u8, seed: u32, index: usize) -> Command {
    match order.state {
        order::value::OrderState::Draft => draft(order, kind, seed),
        order::value::OrderState::Placed
        | order::value::OrderState::Completed
        | order::value::OrderState::Cancelled => match kind % 18 {
            0..=4 => pay(order, seed, index),
            5..=11 => goods(order, kind, seed),
            _ => operate(order, kind, seed),
        },
    }
}

fn draft(order: &Order, kind: u8, seed: u32) -> Command {
    let line_id = pick(&order.lines, seed).map(|line| line.line_id.clone());
    let action = match (kind % 8, line_id) {
        (0, Some(line_id)) => EditAction::SetQuantity {
            line_id,
            quantity: sample::quantity(1 + seed % 20),
        },
        (1, Some(line_id)) => EditAction::RemoveLine { line_id },
        (2, _) => EditAction::SetShipping(shipping(seed)),
        (3, _) => EditAction::SetDiscounts(discounts(seed)),
        (4, _) => EditAction::SetCustomer(customer(seed)),
        (5, Some(_)) => return Command::Place(Place::default()),
        (6, _) if seed.is_multiple_of(8) => {
            let cancel_reason = CancelReason::Customer;
            return Command::CancelOrder(CancelOrder { cancel_reason });
        }
        _ => EditAction::AddLine(new_line(seed)),
    };
    Command::Edit(Edit {
        actions: vec![action],
    })
}

fn pay(order: &Order, seed: u32, index: usize) -> Command {
    let psp_reference = reference(index);
    let method = sample::text("card");
    let part = |amount: Amount| {
        let all = amount.minor_units();
        gbp(if seed.is_multiple_of(3) { all / 2 } else { all })
    };
    let payment = pick(&order.payments, seed / 6);
    match (seed % 6, payment) {
        (2, Some(payment)) => Command::VoidPayment(VoidPayment {
            payment_id: payment.payment_id.clone(),
            psp_reference: (!seed.is_multiple_of(4)).then_some(psp_reference),
        }),
        (3, Some(payment)) => Command::RefundPayment(RefundPayment {
            payment_id: payment.payment_id.clone(),
            amount: part(payment.captured.saturating_sub(payment.refunded)),
            kind: if seed % 5 < 2 {
                RefundKind::Goodwill
            } else {
                RefundKind::Credit
            },
            return_id: None,
            psp_reference,
        }),
        (4 | 5, Some(payment)) => Command::CapturePayment(CapturePayment {
            payment_id: payment.payment_id.clone(),
            amount: part(
                payment
                    .authorized
                    .saturating_sub(payment.captured)
                    .saturating_sub(payment.voided),
            ),
            psp_reference,
        }),
        (1, _) if seed.is_multiple_of(7) => Command::FailPayment(FailPayment {
            method,
            amount: gbp(100),
            psp_reference,
            decline_code: sample::text("declined"),
        }),
        _ => Command::AuthorizePayment(AuthorizePayment {
            payment_id: None,
            amount: part(order.totals().balance),
            method,
            psp_reference,
            expire_time: (!seed.is_multiple_of(2)).then(|| Timestamp::from_micros(START * 2)),
            capture: !seed.is_multiple_of(3),
        }),
    }
}

fn goods(order: &Order, kind: u8, seed: u32) -> Command {
    let to_ship =
        |line: &Line| line.quantity.units() - line.cancelled.units() - line.shipped.units();
    let to_return =
        |line: &Line| line.delivered.units() - line.returned.units() - line.return_open.units();
    match kind % 6 {
        0 | 1 => Command::ShipItems(ShipItems {
            shipment_id: None,
            items: some(order, seed, to_ship),
            carrier: sample::text("Royal Mail"),
            tracking_number: sample::text("RM 1"),
        }),
        2 => match order
            .shipments
            .iter()
            .find(|shipment| shipment.closed.is_none())
        {
            Some(shipment) => Command::CloseShipment(CloseShipment {
                shipment_id: shipment.shipment_id.clone(),
                outcome: if seed.is_multiple_of(5) {
                    ShipmentOutcome::Failed
                } else {
                    ShipmentOutcome::Delivered
                },
            }),
            None => operate(order, kind, seed),
        },
        3 => Command::CancelItems(CancelItems {
            items: some(order, seed, to_ship),
            cancel_reason: CancelReason::Inventory,
        }),
        4 => Command::RequestReturn(RequestReturn {
            return_id: None,
            items: some(order, seed, to_return),
            return_reason: ReturnReason::Damaged,
        }),
        _ => match order.returns.iter().find(|found| found.open) {
            Some(found) => Command::ReceiveReturn(ReceiveReturn {
                return_id: found.return_id.clone(),
                received: if seed.is_multiple_of(4) {
                    Vec::new()
                } else {
                    found.requested.clone()
                },
            }),
            None => operate(order, kind, seed),
        },
    }
}

fn operate(order: &Order, kind: u8, seed: u32) -> Command {
    let hold_reason = HoldReason::FraudReview;
    match kind % 5 {
        0 if order.holds.is_empty() => Command::Hold(Hold { hold_reason }),
        0 | 1 => Command::Release(Release { hold_reason }),
        2 if seed.is_multiple_of(4) => Command::CancelOrder(CancelOrder {
            cancel_reason: CancelReason::Other,
        }),
        3 => Command::ErasePersonalData,
        _ => Command::Annotate(Annotate {
            note: (!seed.is_multiple_of(2)).then(|| Private::Sealed(sample::sealed(9))),
            add_tags: [Tag::new(&format!("t{}", seed % 5)).expect("a tag")].into(),
            ..Annotate::default()
        }),
    }
}

/// One or all lines' units of some kind, half or all of them.
fn some(order: &Order, seed: u32, units: impl Fn(&Line) -> u32) -> Vec<LineQuantity> {
    let part = |line: &Line| LineQuantity {
        line_id: line.line_id.clone(),
        quantity: sample::quantity(if seed.is_multiple_of(3) {
            units(line).div_ceil(2)
        } else {
            units(line)
        }),
    };
    let lines = order.lines.iter().filter(|line| units(line) > 0);
    let wanted = if seed.is_multiple_of(4) {
        1
    } else {
        order.lines.len()
    };
    lines.map(part).take(wanted).collect()
}

fn pick<T>(items: &[T], seed: u32) -> Option<&T> {
    let length = u32::try_from(items.len()).ok()?;
    items.get(usize::try_from(seed.checked_rem(length)?).ok()?)
}
