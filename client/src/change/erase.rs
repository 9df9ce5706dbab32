//! erase: the personal data of one order, or of all orders of a customer.

use clap::Args;
use proto::v1;
use serde::Serialize;
use tonic::Code;

use super::call::Call;
use super::send::{CommandRequest as _, send};
use crate::connect::Connection;
use crate::error::Error;
use crate::pages;
use crate::refusal::Refusal;
use crate::render::{Format, print_values};
use crate::run::Run;

#[derive(Debug, Args)]
pub struct Erase {
    /// Id of the order.
    #[arg(required_unless_present = "customer")]
    order_id: Option<String>,
    /// All orders of this customer instead of one order.
    #[arg(long, value_name = "ID", conflicts_with_all = ["order_id", "expected_version"])]
    customer: Option<String>,
    /// With --customer: look for orders in a view that shows at least the write that returned this
    /// consistency token.
    #[arg(long, requires = "customer")]
    token: Option<String>,
    #[command(flatten)]
    call: Call,
}

impl Run for Erase {
    async fn run(self) -> Result<(), Error> {
        match self.customer {
            Some(customer) => {
                let token = self.token.unwrap_or_default();
                erase_all(&self.call, &customer, token).await
            }
            None => send(&self.call, request(self.order_id.unwrap_or_default(), None)).await,
        }
    }
}

/// Erases every order of a customer that allows it.
///
/// # Errors
/// When an order does not allow it, but only after all orders were tried.
async fn erase_all(call: &Call, customer: &str, token: String) -> Result<(), Error> {
    let service = call.server.connect().await?;
    let orders = pages::all(&service, every_order_of(customer, token)).await?;
    if orders.is_empty() {
        return Err(Error::Rejected(format!(
            "no order of customer {customer:?} was found\n\
             next: check the id with `orders list --customer ID`"
        )));
    }
    let (erasures, failure) = erase_each(call, &service, orders).await;
    print(&call.format, &erasures)?;
    if let Some(refusal) = failure {
        return Err(Error::Refused(Box::new(refusal)));
    }
    let kept = erasures.iter().filter(|it| it.outcome == KEPT).count();
    if kept > 0 {
        return Err(Error::Rejected(format!(
            "{kept} of {} orders of customer {customer:?} do not allow it yet\n\
             next: complete or cancel them and settle their balance (`orders get ORDER_ID`), then repeat",
            erasures.len()
        )));
    }
    Ok(())
}

/// Erases one order after the other. Stops at a refusal that is not about the order itself.
async fn erase_each(
    call: &Call,
    service: &Connection,
    orders: Vec<v1::Order>,
) -> (Vec<Erasure>, Option<Refusal>) {
    let mut erasures = Vec::with_capacity(orders.len());
    for order in orders {
        let request = request(order.order_id.clone(), Some(call.context()));
        let refusal = request.send(service).await.err();
        let refusal = refusal.map(|status| Refusal::from(&status));
        match refusal {
            Some(refusal) if refusal.code != Code::FailedPrecondition => {
                return (erasures, Some(refusal));
            }
            refusal => erasures.push(Erasure::new(order.order_id, call.validate_only, refusal)),
        }
    }
    (erasures, None)
}

/// Neither erased nor, with validate-only, ready for it.
const KEPT: &str = "kept";

/// What was done with the personal data of one order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Erasure {
    order_id: String,
    /// `erased`, `erasable` or [`KEPT`].
    outcome: &'static str,
    reason: String,
    message: String,
}

impl Erasure {
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

fn print(format: &Format, erasures: &[Erasure]) -> Result<(), Error> {
    let values = erasures.iter().map(serde_json::to_value);
    let rows = erasures.iter().map(|erasure| {
        vec![
            erasure.order_id.clone(),
            erasure.outcome.to_owned(),
            erasure.reason.clone(),
            erasure.message.clone(),
        ]
    });
    let header = ["ORDER", "OUTCOME", "REASON", "MESSAGE"];
    let values = values.collect::<Result<_, _>>()?;
    print_values(format, values, &header, &rows.collect::<Vec<_>>())
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
