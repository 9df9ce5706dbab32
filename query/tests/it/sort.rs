//! Sort orders beyond what may be collected and sorted: along an index of their own.

use order::Order;
use order::value::{Amount, OrderId, OrderState, Timestamp};
use proto::row::Row;
use proto::v1;
use proto::v1::order_query_service_server::OrderQueryService as _;
use read_model::Cover;
use read_model::keys::{self, Key};
use tonic::Request;

use crate::world::{START, World};

/// Two thousand more than may be collected.
const ORDERS: i64 = 22_003;

/// The order of a number: its times and its total all give another sequence.
fn order(like: &Order, number: i64) -> Order {
    let time = |factor: i64| Timestamp::from_micros(START + number * factor % ORDERS);
    let mut order = like.clone();
    order.create_time = time(7);
    order.place_time = Some(time(11));
    order.update_time = time(13);
    if let Some(placed) = &mut order.placed {
        placed.placed_total = Amount::new(number * 17 % ORDERS).expect("small");
    }
    order
}

fn id(number: i64) -> String {
    format!("o{number:06}")
}

/// The row of an order, and the keys by which it is found.
fn planted(like: &Order, number: i64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (id, order) = (id(number), order(like, number));
    let (cover, raw) = (Cover::of(&order), id.as_bytes());
    let row = Row {
        order_id: OrderId::new(&id).expect("valid"),
        order: order.clone(),
        position: (0, 1),
        chain_hash: [0; 32],
    };
    let key = |key: Key| key.raw(raw).into_bytes();
    let [state, payment, fulfillment, _] = cover.states;
    let states = Key::new(keys::STATES)
        .byte(state)
        .byte(payment)
        .byte(fulfillment);
    vec![
        (keys::row(&id), row.encode().expect("nothing is sealed")),
        (key(states.time(cover.place_time)), cover.encode()),
        (
            key(Key::new(keys::PLACED).time(cover.place_time)),
            cover.encode(),
        ),
        (
            key(Key::new(keys::CREATED).time(cover.create_time)),
            Vec::new(),
        ),
        (
            key(Key::new(keys::UPDATED).time(order.update_time.micros())),
            cover.encode(),
        ),
        (
            key(Key::new(keys::TOTAL).raw(&cover.currency).time(cover.total)),
            Vec::new(),
        ),
    ]
}

/// The first two pages, and the cursor's way across them.
async fn pages(world: &World, order_by: &str, states: &[v1::OrderState]) -> Vec<String> {
    let mut request = v1::ListOrdersRequest {
        page_size: 1_000,
        order_by: order_by.to_owned(),
        filter: Some(v1::OrderFilter {
            states: states.iter().map(|state| (*state).into()).collect(),
            ..v1::OrderFilter::default()
        }),
        read_mask: Some(prost_types::FieldMask {
            paths: vec!["order_id".to_owned()],
        }),
        ..v1::ListOrdersRequest::default()
    };
    let mut found = Vec::new();
    for _ in 0..2 {
        let reply = world.query.list_orders(Request::new(request.clone())).await;
        let reply = reply.expect("listed").into_inner();
        found.extend(reply.orders.into_iter().map(|order| order.order_id));
        request.page_token = reply.next_page_token;
    }
    found
}

#[tokio::test]
async fn more_orders_than_may_be_sorted_come_along_the_index_of_the_sort_key() {
    let world = World::new().await;
    world.place("like").await;
    let like = world.folded("like").await.expect("placed");
    assert_eq!(like.state, OrderState::Placed);
    world.plant((0..ORDERS).flat_map(|number| planted(&like, number)));
    for (order_by, factor) in [("create_time", 7), ("update_time", 13), ("total", 17)] {
        let mut expected: Vec<_> = (0..ORDERS).map(|n| (n * factor % ORDERS, id(n))).collect();
        expected.sort();
        let ids = |sorted: &[(i64, String)]| sorted.iter().map(|(_, id)| id.clone()).collect();
        let first: Vec<String> = ids(&expected[..2_000]);
        expected.reverse();
        let last: Vec<String> = ids(&expected[..2_000]);
        let descending = format!("{order_by} desc");
        for states in [&[][..], &[v1::OrderState::Placed]] {
            assert_eq!(
                pages(&world, order_by, states).await,
                first,
                "{order_by} {states:?}"
            );
            assert_eq!(
                pages(&world, &descending, states).await,
                last,
                "{descending} {states:?}"
            );
        }
        let none = pages(&world, order_by, &[v1::OrderState::Cancelled]).await;
        assert!(none.is_empty(), "{order_by}");
    }
}
