//! `OrderQueryService`.

mod get;
mod list;
mod lookup;

use order::value::OrderId;
use proto::served::order_query_service_server::OrderQueryService;
use proto::{served, v1};
use tonic::{Request, Response, Status};

use crate::QueryService;
use crate::failure::Failure;

/// Most ids of one BatchGetOrders, and most orders of one reference.
const MAX_IDS: usize = 1_000;

#[tonic::async_trait]
impl OrderQueryService for QueryService {
    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Result<Response<served::GetOrderResponse>, Status> {
        match request.get_ref().as_of {
            Some(_) => self.replay(request).await,
            None => self.query(request).await,
        }
    }

    async fn batch_get_orders(
        &self,
        request: Request<v1::BatchGetOrdersRequest>,
    ) -> Result<Response<served::BatchGetOrdersResponse>, Status> {
        self.query(request).await
    }

    async fn lookup_order(
        &self,
        request: Request<v1::LookupOrderRequest>,
    ) -> Result<Response<served::LookupOrderResponse>, Status> {
        self.query(request).await
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<served::ListOrdersResponse>, Status> {
        self.query(request).await
    }

    async fn count_orders(
        &self,
        request: Request<v1::CountOrdersRequest>,
    ) -> Result<Response<v1::CountOrdersResponse>, Status> {
        self.query(request).await
    }
}

pub(crate) fn order_id(text: &str, field: &str) -> Result<OrderId, Failure> {
    OrderId::new(text).map_err(|rule| Failure::field(field, rule.0))
}
