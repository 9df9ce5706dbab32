//! Orders by a reference, and the limits of looking.

use order::value::{OrderId, OrderState};
use proto::row::Row;
use proto::v1;
use proto::v1::lookup_order_request::Key;
use proto::v1::order_command_service_server::OrderCommandService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use read_model::Cover;
use read_model::keys::{self, Key as Bytes};
use tonic::{Code, Request, Status};

use crate::fixture::money;
use crate::world::{START, World, assert_refused};

async fn look_up(world: &World, key: Key) -> Result<v1::LookupOrderResponse, Status> {
    let request = v1::LookupOrderRequest {
        key: Some(key),
        ..Default::default()
    };
    Ok(world
        .query
        .lookup_order(Request::new(request))
        .await?
        .into_inner())
}

async fn pay(world: &World, order_id: &str, reference: &str) {
    let request = v1::AuthorizePaymentRequest {
        order_id: order_id.to_owned(),
        amount: money("GBP", 1),
        method: "card".to_owned(),
        psp_reference: reference.to_owned(),
        ..v1::AuthorizePaymentRequest::default()
    };
    world
        .commands
        .authorize_payment(Request::new(request))
        .await
        .expect("authorized");
}

async fn ship(world: &World, order_id: &str, tracking_number: &str) {
    let request = v1::ShipItemsRequest {
        order_id: order_id.to_owned(),
        items: vec![v1::LineQuantity {
            line_id: "L1".to_owned(),
            quantity: 1,
        }],
        tracking_number: tracking_number.to_owned(),
        ..v1::ShipItemsRequest::default()
    };
    world
        .commands
        .ship_items(Request::new(request))
        .await
        .expect("shipped");
}

#[tokio::test]
async fn a_reference_finds_its_orders_newest_first() {
    let world = World::new().await;
    for id in ["old", "new", "paid"] {
        world.place(id).await;
        world.pass(1_000_000);
    }
    ship(&world, "old", "X-1").await;
    ship(&world, "new", "X-1").await;
    pay(&world, "paid", "X-1").await;
    pay(&world, "old", "X-12").await;
    world.project().await;
    let found = look_up(&world, Key::TrackingNumber("X-1".to_owned()))
        .await
        .expect("found");
    assert_eq!(found.order.expect("order").order_id, "new");
    assert_eq!(found.order_ids, ["new", "old"]);
    let found = look_up(&world, Key::PspReference("X-1".to_owned()))
        .await
        .expect("found");
    assert_eq!(found.order.expect("order").order_id, "paid");
    assert!(found.order_ids.is_empty(), "only when there are several");
    for key in [
        Key::PspReference("X".to_owned()),
        Key::TrackingNumber("X-12".to_owned()),
    ] {
        assert_refused(
            look_up(&world, key).await,
            Code::NotFound,
            "ORDER_NOT_FOUND",
        );
    }
}

#[tokio::test]
async fn of_many_orders_with_one_reference_the_newest_are_told() {
    let world = World::new().await;
    for n in 0..1_005 {
        let id = format!("o{n:04}");
        world.place(&id).await;
        world.pass(1_000);
        ship(&world, &id, "COLLECTIVE").await;
    }
    world.project().await;
    let found = look_up(&world, Key::TrackingNumber("COLLECTIVE".to_owned())).await;
    let found = found.expect("found");
    assert_eq!(found.order.expect("order").order_id, "o1004");
    let newest: Vec<_> = (5..1_005).rev().map(|n| format!("o{n:04}")).collect();
    assert_eq!(found.order_ids, newest);
}

/// Index entries of orders that have no row, `GBP 1` each, a microsecond apart.
fn planted(count: u32) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    (0..count).map(|index| {
        let time = START + i64::from(index);
        let cover = Cover {
            states: [2, 2, 2, 1],
            holds: 0,
            currency: *b"GBP",
            total: 1,
            create_time: time,
            place_time: time,
            channel: String::new(),
        };
        let id = format!("p{index:06}");
        let key = Bytes::new(keys::PLACED).time(time).raw(id.as_bytes());
        (key.into_bytes(), cover.encode())
    })
}

#[tokio::test]
async fn a_scan_stops_at_its_budget_and_goes_on_from_there() {
    let world = World::new().await;
    let rare = v1::CreateOrderRequest {
        channel: "rare".to_owned(),
        place: Some(v1::Placing::default()),
        ..crate::fixture::creation("rare")
    };
    world.create(rare).await;
    world.project().await;
    world.plant(planted(45_000));
    let filter = v1::OrderFilter {
        channels: vec!["rare".to_owned()],
        ..Default::default()
    };
    let mut request = v1::ListOrdersRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let mut pages = Vec::new();
    loop {
        let reply = world.query.list_orders(Request::new(request.clone())).await;
        let reply = reply.expect("listed").into_inner();
        pages.push(reply.orders.len());
        request.page_token = reply.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [0, 0, 1], "newest first, and it is the oldest");
}

#[tokio::test]
async fn a_count_stops_at_its_budget() {
    let world = World::new().await;
    world.plant(planted(200_010));
    let request = v1::CountOrdersRequest {
        limit: i64::MAX,
        ..Default::default()
    };
    let reply = world.query.count_orders(Request::new(request)).await;
    let reply = reply.expect("counted").into_inner();
    assert!(reply.limited && reply.count <= 200_000, "{reply:?}");
}

#[tokio::test]
async fn an_order_that_stopped_matching_since_its_index_was_read_is_left_out() {
    let world = World::new().await;
    world.place("o1").await;
    world.place("o2").await;
    world.project().await;
    // The row is of a later commit than the view's checkpoint and the index entry.
    let mut order = world.folded("o1").await.expect("placed");
    order.state = OrderState::Cancelled;
    let row = Row {
        order_id: OrderId::new("o1").expect("valid"),
        order,
        position: (9, 9),
        chain_hash: [0; 32],
    };
    let list = || {
        let filter = v1::OrderFilter {
            states: vec![v1::OrderState::Placed.into()],
            ..v1::OrderFilter::default()
        };
        let request = v1::ListOrdersRequest {
            filter: Some(filter),
            ..Default::default()
        };
        world.query.list_orders(Request::new(request))
    };
    let ids = |reply: v1::ListOrdersResponse| -> Vec<String> {
        reply
            .orders
            .into_iter()
            .map(|order| order.order_id)
            .collect()
    };
    let stored = row.encode().expect("nothing is sealed");
    world.plant([(keys::row("o1"), stored)]);
    let reply = list().await.expect("listed").into_inner();
    assert_eq!(ids(reply), ["o2"]);
}
