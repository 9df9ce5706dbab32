//! The services as a client sees them: what goes out as bytes comes back as messages.

use prost::Message;
use proto::v1::order_history_service_server::OrderHistoryService;
use proto::v1::order_query_service_server::OrderQueryService;
use proto::v1::order_report_service_server::OrderReportService;
use proto::{served, v1};
use query::{Messages, QueryService};
use served::order_query_service_server::OrderQueryService as Served;
use tonic::{Request, Response, Status};

pub(crate) struct Decoded(pub(crate) QueryService);

/// Over the wire and back: metadata stays.
fn decoded<A: Message, B: Message + Default>(reply: Response<A>) -> Response<B> {
    reply.map(|reply| B::decode(&*reply.encode_to_vec()).expect("the same on the wire"))
}

/// Methods that hand on and decode.
macro_rules! methods {
    ($($service:ident { $($method:ident($request:ident) -> $reply:ident by $inner:path;)* })*) => {
        $(#[tonic::async_trait]
        impl $service for Decoded {
            $(async fn $method(
                &self,
                request: Request<v1::$request>,
            ) -> Result<Response<v1::$reply>, Status> {
                <QueryService as $inner>::$method(&self.0, request).await.map(decoded)
            })*
        })*
    };
}

methods! {
    OrderQueryService {
        get_order(GetOrderRequest) -> GetOrderResponse by Served;
        batch_get_orders(BatchGetOrdersRequest) -> BatchGetOrdersResponse by Served;
        lookup_order(LookupOrderRequest) -> LookupOrderResponse by Served;
        list_orders(ListOrdersRequest) -> ListOrdersResponse by Served;
        count_orders(CountOrdersRequest) -> CountOrdersResponse by Served;
    }
    OrderReportService {
        summarize_states(SummarizeStatesRequest) -> SummarizeStatesResponse by OrderReportService;
        query_revenue(QueryRevenueRequest) -> QueryRevenueResponse by OrderReportService;
        rank_skus(RankSkusRequest) -> RankSkusResponse by OrderReportService;
        query_funnel(QueryFunnelRequest) -> QueryFunnelResponse by OrderReportService;
    }
}

#[tonic::async_trait]
impl OrderHistoryService for Decoded {
    async fn list_order_events(
        &self,
        request: Request<v1::ListOrderEventsRequest>,
    ) -> Result<Response<v1::ListOrderEventsResponse>, Status> {
        self.0.list_order_events(request).await
    }

    async fn explain_order(
        &self,
        request: Request<v1::ExplainOrderRequest>,
    ) -> Result<Response<v1::ExplainOrderResponse>, Status> {
        self.0.explain_order(request).await
    }

    type WatchOrdersStream = Messages;

    async fn watch_orders(
        &self,
        request: Request<v1::WatchOrdersRequest>,
    ) -> Result<Response<Messages>, Status> {
        self.0.watch_orders(request).await
    }
}
