//! How every command is sent, and how its receipt is printed.

use prost::Message;
use proto::v1;
use proto::v1::order_command_service_client::OrderCommandServiceClient;
use serde_json::Value;
use tonic::Status;

use super::call::Call;
use crate::amount::money;
use crate::connect::Connection;
use crate::error::Error;
use crate::output;
use crate::render::{Output, json};

/// The request of one command.
pub(super) trait CommandRequest: Message + Clone {
    /// What the service answers.
    type Answer: Message;
    /// The name of the answer in `orders.v1`.
    const ANSWER: &'static str;
    fn context(&mut self) -> &mut Option<v1::CommandContext>;
    /// Sends it once.
    ///
    /// # Errors
    /// Any status but OK.
    async fn send(self, service: &Connection) -> Result<Self::Answer, Status>;
}

macro_rules! commands {
    ($($method:ident($request:ident) -> $answer:ident;)*) => {$(
        impl CommandRequest for v1::$request {
            type Answer = v1::$answer;
            const ANSWER: &'static str = stringify!($answer);

            fn context(&mut self) -> &mut Option<v1::CommandContext> {
                &mut self.context
            }

            async fn send(self, service: &Connection) -> Result<Self::Answer, Status> {
                service
                    .ask(self, async |channel, request| {
                        OrderCommandServiceClient::new(channel).$method(request).await
                    })
                    .await
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

/// Sends a command and prints its answer.
///
/// # Errors
/// When nobody listens, the service refuses, or the answer cannot be written.
pub(super) async fn send<C: CommandRequest>(call: &Call, mut command: C) -> Result<(), Error> {
    *command.context() = Some(call.context());
    let service = call.server.connect().await?;
    let answer = command.send(&service).await?;
    let answer = json(C::ANSWER, &answer)?;
    let text = match call.format.output {
        Output::Table => lines(&answer, call.validate_only),
        Output::Json | Output::Jsonl => answer.to_string(),
    };
    output::line(&text)
}

fn lines(answer: &Value, validated: bool) -> String {
    let rows = rows(answer, validated).into_iter();
    let lines: Vec<String> = rows
        .map(|(name, what)| format!("{name:<8} {what}").trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// An answer for people: the order and its version, what only this command answers, the token.
fn rows(answer: &Value, validated: bool) -> Vec<(String, String)> {
    let receipt = &answer["receipt"];
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
    let fields = answer.as_object().into_iter().flatten();
    rows.extend(fields.filter_map(|(name, what)| own(name, what)));
    rows.push(("token".to_owned(), text("consistencyToken")));
    rows
}

/// One field of an answer: an assigned id, the ids of lines, an amount, the total.
fn own(name: &str, what: &Value) -> Option<(String, String)> {
    let shown = match (name, what) {
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
    Some((name.trim_end_matches("Id").to_owned(), shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn shown(reply: &Value, validated: bool) -> String {
        let rows = rows(reply, validated);
        let rows = rows
            .into_iter()
            .map(|(name, what)| format!("{name}={what}"));
        rows.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn an_answer_shows_what_the_next_command_needs() {
        let receipt =
            json!({"orderId": "o", "version": "3", "eventCount": 1, "consistencyToken": "t"});
        let shipped = json!({"receipt": receipt, "shipmentId": "S1"});
        assert_eq!(
            shown(&shipped, false),
            "order=o|version=3|shipment=S1|token=t"
        );
        let total = json!({"currencyCode": "GBP", "minorUnits": "495"});
        let created =
            json!({"receipt": receipt, "totals": {"placedTotal": total}, "lineIds": ["L1", "L2"]});
        assert_eq!(
            shown(&created, false),
            "order=o|version=3|lines=L1 L2|total=4.95 GBP|token=t"
        );
        let nothing = json!({"receipt": receipt, "value": {"currencyCode": "GBP"}});
        assert_eq!(
            shown(&nothing, false),
            "order=o|version=3|value=0.00 GBP|token=t"
        );
    }

    #[test]
    fn an_answer_says_when_nothing_was_stored() {
        let reply = |receipt: Value| json!({ "receipt": receipt });
        let order = |receipt, validated| {
            let shown = shown(&reply(receipt), validated);
            shown.split('|').next().unwrap_or_default().to_owned()
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
