//! Which command each state allows: every cell of the table.

use std::collections::BTreeSet;

use order::command::{
    Annotate, AuthorizePayment, CancelItems, CancelOrder, CapturePayment, CloseShipment, Create,
    Edit, FailPayment, Hold, LineQuantity, NewLine, Place, ReceiveReturn, RefundPayment, Release,
    RequestReturn, ShipItems, VoidPayment,
};
use order::value::{
    Amount, CancelReason, Currency, Customer, HoldReason, LineId, Money, OrderState, PaymentId,
    PaymentTerms, PspReference, Quantity, RatePpm, RefundKind, ReturnId, ReturnReason, ShipmentId,
    ShipmentOutcome, Sku, Tag, Text, Timestamp,
};
use order::{Command, Moment, Order, Rejection, decide, evolve};

fn now() -> Moment {
    Moment::at(Timestamp::from_micros(1_700_000_000_000_000))
}

fn money(minor_units: i64) -> Money {
    let amount = Amount::new(minor_units).expect("small");
    Money {
        currency: Currency::new("GBP").expect("known"),
        amount,
    }
}

fn text(text: &str) -> Text {
    Text::new(text).expect("short")
}

fn psp(name: &str) -> PspReference {
    PspReference::new(name).expect("short")
}

fn create(place: bool) -> Command {
    Command::Create(Box::new(Create {
        channel: None,
        currency: Currency::new("GBP").expect("known"),
        prices_include_tax: true,
        terms: PaymentTerms::OnAccount,
        customer: Customer::default(),
        lines: vec![NewLine {
            line_id: None,
            sku: Sku::new("MUG").expect("valid"),
            title: Text::default(),
            quantity: Quantity::new(2).expect("small"),
            unit_price: money(500),
            tax_rate: RatePpm::ZERO,
        }],
        shipping: None,
        discounts: Vec::new(),
        tags: BTreeSet::new(),
        metadata: std::collections::BTreeMap::new(),
        related_order_id: None,
        place: place.then(Place::default),
    }))
}

fn items(units: u32) -> Vec<LineQuantity> {
    let line_id = LineId::new("L1").expect("valid");
    vec![LineQuantity {
        line_id,
        quantity: Quantity::new(units).expect("small"),
    }]
}

fn cancel_order() -> Command {
    Command::CancelOrder(CancelOrder {
        cancel_reason: CancelReason::Customer,
    })
}

fn ship() -> Command {
    Command::ShipItems(ShipItems {
        shipment_id: None,
        items: items(2),
        carrier: Text::default(),
        tracking_number: Text::default(),
    })
}

fn deliver() -> Command {
    let shipment_id = ShipmentId::new("S1").expect("valid");
    Command::CloseShipment(CloseShipment {
        shipment_id,
        outcome: ShipmentOutcome::Delivered,
    })
}

fn pay() -> Command {
    Command::AuthorizePayment(AuthorizePayment {
        payment_id: None,
        amount: money(1_000),
        method: text("card"),
        psp_reference: psp("a"),
        expire_time: None,
        capture: true,
    })
}

fn after(commands: &[Command]) -> Option<Order> {
    let mut order = None;
    for command in commands {
        let events = decide(order.as_ref(), command, now()).expect("accepted");
        for event in &events {
            evolve(&mut order, event, now().occur_time);
        }
    }
    order
}

fn orders() -> Vec<(&'static str, Option<Order>)> {
    vec![
        ("absent", None),
        ("DRAFT", after(&[create(false)])),
        ("PLACED", after(&[create(true)])),
        (
            "COMPLETED",
            after(&[create(true), ship(), deliver(), pay()]),
        ),
        ("CANCELLED", after(&[create(true), cancel_order()])),
    ]
}

#[allow(
    clippy::too_many_lines,
    reason = "a table has as many lines as it has rows"
)]
/// Every command, with its row of the table: absent, DRAFT, PLACED, COMPLETED, CANCELLED.
fn table() -> Vec<(Command, &'static str)> {
    let payment_id = PaymentId::new("P1").expect("valid");
    let return_id = ReturnId::new("R1").expect("valid");
    let amount = money(1);
    let (psp_reference, method) = (psp("z"), text("card"));
    vec![
        (create(false), "yeeee"),
        (
            Command::Edit(Edit {
                actions: Vec::new(),
            }),
            "ny...",
        ),
        (Command::Place(Place::default()), "ny..."),
        (pay(), "n.y.."),
        (
            Command::CapturePayment(CapturePayment {
                payment_id: payment_id.clone(),
                amount,
                psp_reference: psp_reference.clone(),
            }),
            "n.yyy",
        ),
        (
            Command::VoidPayment(VoidPayment {
                payment_id: payment_id.clone(),
                psp_reference: None,
            }),
            "n.yyy",
        ),
        (
            Command::FailPayment(FailPayment {
                method,
                amount,
                psp_reference: psp_reference.clone(),
                decline_code: text("51"),
            }),
            "n.y.y",
        ),
        (
            Command::RefundPayment(RefundPayment {
                payment_id,
                amount,
                kind: RefundKind::Credit,
                return_id: None,
                psp_reference,
            }),
            "n.yyy",
        ),
        (ship(), "n.y.."),
        (deliver(), "n.y.."),
        (
            Command::CancelItems(CancelItems {
                items: items(1),
                cancel_reason: CancelReason::Customer,
            }),
            "n.y..",
        ),
        (cancel_order(), "nyy.."),
        (
            Command::RequestReturn(RequestReturn {
                return_id: None,
                items: items(1),
                return_reason: ReturnReason::Unwanted,
            }),
            "n.yy.",
        ),
        (
            Command::ReceiveReturn(ReceiveReturn {
                return_id,
                received: items(1),
            }),
            "n.yy.",
        ),
        (
            Command::Hold(Hold {
                hold_reason: HoldReason::Other,
            }),
            "n.y..",
        ),
        (
            Command::Release(Release {
                hold_reason: HoldReason::Other,
            }),
            "n.y..",
        ),
        (
            Command::Annotate(Annotate {
                add_tags: [Tag::new("vip").expect("valid")].into(),
                ..Annotate::default()
            }),
            "nyyyy",
        ),
        (Command::ErasePersonalData, "n..yy"),
    ]
}

#[test]
fn every_cell_of_state_and_command() {
    let (orders, table) = (orders(), table());
    assert_eq!(orders.len() * table.len(), 90);
    for (command, row) in &table {
        for ((state, order), cell) in orders.iter().zip(row.chars()) {
            let decided = decide(order.as_ref(), command, now());
            let right = match cell {
                'n' => decided == Err(Rejection::OrderNotFound),
                'e' => decided == Err(Rejection::OrderExists),
                '.' => matches!(decided, Err(Rejection::OrderStateInvalid { .. })),
                // Allowed: accepted, or refused by a guard and not for its state.
                _ => !matches!(
                    decided,
                    Err(Rejection::OrderStateInvalid { .. }
                        | Rejection::OrderNotFound
                        | Rejection::OrderExists)
                ),
            };
            assert!(right, "{command:?} on {state}: {decided:?}");
        }
    }
}

#[test]
fn a_delivered_and_paid_order_completes_by_itself() {
    for commands in [[ship(), deliver(), pay()], [pay(), ship(), deliver()]] {
        let mut all = vec![create(true)];
        all.extend(commands);
        assert_eq!(
            after(&all).map(|order| order.state),
            Some(OrderState::Completed)
        );
    }
}
