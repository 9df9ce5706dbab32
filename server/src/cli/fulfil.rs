//! Arguments that move or cancel goods.

use clap::Args;
use proto::v1::{CancelReason, LineQuantity, ReturnReason};

use super::Call;
use super::value::{choice, item};

/// Units of some lines.
#[derive(Debug, Args)]
pub(crate) struct Items {
    /// Units of a line, for example L1:2; may be repeated.
    #[arg(long = "item", value_name = "LINE_ID:QUANTITY", required = true, value_parser = item)]
    pub(crate) items: Vec<LineQuantity>,
}

#[derive(Debug, Args)]
pub(crate) struct Ship {
    /// Id of the order.
    pub(crate) order_id: String,
    #[command(flatten)]
    pub(crate) items: Items,
    /// Who carries it.
    #[arg(long)]
    pub(crate) carrier: Option<String>,
    /// The carrier's number of it; `orders lookup` finds the order by it.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) tracking_number: Option<String>,
    /// Id of the new shipment; assigned (S1, S2 …) if not given.
    #[arg(long, value_name = "ID")]
    pub(crate) shipment_id: Option<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Deliver {
    /// Id of the order.
    pub(crate) order_id: String,
    /// For example S1.
    pub(crate) shipment_id: String,
    /// It did not arrive; its units are to ship again.
    #[arg(long)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct CancelItems {
    /// Id of the order.
    pub(crate) order_id: String,
    #[command(flatten)]
    pub(crate) items: Items,
    /// Why, for reports.
    #[arg(long, value_parser = choice(CancelReason::as_str_name))]
    pub(crate) cancel_reason: CancelReason,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Id of the order.
    pub(crate) order_id: String,
    /// Why, for reports.
    #[arg(long, value_parser = choice(CancelReason::as_str_name))]
    pub(crate) cancel_reason: CancelReason,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct RequestReturn {
    /// Id of the order.
    pub(crate) order_id: String,
    #[command(flatten)]
    pub(crate) items: Items,
    /// Why they come back.
    #[arg(long, value_parser = choice(ReturnReason::as_str_name))]
    pub(crate) return_reason: ReturnReason,
    /// Id of the new return; assigned (R1, R2 …) if not given.
    #[arg(long, value_name = "ID")]
    pub(crate) return_id: Option<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveReturn {
    /// Id of the order.
    pub(crate) order_id: String,
    /// For example R1.
    pub(crate) return_id: String,
    /// What came back of a line, for example L1:1; may be repeated.
    #[arg(long = "item", value_name = "LINE_ID:QUANTITY", value_parser = item)]
    pub(crate) received: Vec<LineQuantity>,
    #[command(flatten)]
    pub(crate) call: Call,
}
