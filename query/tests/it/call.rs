//! What is the same for every call: the correlation id of errors.

use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use proto::v1::order_report_service_server::OrderReportService as _;
use tonic::{Request, Status};

use crate::world::World;

fn asked<T>(message: T, correlation_id: &str) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("x-correlation-id", correlation_id.parse().expect("value"));
    request
}

fn told<T: std::fmt::Debug>(result: Result<T, Status>) -> Option<String> {
    let status = result.expect_err("it must be refused");
    let value = status.metadata().get("x-correlation-id")?;
    Some(value.to_str().expect("text").to_owned())
}

#[tokio::test]
async fn an_error_names_the_correlation_id_of_its_call() {
    let world = World::new().await;
    let get = || v1::GetOrderRequest {
        order_id: "nobody".to_owned(),
        ..Default::default()
    };
    let refused = world.query.get_order(asked(get(), "c-1")).await;
    assert_eq!(told(refused), Some("c-1".to_owned()));
    let events = v1::ListOrderEventsRequest {
        order_id: "nobody".to_owned(),
        ..Default::default()
    };
    let refused = world.query.list_order_events(asked(events, "c.2")).await;
    assert_eq!(told(refused), Some("c.2".to_owned()));
    let revenue = v1::QueryRevenueRequest::default();
    let refused = world.query.query_revenue(asked(revenue, "c_3")).await;
    assert_eq!(told(refused), Some("c_3".to_owned()));
    for unsafe_id in ["a b", "", &"x".repeat(65), "a\"b"] {
        let refused = world.query.get_order(asked(get(), unsafe_id)).await;
        assert_eq!(told(refused), None, "{unsafe_id:?}");
    }
}
