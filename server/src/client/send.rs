//! One way to send a command and to print its receipt, for all of them.

use anyhow::Context as _;
use prost::Message;
use proto::v1;
use proto::v1::order_command_service_client::OrderCommandServiceClient;
use serde_json::Value;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::{connect, json, money, refused};
use crate::cli;
use crate::output;

/// The service that takes commands, as a client sees it.
pub(super) type Service = OrderCommandServiceClient<Channel>;

/// A request of [`Service`], and what answers it.
pub(super) trait Command: Message + Clone {
    type Reply: Message;
    /// The reply's name in `orders.v1`.
    const REPLY: &'static str;
    fn context(&mut self) -> &mut Option<v1::CommandContext>;
    async fn send(self, service: &mut Service) -> Result<Response<Self::Reply>, Status>;
}

macro_rules! commands {
    ($($method:ident($request:ident) -> $reply:ident;)*) => {$(
        impl Command for v1::$request {
            type Reply = v1::$reply;
            const REPLY: &'static str = stringify!($reply);

            fn context(&mut self) -> &mut Option<v1::CommandContext> {
                &mut self.context
            }

            async fn send(self, service: &mut Service) -> Result<Response<Self::Reply>, Status> {
                service.$method(self).await
            }
        }
    )*};
}

commands! {
    create_order(CreateOrderRequest) -> CreateOrderResponse;
    edit_order(EditOrderRequest) -> EditOrderResponse;
    place_order(PlaceOrderRequest) -> PlaceOrderResponse;
    authorize_payment(AuthorizePaymentRequest) -> AuthorizePaymentResponse;
    capture_payment(CapturePaymentRequest) -> CapturePaymentResponse;
    void_payment(VoidPaymentRequest) -> VoidPaymentResponse;
    fail_payment(FailPaymentRequest) -> FailPaymentResponse;
    refund_payment(RefundPaymentRequest) -> RefundPaymentResponse;
    ship_items(ShipItemsRequest) -> ShipItemsResponse;
    close_shipment(CloseShipmentRequest) -> CloseShipmentResponse;
    cancel_items(CancelItemsRequest) -> CancelItemsResponse;
    cancel_order(CancelOrderRequest) -> CancelOrderResponse;
    request_return(RequestReturnRequest) -> RequestReturnResponse;
    receive_return(ReceiveReturnRequest) -> ReceiveReturnResponse;
    hold_order(HoldOrderRequest) -> HoldOrderResponse;
    release_order(ReleaseOrderRequest) -> ReleaseOrderResponse;
    annotate_order(AnnotateOrderRequest) -> AnnotateOrderResponse;
    erase_personal_data(ErasePersonalDataRequest) -> ErasePersonalDataResponse;
}

/// What every command may say, as the request carries it.
pub(super) fn context(call: &cli::Call) -> v1::CommandContext {
    v1::CommandContext {
        request_id: call.request_id.clone().unwrap_or_default(),
        expected_version: call.expected_version,
        validate_only: call.validate_only,
        occur_time: call.occur_time,
        reason: call.reason.clone().unwrap_or_default(),
        ..v1::CommandContext::default()
    }
}

/// Sends a command and prints what answers it.
///
/// # Errors
/// When nobody listens, or the service refuses.
pub(super) async fn send<C: Command>(call: &cli::Call, mut command: C) -> anyhow::Result<()> {
    *command.context() = Some(context(call));
    let mut service = Service::new(connect(&call.server.addr).await?);
    let reply = command.send(&mut service).await;
    let reply = reply.map_err(|status| refused(&status))?.into_inner();
    let reply = json(C::REPLY, &reply)?;
    if call.format.output == cli::Output::Table {
        for (name, what) in rows(&reply, call.validate_only)? {
            output::line(&format!("{name:<8} {what}"));
        }
    } else {
        output::line(&reply.to_string());
    }
    Ok(())
}

/// A reply for people: the order and its version, what is the command's own, the token.
fn rows(reply: &Value, validated: bool) -> anyhow::Result<Vec<(String, String)>> {
    let fields = reply.as_object().context("a reply is an object")?;
    let receipt = &reply["receipt"];
    let text = |name: &str| receipt[name].as_str().unwrap_or_default().to_owned();
    let how = match &receipt["eventCount"] {
        _ if receipt["replayed"] == true => " (replayed)",
        _ if validated => " (valid; nothing was stored)",
        Value::Null => " (no effect)",
        _stored => "",
    };
    let mut rows = vec![
        ("order".to_owned(), format!("{}{how}", text("orderId"))),
        ("version".to_owned(), text("version")),
    ];
    rows.extend(fields.iter().filter_map(|(name, what)| own(name, what)));
    rows.push(("token".to_owned(), text("consistencyToken")));
    Ok(rows)
}

/// One field of a reply: an assigned id, the ids of lines, an amount, the total.
fn own(name: &str, what: &Value) -> Option<(String, String)> {
    let told = match (name, what) {
        ("receipt", _) => return None,
        ("totals", totals) => return own("total", totals.get("placedTotal")?),
        ("lineIds", Value::Array(ids)) => {
            let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
            return Some(("lines".to_owned(), ids.join(" ")));
        }
        (_, Value::String(id)) => id.clone(),
        (_, amount) => money(Some(&v1::Money {
            currency_code: amount["currencyCode"].as_str()?.to_owned(),
            minor_units: match &amount["minorUnits"] {
                Value::String(units) => units.parse().ok()?,
                _zero => 0,
            },
        })),
    };
    Some((name.trim_end_matches("Id").to_owned(), told))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn told(reply: &Value, validated: bool) -> String {
        let rows = rows(reply, validated).expect("a reply");
        let rows = rows
            .into_iter()
            .map(|(name, what)| format!("{name}={what}"));
        rows.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_reply_tells_what_the_next_command_needs() {
        let receipt =
            json!({"orderId": "o", "version": "3", "eventCount": 1, "consistencyToken": "t"});
        let shipped = json!({"receipt": receipt, "shipmentId": "S1"});
        assert_eq!(
            told(&shipped, false),
            "order=o|version=3|shipment=S1|token=t"
        );
        let total = json!({"currencyCode": "GBP", "minorUnits": "495"});
        let created =
            json!({"receipt": receipt, "totals": {"placedTotal": total}, "lineIds": ["L1", "L2"]});
        assert_eq!(
            told(&created, false),
            "order=o|version=3|lines=L1 L2|total=4.95 GBP|token=t"
        );
        let nothing = json!({"receipt": receipt, "value": {"currencyCode": "GBP"}});
        assert_eq!(
            told(&nothing, false),
            "order=o|version=3|value=0.00 GBP|token=t"
        );
    }

    #[test]
    fn a_reply_tells_when_nothing_was_stored() {
        let reply = |receipt: Value| json!({ "receipt": receipt });
        let order = |receipt, validated| {
            let told = told(&reply(receipt), validated);
            told.split('|').next().unwrap_or_default().to_owned()
        };
        assert_eq!(
            order(json!({"orderId": "o", "replayed": true}), false),
            "order=o (replayed)"
        );
        assert_eq!(order(json!({"orderId": "o"}), false), "order=o (no effect)");
        let valid = "order=o (valid; nothing was stored)";
        assert_eq!(order(json!({"orderId": "o", "eventCount": 2}), true), valid);
    }
}
