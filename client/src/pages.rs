//! Lists of orders, page after page.

use proto::v1;
use proto::v1::order_query_service_client::OrderQueryServiceClient;
use tonic::Status;

use crate::connect::Connection;

/// Orders of one request of ListOrders, and events of one of ListOrderEvents. The service answers
/// no more at once.
pub(crate) const PAGE_MAX: i32 = 1000;

/// All orders of a list.
///
/// # Errors
/// The first status but OK.
pub(crate) async fn all(
    service: &Connection,
    request: v1::ListOrdersRequest,
) -> Result<Vec<v1::Order>, Status> {
    up_to(service, request, usize::MAX).await
}

/// The first orders of a list, at most `limit`.
///
/// # Errors
/// The first status but OK.
pub(crate) async fn up_to(
    service: &Connection,
    mut request: v1::ListOrdersRequest,
    limit: usize,
) -> Result<Vec<v1::Order>, Status> {
    let mut orders = Vec::new();
    loop {
        let left = i32::try_from(limit - orders.len()).unwrap_or(i32::MAX);
        request.page_size = left.min(PAGE_MAX);
        let page = service
            .ask(request.clone(), async |channel, request| {
                OrderQueryServiceClient::new(channel)
                    .list_orders(request)
                    .await
            })
            .await?;
        orders.extend(page.orders);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || orders.len() >= limit {
            return Ok(orders);
        }
    }
}
