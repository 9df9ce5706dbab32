//! history: what happened to an order.

use clap::Args;
use proto::v1;
use proto::v1::order_history_service_client::OrderHistoryServiceClient;

use super::event::details;
use crate::ask::Asking;
use crate::error::Error;
use crate::pages::PAGE_MAX;
use crate::render::{print, time};
use crate::run::Run;

const HEADER: [&str; 7] = [
    "VERSION", "EVENT", "DETAILS", "OCCURRED", "POSITION", "ACTOR", "REQUEST",
];

#[derive(Debug, Args)]
#[command(after_help = "Example: orders history demo-1")]
pub struct History {
    /// Id of the order.
    order_id: String,
    /// Only what came after this version.
    #[arg(long, default_value_t = 0, value_name = "VERSION")]
    after: i64,
    #[command(flatten)]
    asking: Asking,
}

impl Run for History {
    async fn run(self) -> Result<(), Error> {
        let service = self.asking.server.connect().await?;
        let mut request = v1::ListOrderEventsRequest {
            order_id: self.order_id,
            after_version: self.after,
            page_size: PAGE_MAX,
            consistency_token: self.asking.token.unwrap_or_default(),
            ..v1::ListOrderEventsRequest::default()
        };
        let mut events = Vec::new();
        loop {
            let page = service
                .ask(request.clone(), async |channel, request| {
                    OrderHistoryServiceClient::new(channel)
                        .list_order_events(request)
                        .await
                })
                .await?;
            events.extend(page.events);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        print(&self.asking.format, "OrderEvent", &events, &HEADER, row)
    }
}

fn row(event: &v1::OrderEvent) -> Vec<String> {
    let actor = event.actor.as_ref();
    vec![
        event.version.to_string(),
        event.r#type.clone(),
        details(event),
        time(event.occur_time.as_ref()),
        event.position.clone(),
        actor.map_or_else(|| "-".to_owned(), |actor| actor.actor_id.clone()),
        event.request_id.clone(),
    ]
}
