//! authorize, pay, capture, void, fail-payment, refund.

use proto::v1;

use super::send::send;
use crate::cli;

/// Records an authorisation, captured or not.
pub(crate) async fn authorize(arguments: cli::Authorize) -> anyhow::Result<()> {
    let request = v1::AuthorizePaymentRequest {
        expire_time: arguments.expire_time,
        capture: arguments.capture,
        ..authorization(arguments.pay.attempt, arguments.pay.payment_id)?
    };
    send(&arguments.pay.call, request).await
}

/// Records an authorisation and its capture in one step.
pub(crate) async fn pay(arguments: cli::Pay) -> anyhow::Result<()> {
    let request = v1::AuthorizePaymentRequest {
        capture: true,
        ..authorization(arguments.attempt, arguments.payment_id)?
    };
    send(&arguments.call, request).await
}

fn authorization(
    attempt: cli::Attempt,
    payment_id: Option<String>,
) -> anyhow::Result<v1::AuthorizePaymentRequest> {
    Ok(v1::AuthorizePaymentRequest {
        order_id: attempt.order_id,
        payment_id: payment_id.unwrap_or_default(),
        amount: Some(amount(&attempt.transaction)?),
        method: attempt.method,
        psp_reference: attempt.transaction.psp_reference,
        ..v1::AuthorizePaymentRequest::default()
    })
}

fn amount(transaction: &cli::Transaction) -> anyhow::Result<v1::Money> {
    Ok(transaction.amount.of(transaction.denomination.currency)?)
}

/// Records a capture.
pub(crate) async fn capture(arguments: cli::Capture) -> anyhow::Result<()> {
    let request = v1::CapturePaymentRequest {
        order_id: arguments.order_id,
        payment_id: arguments.payment_id,
        amount: Some(amount(&arguments.transaction)?),
        psp_reference: arguments.transaction.psp_reference,
        ..v1::CapturePaymentRequest::default()
    };
    send(&arguments.call, request).await
}

/// Records that an authorisation was released.
pub(crate) async fn void(arguments: cli::VoidPayment) -> anyhow::Result<()> {
    let request = v1::VoidPaymentRequest {
        order_id: arguments.order_id,
        payment_id: arguments.payment_id,
        psp_reference: arguments.psp_reference.unwrap_or_default(),
        ..v1::VoidPaymentRequest::default()
    };
    send(&arguments.call, request).await
}

/// Records a declined payment.
pub(crate) async fn fail_payment(arguments: cli::FailPayment) -> anyhow::Result<()> {
    let attempt = arguments.attempt;
    let request = v1::FailPaymentRequest {
        order_id: attempt.order_id,
        amount: Some(amount(&attempt.transaction)?),
        method: attempt.method,
        psp_reference: attempt.transaction.psp_reference,
        decline_code: arguments.decline_code,
        ..v1::FailPaymentRequest::default()
    };
    send(&arguments.call, request).await
}

/// Records a refund.
pub(crate) async fn refund(arguments: cli::Refund) -> anyhow::Result<()> {
    let request = v1::RefundPaymentRequest {
        order_id: arguments.order_id,
        payment_id: arguments.payment_id,
        amount: Some(amount(&arguments.transaction)?),
        kind: arguments.kind.into(),
        return_id: arguments.return_id.unwrap_or_default(),
        psp_reference: arguments.transaction.psp_reference,
        ..v1::RefundPaymentRequest::default()
    };
    send(&arguments.call, request).await
}
