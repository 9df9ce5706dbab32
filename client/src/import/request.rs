//! Steps of the plan as requests of the API.

use proto::v1;
use proto::v1::order_command_service_client::OrderCommandServiceClient;
use tonic::Status;

use super::moment::timestamp;
use super::plan::{Cancellation, Invoice};
use super::row::{Price, Row};
use crate::connect::Connection;

const CURRENCY: &str = "GBP";

/// Who imports.
const ACTOR: &str = "orders-import";

macro_rules! requests {
    ($($kind:ident($request:ident) by $method:ident;)*) => {
        /// A request of the command service.
        #[derive(Clone, Debug)]
        pub(super) enum CommandRequest {
            $($kind(Box<v1::$request>),)*
        }

        $(impl From<v1::$request> for CommandRequest {
            fn from(request: v1::$request) -> Self {
                Self::$kind(Box::new(request))
            }
        })*

        impl CommandRequest {
            /// Sends it once.
            ///
            /// # Errors
            /// Any status but OK.
            pub(super) async fn send(self, service: &Connection) -> Result<v1::Receipt, Status> {
                let receipt = match self {
                    $(Self::$kind(request) => {
                        let answer = service.ask(*request, async |channel, request| {
                            OrderCommandServiceClient::new(channel).$method(request).await
                        });
                        answer.await?.receipt
                    })*
                };
                Ok(receipt.unwrap_or_default())
            }
        }
    };
}

requests! {
    Create(CreateOrderRequest) by create_order;
    CancelItems(CancelItemsRequest) by cancel_items;
    CancelOrder(CancelOrderRequest) by cancel_order;
    FailPayment(FailPaymentRequest) by fail_payment;
    Authorize(AuthorizePaymentRequest) by authorize_payment;
    Capture(CapturePaymentRequest) by capture_payment;
    Void(VoidPaymentRequest) by void_payment;
    Refund(RefundPaymentRequest) by refund_payment;
    Hold(HoldOrderRequest) by hold_order;
    Release(ReleaseOrderRequest) by release_order;
    Ship(ShipItemsRequest) by ship_items;
    Close(CloseShipmentRequest) by close_shipment;
    AnnounceReturn(RequestReturnRequest) by request_return;
    ReceiveReturn(ReceiveReturnRequest) by receive_return;
}

/// One CreateOrder that also places.
pub(super) fn create(invoice: &Invoice) -> CommandRequest {
    let shipping: Option<i64> = (!invoice.shipping.is_empty())
        .then(|| invoice.shipping.iter().filter_map(Row::value).sum());
    let id = format!("import-{}", invoice.number);
    v1::CreateOrderRequest {
        context: Some(context(id, invoice.time, ACTOR)),
        order_id: invoice.number.to_string(),
        channel: invoice.country.to_string(),
        currency_code: CURRENCY.to_owned(),
        payment_terms: v1::PaymentTerms::OnAccount.into(),
        customer: (!invoice.customer.is_empty()).then(|| v1::Customer {
            customer_id: invoice.customer.to_string(),
            ..v1::Customer::default()
        }),
        lines: invoice
            .lines
            .iter()
            .enumerate()
            .map(|(index, row)| line(index, row))
            .collect(),
        shipping: shipping.map(|pence| v1::Shipping {
            method: "carriage".to_owned(),
            price: Some(money(pence)),
            ..v1::Shipping::default()
        }),
        place: Some(v1::Placing {
            expected_total: Some(money(invoice.total)),
            payment_due_time: None,
        }),
        ..v1::CreateOrderRequest::default()
    }
    .into()
}

fn line(index: usize, row: &Row) -> v1::NewLine {
    let pence = match row.price {
        Price::Pence(pence) => pence,
        Price::SubPenny => 0,
    };
    v1::NewLine {
        line_id: format!("L{}", index + 1),
        sku: row.sku.to_string(),
        title: row.title.to_string(),
        quantity: row.quantity,
        unit_price: Some(money(pence)),
        tax_rate_ppm: 0,
    }
}

/// One CancelItems; one CancelOrder for a cancellation that names no items.
pub(super) fn cancel(cancellation: &Cancellation) -> CommandRequest {
    let row = &cancellation.row;
    let id = format!("import-{}-row-{}", row.invoice, row.number);
    let context = Some(context(id, row.time, ACTOR));
    let order_id = cancellation.order.to_string();
    let cancel_reason = v1::CancelReason::Customer.into();
    if cancellation.items.is_empty() {
        return v1::CancelOrderRequest {
            order_id,
            context,
            cancel_reason,
        }
        .into();
    }
    v1::CancelItemsRequest {
        order_id,
        context,
        items: items(&cancellation.items),
        cancel_reason,
    }
    .into()
}

pub(super) fn items(items: &[(usize, i64)]) -> Vec<v1::LineQuantity> {
    let item = |(line, quantity): &(usize, i64)| v1::LineQuantity {
        line_id: format!("L{line}"),
        quantity: *quantity,
    };
    items.iter().map(item).collect()
}

pub(super) fn context(request_id: String, time: i64, actor: &str) -> v1::CommandContext {
    v1::CommandContext {
        request_id,
        occur_time: Some(timestamp(time)),
        actor: Some(v1::Actor {
            kind: v1::ActorKind::Service.into(),
            actor_id: actor.to_owned(),
        }),
        ..v1::CommandContext::default()
    }
}

pub(super) fn money(pence: i64) -> v1::Money {
    v1::Money {
        currency_code: CURRENCY.to_owned(),
        minor_units: pence,
    }
}
