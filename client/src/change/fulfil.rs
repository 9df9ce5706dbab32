//! Goods: ship, deliver, cancel-items, cancel, request-return, receive-return.

use clap::Args;
use proto::v1;
use proto::v1::{CancelReason, LineQuantity, ReturnReason};

use super::call::Call;
use super::send::send;
use crate::error::Error;
use crate::run::Run;
use crate::value::item;
use crate::word::choice;

/// Units of some lines.
#[derive(Debug, Args)]
struct Items {
    /// Units of a line, for example L1:2; may be repeated.
    #[arg(long = "item", value_name = "LINE_ID:QUANTITY", required = true, value_parser = item)]
    items: Vec<LineQuantity>,
}

#[derive(Debug, Args)]
pub struct Ship {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    items: Items,
    /// The company that carries the parcel.
    #[arg(long)]
    carrier: Option<String>,
    /// The carrier's number of the parcel; `orders lookup` finds the order by it.
    #[arg(long, value_name = "NUMBER")]
    tracking_number: Option<String>,
    /// Id of the new shipment; assigned (S1, S2 …) if not given.
    #[arg(long, value_name = "ID")]
    shipment_id: Option<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for Ship {
    async fn run(self) -> Result<(), Error> {
        let request = v1::ShipItemsRequest {
            order_id: self.order_id,
            shipment_id: self.shipment_id.unwrap_or_default(),
            items: self.items.items,
            carrier: self.carrier.unwrap_or_default(),
            tracking_number: self.tracking_number.unwrap_or_default(),
            ..v1::ShipItemsRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Deliver {
    /// Id of the order.
    order_id: String,
    /// For example S1.
    shipment_id: String,
    /// The parcel did not arrive; its units can be shipped again.
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    call: Call,
}

impl Run for Deliver {
    async fn run(self) -> Result<(), Error> {
        let outcome = if self.failed {
            v1::ShipmentOutcome::Failed
        } else {
            v1::ShipmentOutcome::Delivered
        };
        let request = v1::CloseShipmentRequest {
            order_id: self.order_id,
            shipment_id: self.shipment_id,
            outcome: outcome.into(),
            ..v1::CloseShipmentRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct CancelItems {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    items: Items,
    /// Why, for reports.
    #[arg(long, value_parser = choice(CancelReason::as_str_name))]
    cancel_reason: CancelReason,
    #[command(flatten)]
    call: Call,
}

impl Run for CancelItems {
    async fn run(self) -> Result<(), Error> {
        let request = v1::CancelItemsRequest {
            order_id: self.order_id,
            items: self.items.items,
            cancel_reason: self.cancel_reason.into(),
            ..v1::CancelItemsRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Cancel {
    /// Id of the order.
    order_id: String,
    /// Why, for reports.
    #[arg(long, value_parser = choice(CancelReason::as_str_name))]
    cancel_reason: CancelReason,
    #[command(flatten)]
    call: Call,
}

impl Run for Cancel {
    async fn run(self) -> Result<(), Error> {
        let request = v1::CancelOrderRequest {
            order_id: self.order_id,
            cancel_reason: self.cancel_reason.into(),
            ..v1::CancelOrderRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct RequestReturn {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    items: Items,
    /// Why they come back.
    #[arg(long, value_parser = choice(ReturnReason::as_str_name))]
    return_reason: ReturnReason,
    /// Id of the new return; assigned (R1, R2 …) if not given.
    #[arg(long, value_name = "ID")]
    return_id: Option<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for RequestReturn {
    async fn run(self) -> Result<(), Error> {
        let request = v1::RequestReturnRequest {
            order_id: self.order_id,
            return_id: self.return_id.unwrap_or_default(),
            items: self.items.items,
            return_reason: self.return_reason.into(),
            ..v1::RequestReturnRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct ReceiveReturn {
    /// Id of the order.
    order_id: String,
    /// For example R1.
    return_id: String,
    /// What came back of a line, for example L1:1; may be repeated.
    #[arg(long = "item", value_name = "LINE_ID:QUANTITY", value_parser = item)]
    received: Vec<LineQuantity>,
    #[command(flatten)]
    call: Call,
}

impl Run for ReceiveReturn {
    async fn run(self) -> Result<(), Error> {
        let request = v1::ReceiveReturnRequest {
            order_id: self.order_id,
            return_id: self.return_id,
            received: self.received,
            ..v1::ReceiveReturnRequest::default()
        };
        send(&self.call, request).await
    }
}
