//! Commands as a caller writes them: what matters is an argument, the rest is plain.

use std::collections::{BTreeMap, BTreeSet};

use order::Command;
use order::command::{
    Annotate, AuthorizePayment, CancelItems, CancelOrder, CapturePayment, CloseShipment, Create,
    Edit, EditAction, FailPayment, Hold, LineQuantity, NewLine, Place, ReceiveReturn,
    RefundPayment, Release, RequestReturn, ShipItems, Shipping, VoidPayment,
};
use order::value::{
    CancelReason, Customer, Destination, HoldReason, Money, PaymentTerms, RefundKind, ReturnReason,
    ShipmentOutcome, Sku, Text,
};

use crate::word::{currency, line_id, payment_id, psp, rate, return_id, shipment_id, text, units};

/// An order in pounds, tax included, on account, with nothing in it.
pub(crate) fn blank() -> Create {
    Create {
        channel: None,
        currency: currency("GBP"),
        prices_include_tax: true,
        terms: PaymentTerms::OnAccount,
        customer: Customer::default(),
        lines: Vec::new(),
        shipping: None,
        discounts: Vec::new(),
        tags: BTreeSet::new(),
        metadata: BTreeMap::new(),
        related_order_id: None,
        place: None,
    }
}

pub(crate) fn create(create: Create) -> Command {
    Command::Create(Box::new(create))
}

/// A line whose id is assigned.
pub(crate) fn line(sku: &str, quantity: u32, unit_price: Money, ppm: u32) -> NewLine {
    NewLine {
        line_id: None,
        sku: Sku::new(sku).expect("valid"),
        title: Text::default(),
        quantity: units(quantity),
        unit_price,
        tax_rate: rate(ppm),
    }
}

pub(crate) fn named(line_name: &str, line: NewLine) -> NewLine {
    NewLine {
        line_id: Some(line_id(line_name)),
        ..line
    }
}

pub(crate) fn post(price: Money, ppm: u32) -> Shipping {
    Shipping {
        method: text("post"),
        price,
        tax_rate: rate(ppm),
        destination: Destination::default(),
    }
}

pub(crate) fn edit(actions: impl Into<Vec<EditAction>>) -> Command {
    Command::Edit(Edit {
        actions: actions.into(),
    })
}

pub(crate) fn place() -> Command {
    Command::Place(Place::default())
}

/// The reference is the payment's: `a-P1`.
pub(crate) fn authorize(payment: &str, amount: Money) -> AuthorizePayment {
    AuthorizePayment {
        payment_id: Some(payment_id(payment)),
        amount,
        method: text("card"),
        psp_reference: psp(&format!("a-{payment}")),
        expire_time: None,
        capture: false,
    }
}

pub(crate) fn capture(payment: &str, amount: Money, reference: &str) -> Command {
    Command::CapturePayment(CapturePayment {
        payment_id: payment_id(payment),
        amount,
        psp_reference: psp(reference),
    })
}

pub(crate) fn void(payment: &str, reference: Option<&str>) -> Command {
    Command::VoidPayment(VoidPayment {
        payment_id: payment_id(payment),
        psp_reference: reference.map(psp),
    })
}

pub(crate) fn fail(amount: Money, reference: &str) -> Command {
    Command::FailPayment(FailPayment {
        method: text("card"),
        amount,
        psp_reference: psp(reference),
        decline_code: text("51"),
    })
}

pub(crate) fn refund(payment: &str, amount: Money, kind: RefundKind) -> RefundPayment {
    RefundPayment {
        payment_id: payment_id(payment),
        amount,
        kind,
        return_id: None,
        psp_reference: psp(&format!("r-{payment}")),
    }
}

pub(crate) fn items(items: &[(&str, u32)]) -> Vec<LineQuantity> {
    let item = |(line, quantity): &(&str, u32)| LineQuantity {
        line_id: line_id(line),
        quantity: units(*quantity),
    };
    items.iter().map(item).collect()
}

pub(crate) fn ship(shipment: &str, what: &[(&str, u32)]) -> Command {
    Command::ShipItems(ShipItems {
        shipment_id: Some(shipment_id(shipment)),
        items: items(what),
        carrier: text("van"),
        tracking_number: Text::default(),
    })
}

pub(crate) fn close(shipment: &str, outcome: ShipmentOutcome) -> Command {
    Command::CloseShipment(CloseShipment {
        shipment_id: shipment_id(shipment),
        outcome,
    })
}

pub(crate) fn cancel_items(what: &[(&str, u32)]) -> Command {
    Command::CancelItems(CancelItems {
        items: items(what),
        cancel_reason: CancelReason::Inventory,
    })
}

pub(crate) fn cancel_order(cancel_reason: CancelReason) -> Command {
    Command::CancelOrder(CancelOrder { cancel_reason })
}

pub(crate) fn request_return(name: &str, what: &[(&str, u32)]) -> Command {
    Command::RequestReturn(RequestReturn {
        return_id: Some(return_id(name)),
        items: items(what),
        return_reason: ReturnReason::Damaged,
    })
}

pub(crate) fn receive_return(name: &str, what: &[(&str, u32)]) -> Command {
    Command::ReceiveReturn(ReceiveReturn {
        return_id: return_id(name),
        received: items(what),
    })
}

pub(crate) fn hold(hold_reason: HoldReason) -> Command {
    Command::Hold(Hold { hold_reason })
}

pub(crate) fn release(hold_reason: HoldReason) -> Command {
    Command::Release(Release { hold_reason })
}

pub(crate) fn annotate(annotate: Annotate) -> Command {
    Command::Annotate(annotate)
}
