//! While there is no read model: every query and report says so and how far it is; history stays.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use proto::v1;
use proto::v1::WatchStart;
use proto::v1::get_order_request::AsOf;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use proto::v1::order_report_service_server::OrderReportService as _;
use read_model::keys;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::watch::{Watch, from};
use crate::world::{World, assert_refused};

/// Asks every method that the read model answers; each with the token of a write.
async fn ask_all(world: &World, token: &str) -> Vec<(&'static str, Result<(), Status>)> {
    let mut answers = Vec::new();
    macro_rules! ask {
        ($name:literal, $method:ident, $request:ident { $($field:ident: $value:expr),* }) => {
            let request = v1::$request {
                consistency_token: token.to_owned(),
                $($field: $value,)*
                ..v1::$request::default()
            };
            let reply = world.query.$method(Request::new(request)).await;
            answers.push(($name, reply.map(drop)));
        };
    }
    let key = v1::lookup_order_request::Key::TrackingNumber("X".to_owned());
    ask!(
        "GetOrder",
        get_order,
        GetOrderRequest {
            order_id: "o1".to_owned()
        }
    );
    ask!(
        "BatchGetOrders",
        batch_get_orders,
        BatchGetOrdersRequest {
            order_ids: vec!["o1".to_owned()]
        }
    );
    ask!(
        "LookupOrder",
        lookup_order,
        LookupOrderRequest { key: Some(key) }
    );
    ask!("ListOrders", list_orders, ListOrdersRequest {});
    ask!("CountOrders", count_orders, CountOrdersRequest {});
    ask!(
        "SummarizeStates",
        summarize_states,
        SummarizeStatesRequest {}
    );
    ask!(
        "QueryRevenue",
        query_revenue,
        QueryRevenueRequest {
            bucket: v1::Bucket::Day.into()
        }
    );
    ask!(
        "RankSkus",
        rank_skus,
        RankSkusRequest {
            currency_code: "GBP".to_owned()
        }
    );
    ask!("QueryFunnel", query_funnel, QueryFunnelRequest {});
    answers
}

#[tokio::test]
async fn every_method_of_the_read_model_is_asked_here() {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).expect("descriptors");
    let methods = [
        "orders.v1.OrderQueryService",
        "orders.v1.OrderReportService",
    ]
    .map(|name| {
        let service = pool.get_service_by_name(name).expect("a service");
        service
            .methods()
            .map(|m| m.name().to_owned())
            .collect::<BTreeSet<_>>()
    });
    let world = World::new().await;
    let asked = ask_all(&world, "").await.into_iter();
    let asked: BTreeSet<_> = asked.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(asked, methods.into_iter().flatten().collect());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_from_a_read_model_that_is_not_there() {
    let world = World::new().await;
    let token = world.place("o1").await.consistency_token;
    world.project().await;
    world.withdraw();
    world.work(read_model::Task::Build, 40, 100);
    for token in ["", &token] {
        for (name, answer) in ask_all(&world, token).await {
            let status = assert_refused(answer, Code::Unavailable, "READ_MODEL_BUILDING");
            let info = status.get_details_error_info().expect("info");
            let told = ["task", "done", "total"].map(|key| info.metadata.get(key).cloned());
            let expected = ["build", "40", "100"].map(|text| Some(text.to_owned()));
            assert_eq!(told, expected, "{name}");
            assert!(status.message().contains("40 of 100"), "{name}: {status:?}");
        }
    }
    let refused = Watch::open(&world, from(WatchStart::Snapshot))
        .await
        .map(|_| ());
    assert_refused(refused, Code::Unavailable, "READ_MODEL_BUILDING");
}

#[tokio::test(start_paused = true)]
async fn history_explain_as_of_and_watch_need_no_read_model() {
    let world = World::new().await;
    let token = world.place("o1").await.consistency_token;
    world.withdraw();
    let events = v1::ListOrderEventsRequest {
        order_id: "o1".to_owned(),
        consistency_token: token.clone(),
        ..Default::default()
    };
    let reply = world
        .query
        .list_order_events(Request::new(events))
        .await
        .expect("listed");
    assert_eq!(
        (
            reply.get_ref().events.len(),
            reply.get_ref().read_token.as_str()
        ),
        (3, "")
    );
    let explain = v1::ExplainOrderRequest {
        order_id: "o1".to_owned(),
        field_path: "state".to_owned(),
        consistency_token: token.clone(),
    };
    let reply = world
        .query
        .explain_order(Request::new(explain))
        .await
        .expect("explained");
    assert_eq!(reply.into_inner().value, "ORDER_STATE_PLACED");
    let as_of = v1::GetOrderRequest {
        order_id: "o1".to_owned(),
        as_of: Some(AsOf::Version(1)),
        consistency_token: token,
        ..Default::default()
    };
    let reply = world
        .query
        .get_order(Request::new(as_of))
        .await
        .expect("got");
    assert_eq!(reply.into_inner().order.expect("order").version, 1);
    let mut watch = Watch::open(&world, from(WatchStart::Beginning))
        .await
        .expect("open");
    assert_eq!(watch.change().await.order_id, "o1");
}

#[tokio::test]
async fn what_a_reader_finds_damaged_is_reported_and_is_no_answer() {
    let world = World::new().await;
    world.place("o1").await;
    world.project().await;
    world.plant([(keys::row("o1"), b"no row".to_vec())]);
    assert_eq!(world.damage(), None);
    for (name, answer) in ask_all(&world, "").await {
        if ["GetOrder", "BatchGetOrders", "ListOrders"].contains(&name) {
            assert_refused(answer, Code::Unavailable, "READ_MODEL_BUILDING");
        }
    }
    assert_eq!(world.damage().as_deref(), Some("not a row of this version"));
}
