//! `OrderHistoryService`: served from the log itself.

mod events;
mod explain;
mod path;

use order::Event;
use order::value::Currency;
use proto::commit::Commit;
use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService;
use tonic::{Request, Response, Status};

use crate::QueryService;
use crate::watch::Messages;

#[tonic::async_trait]
impl OrderHistoryService for QueryService {
    async fn list_order_events(
        &self,
        request: Request<v1::ListOrderEventsRequest>,
    ) -> Result<Response<v1::ListOrderEventsResponse>, Status> {
        self.replay(request).await
    }

    async fn explain_order(
        &self,
        request: Request<v1::ExplainOrderRequest>,
    ) -> Result<Response<v1::ExplainOrderResponse>, Status> {
        self.replay(request).await
    }

    type WatchOrdersStream = Messages;

    async fn watch_orders(
        &self,
        request: Request<v1::WatchOrdersRequest>,
    ) -> Result<Response<Messages>, Status> {
        self.watch(request).await
    }
}

/// The order's currency, if it is this commit that creates the order.
fn created_in(commit: &Commit) -> Option<Currency> {
    commit.events.iter().find_map(|event| match event {
        Event::OrderCreated(created) => Some(created.currency),
        _later => None,
    })
}
