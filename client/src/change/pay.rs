//! Money, as the payment provider moved it: authorize, pay, capture, void, fail-payment, refund.

use clap::Args;
use prost_types::Timestamp;
use proto::v1;
use proto::v1::RefundKind;

use super::call::Call;
use super::denomination::Denomination;
use super::send::send;
use crate::amount::Amount;
use crate::error::Error;
use crate::run::Run;
use crate::value::time;
use crate::word::choice;

/// An amount that moved, and the reference of the provider for it.
#[derive(Debug, Args)]
struct Transaction {
    /// How much, in the currency's main unit, for example 4.95.
    #[arg(long)]
    amount: Amount,
    #[command(flatten)]
    denomination: Denomination,
    /// The provider's reference of this transaction; a second one of the same kind is refused.
    #[arg(long, value_name = "REFERENCE")]
    psp_reference: String,
}

/// A payment as the customer tried it.
#[derive(Debug, Args)]
struct Attempt {
    /// Id of the order.
    order_id: String,
    #[command(flatten)]
    transaction: Transaction,
    /// How it is paid, for example card.
    #[arg(long)]
    method: String,
}

#[derive(Debug, Args)]
pub struct Authorize {
    #[command(flatten)]
    pay: Pay,
    /// When the authorisation ends, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    expire_time: Option<Timestamp>,
    /// Capture the amount in the same step, as `orders pay` does.
    #[arg(long)]
    capture: bool,
}

impl Run for Authorize {
    async fn run(self) -> Result<(), Error> {
        let request = v1::AuthorizePaymentRequest {
            expire_time: self.expire_time,
            capture: self.capture,
            ..authorization(self.pay.attempt, self.pay.payment_id)?
        };
        send(&self.pay.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Pay {
    #[command(flatten)]
    attempt: Attempt,
    /// Id of the new payment; assigned (P1, P2 …) if not given.
    #[arg(long, value_name = "ID")]
    payment_id: Option<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for Pay {
    async fn run(self) -> Result<(), Error> {
        let request = v1::AuthorizePaymentRequest {
            capture: true,
            ..authorization(self.attempt, self.payment_id)?
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Capture {
    /// Id of the order.
    order_id: String,
    /// The authorisation, for example P1.
    payment_id: String,
    #[command(flatten)]
    transaction: Transaction,
    #[command(flatten)]
    call: Call,
}

impl Run for Capture {
    async fn run(self) -> Result<(), Error> {
        let request = v1::CapturePaymentRequest {
            order_id: self.order_id,
            payment_id: self.payment_id,
            amount: Some(amount(&self.transaction)?),
            psp_reference: self.transaction.psp_reference,
            ..v1::CapturePaymentRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct VoidPayment {
    /// Id of the order.
    order_id: String,
    /// The authorisation, for example P1.
    payment_id: String,
    /// The provider's reference of the release.
    #[arg(long, value_name = "REFERENCE")]
    psp_reference: Option<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for VoidPayment {
    async fn run(self) -> Result<(), Error> {
        let request = v1::VoidPaymentRequest {
            order_id: self.order_id,
            payment_id: self.payment_id,
            psp_reference: self.psp_reference.unwrap_or_default(),
            ..v1::VoidPaymentRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct FailPayment {
    #[command(flatten)]
    attempt: Attempt,
    /// Why, in the provider's code, for example 51.
    #[arg(long, value_name = "CODE")]
    decline_code: String,
    #[command(flatten)]
    call: Call,
}

impl Run for FailPayment {
    async fn run(self) -> Result<(), Error> {
        let attempt = self.attempt;
        let request = v1::FailPaymentRequest {
            order_id: attempt.order_id,
            amount: Some(amount(&attempt.transaction)?),
            method: attempt.method,
            psp_reference: attempt.transaction.psp_reference,
            decline_code: self.decline_code,
            ..v1::FailPaymentRequest::default()
        };
        send(&self.call, request).await
    }
}

#[derive(Debug, Args)]
pub struct Refund {
    /// Id of the order.
    order_id: String,
    /// The payment whose money is paid back, for example P1.
    payment_id: String,
    #[command(flatten)]
    transaction: Transaction,
    /// Why: a credit that the order owes, or goodwill.
    #[arg(long, default_value = "credit", value_parser = choice(RefundKind::as_str_name))]
    kind: RefundKind,
    /// The return that it is for, for example R1.
    #[arg(long, value_name = "ID")]
    return_id: Option<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for Refund {
    async fn run(self) -> Result<(), Error> {
        let request = v1::RefundPaymentRequest {
            order_id: self.order_id,
            payment_id: self.payment_id,
            amount: Some(amount(&self.transaction)?),
            kind: self.kind.into(),
            return_id: self.return_id.unwrap_or_default(),
            psp_reference: self.transaction.psp_reference,
            ..v1::RefundPaymentRequest::default()
        };
        send(&self.call, request).await
    }
}

fn authorization(
    attempt: Attempt,
    payment_id: Option<String>,
) -> Result<v1::AuthorizePaymentRequest, Error> {
    Ok(v1::AuthorizePaymentRequest {
        order_id: attempt.order_id,
        payment_id: payment_id.unwrap_or_default(),
        amount: Some(amount(&attempt.transaction)?),
        method: attempt.method,
        psp_reference: attempt.transaction.psp_reference,
        ..v1::AuthorizePaymentRequest::default()
    })
}

fn amount(transaction: &Transaction) -> Result<v1::Money, Error> {
    transaction.amount.of(transaction.denomination.currency)
}
