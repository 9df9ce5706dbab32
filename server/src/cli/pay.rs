//! Arguments that record what a payment provider did.

use clap::Args;
use prost_types::Timestamp;
use proto::v1::RefundKind;

use super::value::{Amount, choice, time};
use super::{Call, Denomination};

/// An amount that moved, and the provider's name for it.
#[derive(Debug, Args)]
pub(crate) struct Transaction {
    /// How much, in the currency's main unit, for example 4.95.
    #[arg(long)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) denomination: Denomination,
    /// The provider's reference of this transaction; a second one of the same kind is refused.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) psp_reference: String,
}

/// What a customer tried to pay with.
#[derive(Debug, Args)]
pub(crate) struct Attempt {
    /// Id of the order.
    pub(crate) order_id: String,
    #[command(flatten)]
    pub(crate) transaction: Transaction,
    /// How it is paid, for example card.
    #[arg(long)]
    pub(crate) method: String,
}

#[derive(Debug, Args)]
pub(crate) struct Authorize {
    #[command(flatten)]
    pub(crate) pay: Pay,
    /// When the authorisation ends, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) expire_time: Option<Timestamp>,
    /// Captured in the same step, as `orders pay` does it.
    #[arg(long)]
    pub(crate) capture: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Pay {
    #[command(flatten)]
    pub(crate) attempt: Attempt,
    /// Id of the new payment; assigned (P1, P2 …) if not given.
    #[arg(long, value_name = "ID")]
    pub(crate) payment_id: Option<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Capture {
    /// Id of the order.
    pub(crate) order_id: String,
    /// The authorisation, for example P1.
    pub(crate) payment_id: String,
    #[command(flatten)]
    pub(crate) transaction: Transaction,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct VoidPayment {
    /// Id of the order.
    pub(crate) order_id: String,
    /// The authorisation, for example P1.
    pub(crate) payment_id: String,
    /// The provider's reference of the release.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) psp_reference: Option<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct FailPayment {
    #[command(flatten)]
    pub(crate) attempt: Attempt,
    /// Why, in the provider's code, for example 51.
    #[arg(long, value_name = "CODE")]
    pub(crate) decline_code: String,
    #[command(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Args)]
pub(crate) struct Refund {
    /// Id of the order.
    pub(crate) order_id: String,
    /// The payment that money goes back on, for example P1.
    pub(crate) payment_id: String,
    #[command(flatten)]
    pub(crate) transaction: Transaction,
    /// What the order owes, or a gift on top.
    #[arg(long, default_value = "credit", value_parser = choice(RefundKind::as_str_name))]
    pub(crate) kind: RefundKind,
    /// The return that it is for, for example R1.
    #[arg(long, value_name = "ID")]
    pub(crate) return_id: Option<String>,
    #[command(flatten)]
    pub(crate) call: Call,
}
