//! From what a command came to, to what the wire says.

use proto::api;
use proto::token::ConsistencyToken;
use proto::v1;

use crate::outcome::{Outcome, Produced};
use crate::parse::Wire;

/// A request that knows its reply.
pub(super) trait Answer: Wire {
    /// The reply.
    type Reply;

    /// The reply for what the command came to.
    fn answer(receipt: v1::Receipt, outcome: Outcome) -> Self::Reply;
}

/// The part that all replies share.
pub(super) fn receipt(outcome: Outcome) -> (v1::Receipt, Outcome) {
    let token = outcome.at.map(|(identity, position)| {
        ConsistencyToken::new(identity.0, position.partition, position.sequence).to_string()
    });
    let receipt = v1::Receipt {
        order_id: outcome
            .order_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version: i64::try_from(outcome.version).unwrap_or(i64::MAX),
        event_count: i32::try_from(outcome.event_count).unwrap_or(i32::MAX),
        consistency_token: token.unwrap_or_default(),
        replayed: outcome.replayed,
    };
    (receipt, outcome)
}

impl Produced {
    fn line_ids(&self) -> Vec<String> {
        if let Self::Lines(ids) = self {
            ids.iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Payment(id) => id.to_string(),
            Self::Shipment(id) => id.to_string(),
            Self::Return(id) => id.to_string(),
            Self::Nothing | Self::Lines(_) | Self::Value(_) => String::new(),
        }
    }

    fn value(&self) -> Option<v1::Money> {
        if let Self::Value(money) = self {
            Some(api::money(money.currency, money.amount))
        } else {
            None
        }
    }
}

/// Replies by what they hold beside the receipt.
macro_rules! answers {
    ($($request:ident -> $reply:ident { $($field:ident: $value:expr),* };)*) => {
        $(impl Answer for v1::$request {
            type Reply = v1::$reply;

            fn answer(receipt: v1::Receipt, outcome: Outcome) -> v1::$reply {
                let _unused_by_plain_receipts = &outcome;
                v1::$reply { receipt: Some(receipt), $($field: ($value)(&outcome)),* }
            }
        })*
    };
}

answers! {
    CreateOrderRequest -> CreateOrderResponse {
        totals: |outcome: &Outcome| outcome.totals.clone(),
        line_ids: |outcome: &Outcome| outcome.produced.line_ids()
    };
    EditOrderRequest -> EditOrderResponse {
        totals: |outcome: &Outcome| outcome.totals.clone(),
        line_ids: |outcome: &Outcome| outcome.produced.line_ids()
    };
    PlaceOrderRequest -> PlaceOrderResponse {
        totals: |outcome: &Outcome| outcome.totals.clone()
    };
    AuthorizePaymentRequest -> AuthorizePaymentResponse {
        payment_id: |outcome: &Outcome| outcome.produced.id()
    };
    CapturePaymentRequest -> CapturePaymentResponse {};
    VoidPaymentRequest -> VoidPaymentResponse {};
    FailPaymentRequest -> FailPaymentResponse {};
    RefundPaymentRequest -> RefundPaymentResponse {};
    ShipItemsRequest -> ShipItemsResponse {
        shipment_id: |outcome: &Outcome| outcome.produced.id()
    };
    CloseShipmentRequest -> CloseShipmentResponse {};
    CancelItemsRequest -> CancelItemsResponse {};
    CancelOrderRequest -> CancelOrderResponse {};
    RequestReturnRequest -> RequestReturnResponse {
        return_id: |outcome: &Outcome| outcome.produced.id()
    };
    ReceiveReturnRequest -> ReceiveReturnResponse {
        value: |outcome: &Outcome| outcome.produced.value()
    };
    HoldOrderRequest -> HoldOrderResponse {};
    ReleaseOrderRequest -> ReleaseOrderResponse {};
    AnnotateOrderRequest -> AnnotateOrderResponse {};
    ErasePersonalDataRequest -> ErasePersonalDataResponse {};
}
