//! Freshness: read your writes, waiting, and what every reply says about itself.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proto::token::ConsistencyToken;
use proto::v1;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use proto::v1::order_report_service_server::OrderReportService as _;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::script::script;
use crate::world::{World, assert_refused};

fn get(order_id: &str, token: &str) -> v1::GetOrderRequest {
    v1::GetOrderRequest {
        order_id: order_id.to_owned(),
        consistency_token: token.to_owned(),
        ..v1::GetOrderRequest::default()
    }
}

async fn ask(
    world: &World,
    request: v1::GetOrderRequest,
) -> Result<Response<v1::GetOrderResponse>, Status> {
    world.query.get_order(Request::new(request)).await
}

fn says<T>(reply: &Response<T>, name: &str) -> String {
    let value = reply.metadata().get(name).expect("said");
    value.to_str().expect("text").to_owned()
}

async fn check(script: Vec<crate::script::Step>) {
    let world = World::new().await;
    for step in script {
        for (id, token) in world.run(std::slice::from_ref(&step)).await {
            if token.is_empty() {
                continue;
            }
            let waiting = ask(&world, get(&id, &token));
            let (reply, ()) = tokio::join!(waiting, world.project());
            let reply = reply.expect("waited for").into_inner();
            let version = world.folded(&id).await.expect("there").version;
            let order = reply.order.expect("order");
            assert!(
                order.version >= i64::try_from(version).expect("small"),
                "{id} at {version}"
            );
            // What a reply says of itself is reached by the next call at once.
            let again = ask(&world, get(&id, &reply.read_token)).await;
            assert_eq!(again.expect("fresh").into_inner().order, Some(order));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn a_query_with_the_token_of_a_write_sees_that_write(script in script(40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(check(script));
    }
}

#[tokio::test]
async fn every_query_with_the_token_of_a_write_sees_that_write() {
    let world = Arc::new(World::new().await);
    let token = world.place("o1").await.consistency_token;
    let (orders, counts) = (Arc::clone(&world), Arc::clone(&world));
    let consistency_token = token.clone();
    let list = tokio::spawn(async move {
        let request = v1::ListOrdersRequest {
            consistency_token,
            ..Default::default()
        };
        orders.query.list_orders(Request::new(request)).await
    });
    let consistency_token = token.clone();
    let states = tokio::spawn(async move {
        let request = v1::SummarizeStatesRequest {
            consistency_token,
            ..Default::default()
        };
        counts.query.summarize_states(Request::new(request)).await
    });
    tokio::task::yield_now().await;
    world.project().await;
    let listed = list.await.expect("joined").expect("listed").into_inner();
    assert_eq!(listed.orders.len(), 1);
    let counted = states.await.expect("joined").expect("counted").into_inner();
    assert_eq!(counted.counts.len(), 1);
    for reply in [listed.read_token, counted.read_token] {
        let told: ConsistencyToken = reply.parse().expect("token");
        let asked: ConsistencyToken = token.parse().expect("token");
        let (partition, sequence) = asked.positions.iter().next().expect("one");
        assert!(told.positions.get(partition) >= Some(sequence));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_waited_for_five_seconds() {
    let world = World::new().await;
    let token = world.place("o1").await.consistency_token;
    let began = Instant::now();
    let refused = ask(&world, get("o1", &token)).await;
    let status = assert_refused(refused, Code::Unavailable, "READ_MODEL_BEHIND");
    let waited = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_millis(5_100)).contains(&waited));
    let info = status.get_details_error_info().expect("info");
    assert_eq!(
        info.metadata.get("position").map(String::as_str),
        Some("0:0")
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_waited_for_no_longer_than_the_deadline() {
    let world = World::new().await;
    let token = world.place("o1").await.consistency_token;
    for (timeout, limit) in [("200m", 200), ("1S", 1_000), ("0n", 1), ("100000u", 100)] {
        let mut request = Request::new(get("o1", &token));
        let metadata = request.metadata_mut();
        metadata.insert("grpc-timeout", timeout.parse().expect("value"));
        let began = Instant::now();
        let refused = world.query.get_order(request).await;
        assert_refused(refused, Code::Unavailable, "READ_MODEL_BEHIND");
        assert!(
            began.elapsed() < Duration::from_millis(limit + 5),
            "{timeout}"
        );
    }
    for garbage in ["", "S", "99999999999S", "5X", "-1S", "1.5S"] {
        let mut request = Request::new(get("o1", &token));
        let metadata = request.metadata_mut();
        metadata.insert("grpc-timeout", garbage.parse().expect("value"));
        let refused = world.query.get_order(request).await;
        assert_refused(refused, Code::Unavailable, "READ_MODEL_BEHIND");
    }
}

#[tokio::test(start_paused = true)]
async fn stale_data_is_an_answer_where_that_is_allowed() {
    let world = World::new().await;
    world.draft("o1").await;
    world.project().await;
    let token = world.tag("o1", "vip").await.consistency_token;
    let stale = v1::GetOrderRequest {
        allow_stale: true,
        ..get("o1", &token)
    };
    let began = Instant::now();
    let reply = ask(&world, stale.clone())
        .await
        .expect("stale")
        .into_inner();
    assert!(
        began.elapsed() >= Duration::from_secs(5),
        "it waits before it gives up"
    );
    let order = reply.order.expect("order");
    assert!(order.tags.is_empty());
    let (reply, ()) = tokio::join!(ask(&world, stale), world.project());
    assert_eq!(
        reply
            .expect("fresh")
            .into_inner()
            .order
            .expect("order")
            .tags,
        ["vip"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_view_that_catches_up_ends_the_wait() {
    let world = Arc::new(World::new().await);
    let token = world.place("o1").await.consistency_token;
    let asking = Arc::clone(&world);
    let waiting = tokio::spawn(async move { ask(&asking, get("o1", &token)).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!waiting.is_finished());
    world.project().await;
    let reply = waiting.await.expect("joined").expect("reached");
    assert_eq!(reply.into_inner().order.expect("order").order_id, "o1");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_log_is_no_token() {
    let world = World::new().await;
    world.place("o1").await;
    world.project().await;
    let foreign = ConsistencyToken::new([9; 16], 0, 1).to_string();
    let refused = ask(&world, get("o1", &foreign)).await;
    assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
    let at_version = v1::GetOrderRequest {
        as_of: Some(v1::get_order_request::AsOf::Version(1)),
        ..get("o1", &foreign)
    };
    assert_refused(
        ask(&world, at_version).await,
        Code::InvalidArgument,
        "TOKEN_INVALID",
    );
    let events = v1::ListOrderEventsRequest {
        order_id: "o1".to_owned(),
        consistency_token: foreign.clone(),
        ..Default::default()
    };
    let refused = world.query.list_order_events(Request::new(events)).await;
    assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
    // While the projection cannot follow, nobody knows which log this is.
    world.trouble("the log is now another one");
    let refused = ask(&world, get("o1", &foreign)).await;
    assert_refused(refused, Code::Unavailable, "READ_MODEL_BEHIND");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_replaced_meanwhile_ends_the_wait() {
    let world = Arc::new(World::new().await);
    let token = world.place("o1").await.consistency_token;
    let asking = Arc::clone(&world);
    let waiting = tokio::spawn(async move { ask(&asking, get("o1", &token)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.replace_log([9; 16]);
    let refused = waiting.await.expect("joined");
    assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
}

#[tokio::test(start_paused = true)]
async fn a_token_beyond_the_head_is_waited_for_and_not_believed() {
    let world = World::new().await;
    let token = world.place("o1").await.consistency_token;
    world.project().await;
    let token: ConsistencyToken = token.parse().expect("token");
    for (partition, sequence) in [(0, u64::MAX), (77, 1)] {
        let forged = ConsistencyToken::new(token.identity, partition, sequence).to_string();
        let refused = ask(&world, get("o1", &forged)).await;
        assert_refused(refused, Code::Unavailable, "READ_MODEL_BEHIND");
    }
}

#[tokio::test(start_paused = true)]
async fn every_reply_says_how_fresh_it_is() {
    let world = World::new().await;
    world.place("o1").await;
    world.project().await;
    let reply = ask(&world, get("o1", "")).await.expect("got");
    let token: ConsistencyToken = reply.get_ref().read_token.parse().expect("token");
    let positions = token.positions.iter().map(|(p, s)| format!("{p}:{s}"));
    assert_eq!(
        says(&reply, "x-orders-position"),
        positions.collect::<Vec<_>>().join(",")
    );
    assert_eq!(says(&reply, "x-orders-staleness-ms"), "0");
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(
        says(
            &ask(&world, get("o1", "")).await.expect("got"),
            "x-orders-staleness-ms"
        ),
        "0"
    );
    world.place("o2").await;
    world.see_head().await;
    // How long nothing had happened before does not count.
    tokio::time::advance(Duration::from_secs(3)).await;
    world.see_head().await;
    let reply = ask(&world, get("o1", "")).await.expect("got");
    assert_eq!(says(&reply, "x-orders-staleness-ms"), "3000");
    world.project().await;
    let reply = ask(&world, get("o1", "")).await.expect("got");
    assert_eq!(says(&reply, "x-orders-staleness-ms"), "0");
    let events = v1::ListOrderEventsRequest {
        order_id: "o2".to_owned(),
        ..Default::default()
    };
    let reply = world.query.list_order_events(Request::new(events)).await;
    says(&reply.expect("listed"), "x-orders-position");
}

#[tokio::test]
async fn the_token_of_an_empty_view_can_be_used() {
    let world = World::new().await;
    let reply = world
        .query
        .list_orders(Request::new(v1::ListOrdersRequest::default()))
        .await;
    let token = reply.expect("listed").into_inner().read_token;
    world.place("o1").await;
    world.project().await;
    ask(&world, get("o1", &token)).await.expect("a valid token");
}
