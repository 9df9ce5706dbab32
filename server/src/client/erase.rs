//! erase: the personal data of one order, or of all orders of a customer.

use anyhow::bail;
use proto::v1;
use serde::Serialize;
use tonic::Code;

use super::query::pages;
use super::send::{Command as _, Service, context, send};
use super::{Refusal, connect, print_values};
use crate::cli;

/// Erases what it is told to.
///
/// # Errors
/// When an order does not allow it; with a customer only after all its orders were tried.
pub(crate) async fn erase(arguments: cli::Erase) -> anyhow::Result<()> {
    let Some(customer) = arguments.customer else {
        let request = request(arguments.order_id.unwrap_or_default(), None);
        return send(&arguments.call, request).await;
    };
    let call = arguments.call;
    let channel = connect(&call.server.addr).await?;
    let token = arguments.token.unwrap_or_default();
    let list = every_order_of(&customer, token);
    let orders = pages(channel.clone(), list, usize::MAX).await?;
    if orders.is_empty() {
        bail!(
            "no order of customer {customer:?} was found\nnext: check the id with `orders list --customer ID`"
        );
    }
    let mut service = Service::new(channel);
    let mut outcomes = Vec::with_capacity(orders.len());
    let mut failure = None;
    for order in orders {
        let request = request(order.order_id.clone(), Some(context(&call)));
        let refusal = request.send(&mut service).await.err();
        let refusal = refusal.map(|status| Refusal::from(&status));
        match refusal {
            Some(refusal) if refusal.code != Code::FailedPrecondition => {
                failure = Some(refusal);
                break;
            }
            refusal => outcomes.push(Outcome::new(order.order_id, call.validate_only, refusal)),
        }
    }
    print(call.format.output, &outcomes)?;
    if let Some(refusal) = failure {
        return Err(refusal.into());
    }
    let kept = outcomes
        .iter()
        .filter(|outcome| outcome.outcome == KEPT)
        .count();
    if kept > 0 {
        bail!(
            "{kept} of {} orders of customer {customer:?} do not allow it yet\n\
             next: complete or cancel them and settle their balance (`orders get ORDER_ID`), then repeat",
            outcomes.len()
        );
    }
    Ok(())
}

/// Neither erased nor, with validate-only, ready for it.
const KEPT: &str = "kept";

/// What became of one order's personal data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    order_id: String,
    /// `erased`, `erasable` or [`KEPT`].
    outcome: &'static str,
    reason: String,
    message: String,
}

impl Outcome {
    fn new(order_id: String, validated: bool, refusal: Option<Refusal>) -> Self {
        let outcome = match &refusal {
            Some(_) => KEPT,
            None if validated => "erasable",
            None => "erased",
        };
        let (reason, message) = refusal
            .map(|refusal| (refusal.reason, refusal.message))
            .unwrap_or_default();
        Self {
            order_id,
            outcome,
            reason,
            message,
        }
    }
}

fn print(format: cli::Output, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let values = outcomes.iter().map(serde_json::to_value);
    let rows = outcomes.iter().map(|outcome| {
        vec![
            outcome.order_id.clone(),
            outcome.outcome.to_owned(),
            outcome.reason.clone(),
            outcome.message.clone(),
        ]
    });
    let header = ["ORDER", "OUTCOME", "REASON", "MESSAGE"];
    print_values(
        format,
        values.collect::<Result<_, _>>()?,
        &header,
        &rows.collect::<Vec<_>>(),
    );
    Ok(())
}

fn request(order_id: String, context: Option<v1::CommandContext>) -> v1::ErasePersonalDataRequest {
    v1::ErasePersonalDataRequest { order_id, context }
}

fn every_order_of(customer: &str, consistency_token: String) -> v1::ListOrdersRequest {
    v1::ListOrdersRequest {
        filter: Some(v1::OrderFilter {
            customer_ids: vec![customer.to_owned()],
            ..v1::OrderFilter::default()
        }),
        read_mask: Some(prost_types::FieldMask {
            paths: vec!["order_id".to_owned()],
        }),
        consistency_token,
        ..v1::ListOrdersRequest::default()
    }
}
