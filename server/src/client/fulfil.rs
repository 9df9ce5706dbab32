//! ship, deliver, cancel-items, cancel, request-return, receive-return.

use proto::v1;

use super::send::send;
use crate::cli;

/// Records that units left.
pub(crate) async fn ship(arguments: cli::Ship) -> anyhow::Result<()> {
    let request = v1::ShipItemsRequest {
        order_id: arguments.order_id,
        shipment_id: arguments.shipment_id.unwrap_or_default(),
        items: arguments.items.items,
        carrier: arguments.carrier.unwrap_or_default(),
        tracking_number: arguments.tracking_number.unwrap_or_default(),
        ..v1::ShipItemsRequest::default()
    };
    send(&arguments.call, request).await
}

/// Records that a shipment ended.
pub(crate) async fn deliver(arguments: cli::Deliver) -> anyhow::Result<()> {
    let outcome = if arguments.failed {
        v1::ShipmentOutcome::Failed
    } else {
        v1::ShipmentOutcome::Delivered
    };
    let request = v1::CloseShipmentRequest {
        order_id: arguments.order_id,
        shipment_id: arguments.shipment_id,
        outcome: outcome.into(),
        ..v1::CloseShipmentRequest::default()
    };
    send(&arguments.call, request).await
}

/// Cancels units.
pub(crate) async fn cancel_items(arguments: cli::CancelItems) -> anyhow::Result<()> {
    let request = v1::CancelItemsRequest {
        order_id: arguments.order_id,
        items: arguments.items.items,
        cancel_reason: arguments.cancel_reason.into(),
        ..v1::CancelItemsRequest::default()
    };
    send(&arguments.call, request).await
}

/// Cancels an order.
pub(crate) async fn cancel(arguments: cli::Cancel) -> anyhow::Result<()> {
    let request = v1::CancelOrderRequest {
        order_id: arguments.order_id,
        cancel_reason: arguments.cancel_reason.into(),
        ..v1::CancelOrderRequest::default()
    };
    send(&arguments.call, request).await
}

/// Announces a return.
pub(crate) async fn request_return(arguments: cli::RequestReturn) -> anyhow::Result<()> {
    let request = v1::RequestReturnRequest {
        order_id: arguments.order_id,
        return_id: arguments.return_id.unwrap_or_default(),
        items: arguments.items.items,
        return_reason: arguments.return_reason.into(),
        ..v1::RequestReturnRequest::default()
    };
    send(&arguments.call, request).await
}

/// Records what came back.
pub(crate) async fn receive_return(arguments: cli::ReceiveReturn) -> anyhow::Result<()> {
    let request = v1::ReceiveReturnRequest {
        order_id: arguments.order_id,
        return_id: arguments.return_id,
        received: arguments.received,
        ..v1::ReceiveReturnRequest::default()
    };
    send(&arguments.call, request).await
}
