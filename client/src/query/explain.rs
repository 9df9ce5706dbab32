//! explain: which event gave a field its value.

use clap::Args;
use proto::v1;
use proto::v1::order_history_service_client::OrderHistoryServiceClient;

use super::event::details;
use crate::ask::Asking;
use crate::error::Error;
use crate::render::{fields, print_one, time};
use crate::run::Run;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples: orders explain demo-1 payment_state\n          \
                        orders explain demo-1 lines[L1].cancelled_quantity\n          \
                        orders explain demo-1 metadata[colour]\n\n\
                        Fields have the names of `orders get -o json`, in small letters with \
                        underscores. An element of a list is named by its id in brackets."
)]
pub struct Explain {
    /// Id of the order.
    order_id: String,
    /// A field of the order, for example payment_state.
    field_path: String,
    #[command(flatten)]
    asking: Asking,
}

impl Run for Explain {
    async fn run(self) -> Result<(), Error> {
        let request = v1::ExplainOrderRequest {
            order_id: self.order_id,
            field_path: self.field_path.clone(),
            consistency_token: self.asking.token.unwrap_or_default(),
        };
        let service = self.asking.server.connect().await?;
        let answer = service
            .ask(request, async |channel, request| {
                OrderHistoryServiceClient::new(channel)
                    .explain_order(request)
                    .await
            })
            .await?;
        print_one(&self.asking.format, "ExplainOrderResponse", &answer, |it| {
            text(&self.field_path, it)
        })
    }
}

fn text(field: &str, answer: &v1::ExplainOrderResponse) -> String {
    let set = |value: &str| if value.is_empty() { "(not set)" } else { value }.to_owned();
    let mut rows = vec![
        ("field", field.to_owned()),
        ("value", set(&answer.value)),
        ("read up to", format!("version {}", answer.version)),
    ];
    match &answer.event {
        None => rows.push(("event", "no event has set this field".to_owned())),
        Some(event) => {
            let actor = event.actor.as_ref().map(|actor| actor.actor_id.clone());
            rows.extend([
                ("before", set(&answer.before)),
                ("after", set(&answer.after)),
                (
                    "event",
                    format!("{} (version {})", event.r#type, event.version),
                ),
                ("details", details(event)),
                ("occurred", time(event.occur_time.as_ref())),
                ("recorded", time(event.record_time.as_ref())),
                ("position", event.position.clone()),
                ("actor", actor.unwrap_or_default()),
                ("reason", event.reason.clone()),
                ("request", event.request_id.clone()),
            ]);
        }
    }
    fields(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_shown_with_the_event_that_set_it() {
        let event = v1::OrderEvent {
            r#type: "OrderHeld".to_owned(),
            version: 4,
            reason: "new address".to_owned(),
            ..v1::OrderEvent::default()
        };
        let answer = v1::ExplainOrderResponse {
            version: 5,
            value: "true".to_owned(),
            event: Some(event),
            after: "true".to_owned(),
            ..v1::ExplainOrderResponse::default()
        };
        let text = text("holds[HOLD_REASON_ADDRESS]", &answer);
        for line in [
            "value       true",
            "before      (not set)",
            "event       OrderHeld (version 4)",
            "reason      new address",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn a_field_that_no_event_set_is_said_to_be_so() {
        let text = text("channel", &v1::ExplainOrderResponse::default());
        assert!(text.contains("no event has set this field"), "{text}");
    }
}
