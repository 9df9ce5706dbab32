//! Goods that move, or no longer will.

use order::Command;
use order::command::{
    CancelItems, CancelOrder, CloseShipment, ReceiveReturn, RequestReturn, ShipItems,
};
use order::value::{CancelReason, ReturnId, ReturnReason, ShipmentId, ShipmentOutcome};
use proto::v1;

use super::{Wire, accessors};
use crate::parse::field::{At, Fields};
use crate::parse::value;

impl Wire for v1::ShipItemsRequest {
    const METHOD: &'static str = "ShipItems";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        Some(Command::ShipItems(ShipItems {
            shipment_id: fields.optional(
                root.field("shipment_id"),
                &self.shipment_id,
                ShipmentId::new,
            ),
            items: value::some_items(fields, &self.items),
            carrier: value::text(fields, root.field("carrier"), &self.carrier),
            tracking_number: value::text(
                fields,
                root.field("tracking_number"),
                &self.tracking_number,
            ),
        }))
    }
}

impl Wire for v1::CloseShipmentRequest {
    const METHOD: &'static str = "CloseShipment";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let shipment_id = fields.required(
            root.field("shipment_id"),
            &self.shipment_id,
            ShipmentId::new,
        );
        let outcome = fields.variant(root.field("outcome"), self.outcome, |raw| match raw {
            v1::ShipmentOutcome::Unspecified => None,
            v1::ShipmentOutcome::Delivered => Some(ShipmentOutcome::Delivered),
            v1::ShipmentOutcome::Failed => Some(ShipmentOutcome::Failed),
        });
        Some(Command::CloseShipment(CloseShipment {
            shipment_id: shipment_id?,
            outcome: outcome?,
        }))
    }
}

impl Wire for v1::CancelItemsRequest {
    const METHOD: &'static str = "CancelItems";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let items = value::some_items(fields, &self.items);
        let cancel_reason = cancel_reason(fields, self.cancel_reason)?;
        Some(Command::CancelItems(CancelItems {
            items,
            cancel_reason,
        }))
    }
}

impl Wire for v1::CancelOrderRequest {
    const METHOD: &'static str = "CancelOrder";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let cancel_reason = cancel_reason(fields, self.cancel_reason)?;
        Some(Command::CancelOrder(CancelOrder { cancel_reason }))
    }
}

impl Wire for v1::RequestReturnRequest {
    const METHOD: &'static str = "RequestReturn";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let return_id = fields.optional(root.field("return_id"), &self.return_id, ReturnId::new);
        let items = value::some_items(fields, &self.items);
        let at = root.field("return_reason");
        let return_reason = fields.variant(at, self.return_reason, |reason| match reason {
            v1::ReturnReason::Unspecified => None,
            v1::ReturnReason::Unwanted => Some(ReturnReason::Unwanted),
            v1::ReturnReason::Damaged => Some(ReturnReason::Damaged),
            v1::ReturnReason::Defective => Some(ReturnReason::Defective),
            v1::ReturnReason::WrongItem => Some(ReturnReason::WrongItem),
            v1::ReturnReason::Other => Some(ReturnReason::Other),
        });
        Some(Command::RequestReturn(RequestReturn {
            return_id,
            items,
            return_reason: return_reason?,
        }))
    }
}

impl Wire for v1::ReceiveReturnRequest {
    const METHOD: &'static str = "ReceiveReturn";

    accessors!();

    fn command(&self, fields: &mut Fields) -> Option<Command> {
        let root = At::Root;
        let return_id = fields.required(root.field("return_id"), &self.return_id, ReturnId::new);
        // Nothing of a line may have arrived: 0 says so as well as leaving the line out.
        let received = value::items(fields, "received", &self.received, 0);
        Some(Command::ReceiveReturn(ReceiveReturn {
            return_id: return_id?,
            received,
        }))
    }
}

fn cancel_reason(fields: &mut Fields, raw: i32) -> Option<CancelReason> {
    fields.variant(
        At::Root.field("cancel_reason"),
        raw,
        |reason| match reason {
            v1::CancelReason::Unspecified => None,
            v1::CancelReason::Customer => Some(CancelReason::Customer),
            v1::CancelReason::Inventory => Some(CancelReason::Inventory),
            v1::CancelReason::Fraud => Some(CancelReason::Fraud),
            v1::CancelReason::PaymentDeclined => Some(CancelReason::PaymentDeclined),
            v1::CancelReason::PaymentTimeout => Some(CancelReason::PaymentTimeout),
            v1::CancelReason::StaffError => Some(CancelReason::StaffError),
            v1::CancelReason::Other => Some(CancelReason::Other),
        },
    )
}
