//! Steps of a life as requests of the API.

use proto::v1;

use super::act::{Act, LifeStep};
use super::request::{CommandRequest, context, items, money};

/// Who sends them.
const ACTOR: &str = "simulator";

const PAYMENT: &str = "P1";
const RETURN: &str = "R1";
const METHOD: &str = "card";

pub(crate) fn request(order: &str, step: &LifeStep) -> CommandRequest {
    let order_id = order.to_owned();
    let id = format!("import-{order}-life-{}", step.number);
    let context = Some(context(id, step.time, ACTOR));
    match &step.act {
        Act::FailPayment { .. }
        | Act::Authorize { .. }
        | Act::Capture { .. }
        | Act::Void
        | Act::RefundReturn { .. }
        | Act::Goodwill { .. } => payment(order_id, context, step),
        Act::Hold(reason) => v1::HoldOrderRequest {
            order_id,
            context,
            hold_reason: (*reason).into(),
        }
        .into(),
        Act::Release(reason) => v1::ReleaseOrderRequest {
            order_id,
            context,
            hold_reason: (*reason).into(),
        }
        .into(),
        Act::Ship {
            shipment,
            items: parcel,
        } => v1::ShipItemsRequest {
            order_id,
            context,
            shipment_id: format!("S{shipment}"),
            items: items(parcel),
            carrier: "carrier".to_owned(),
            tracking_number: format!("{order}-{shipment}"),
        }
        .into(),
        Act::Close {
            shipment, outcome, ..
        } => v1::CloseShipmentRequest {
            order_id,
            context,
            shipment_id: format!("S{shipment}"),
            outcome: (*outcome).into(),
        }
        .into(),
        Act::Cancel { reason, .. } => v1::CancelOrderRequest {
            order_id,
            context,
            cancel_reason: (*reason).into(),
        }
        .into(),
        Act::RequestReturn {
            reason,
            items: wanted,
        } => v1::RequestReturnRequest {
            order_id,
            context,
            return_id: RETURN.to_owned(),
            items: items(wanted),
            return_reason: (*reason).into(),
        }
        .into(),
        Act::ReceiveReturn {
            items: received, ..
        } => v1::ReceiveReturnRequest {
            order_id,
            context,
            return_id: RETURN.to_owned(),
            received: items(received),
        }
        .into(),
    }
}

/// The provider's reference is new in every step.
fn payment(
    order_id: String,
    context: Option<v1::CommandContext>,
    step: &LifeStep,
) -> CommandRequest {
    let payment_id = PAYMENT.to_owned();
    let psp_reference = format!("{order_id}-{}", step.number);
    match &step.act {
        Act::FailPayment { amount } => v1::FailPaymentRequest {
            order_id,
            context,
            method: METHOD.to_owned(),
            amount: Some(money(*amount)),
            psp_reference,
            decline_code: "insufficient_funds".to_owned(),
        }
        .into(),
        Act::Authorize { amount, capture } => v1::AuthorizePaymentRequest {
            order_id,
            context,
            payment_id,
            amount: Some(money(*amount)),
            method: if *capture { "transfer" } else { METHOD }.to_owned(),
            psp_reference,
            expire_time: None,
            capture: *capture,
        }
        .into(),
        Act::Capture { amount } => v1::CapturePaymentRequest {
            order_id,
            context,
            payment_id,
            amount: Some(money(*amount)),
            psp_reference,
        }
        .into(),
        Act::RefundReturn { amount } | Act::Goodwill { amount } => {
            let goodwill = matches!(step.act, Act::Goodwill { .. });
            let (kind, return_id) = if goodwill {
                (v1::RefundKind::Goodwill, String::new())
            } else {
                (v1::RefundKind::Credit, RETURN.to_owned())
            };
            v1::RefundPaymentRequest {
                order_id,
                context,
                payment_id,
                amount: Some(money(*amount)),
                kind: kind.into(),
                return_id,
                psp_reference,
            }
            .into()
        }
        _void => v1::VoidPaymentRequest {
            order_id,
            context,
            payment_id,
            psp_reference,
        }
        .into(),
    }
}
