//! What the simulator does to an order after it was placed, one command at a time.

use proto::v1::{CancelReason, HoldReason, ReturnReason, ShipmentOutcome};

/// Line number and units.
pub(crate) type Items = Vec<(usize, i64)>;

pub(crate) fn units(items: &Items) -> i64 {
    items.iter().map(|(_, units)| units).sum()
}

/// One command of a life.
#[derive(Debug)]
pub(crate) struct LifeStep {
    /// From 1 on, within the order.
    pub(crate) number: usize,
    /// When it happened, in microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) act: Act,
}

/// What a command does. Amounts are pence.
#[derive(Debug)]
pub(crate) enum Act {
    FailPayment {
        amount: i64,
    },
    Authorize {
        amount: i64,
        capture: bool,
    },
    Capture {
        amount: i64,
    },
    Void,
    Hold(HoldReason),
    Release(HoldReason),
    Ship {
        shipment: usize,
        items: Items,
    },
    /// One that fails leaves its units to be shipped again.
    Close {
        shipment: usize,
        units: i64,
        outcome: ShipmentOutcome,
    },
    Cancel {
        reason: CancelReason,
        value: i64,
    },
    RequestReturn {
        reason: ReturnReason,
        items: Items,
    },
    ReceiveReturn {
        items: Items,
        value: i64,
    },
    RefundReturn {
        amount: i64,
    },
    Goodwill {
        amount: i64,
    },
}

impl Act {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::FailPayment { .. } => "FailPayment",
            Self::Authorize { .. } => "AuthorizePayment",
            Self::Capture { .. } => "CapturePayment",
            Self::Void => "VoidPayment",
            Self::Hold(_) => "HoldOrder",
            Self::Release(_) => "ReleaseOrder",
            Self::Ship { .. } => "ShipItems",
            Self::Close { .. } => "CloseShipment",
            Self::Cancel { .. } => "CancelOrder",
            Self::RequestReturn { .. } => "RequestReturn",
            Self::ReceiveReturn { .. } => "ReceiveReturn",
            Self::RefundReturn { .. } | Self::Goodwill { .. } => "RefundPayment",
        }
    }
}
