//! Personal data: opened for whoever asks for it, while there is a key.

use std::sync::atomic::Ordering;

use event_store::{KeyStore as _, StreamId};
use proto::v1;
use proto::v1::get_order_request::AsOf;
use proto::v1::order_command_service_server::OrderCommandService as _;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use tonic::{Code, Request, Status};

use crate::fixture::creation;
use crate::world::{World, assert_refused};

/// An order of Ada's, cancelled so that it may be erased, with a note and a reason.
async fn adas(world: &World) {
    let request = v1::CreateOrderRequest {
        customer: Some(v1::Customer {
            customer_id: "c1".to_owned(),
            name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
        }),
        shipping: Some(v1::Shipping {
            method: "post".to_owned(),
            price: crate::fixture::money("GBP", 100),
            tax_rate_ppm: 0,
            address: Some(v1::Address {
                recipient: "Ada".to_owned(),
                country_code: "GB".to_owned(),
                ..v1::Address::default()
            }),
        }),
        ..creation("o1")
    };
    world.create(request).await;
    // An empty commit between two that are not.
    world.tag("o1", "vip").await;
    let nothing = v1::AnnotateOrderRequest {
        order_id: "o1".to_owned(),
        context: crate::fixture::context("nothing".to_owned()),
        add_tags: vec!["vip".to_owned()],
        ..v1::AnnotateOrderRequest::default()
    };
    world
        .commands
        .annotate_order(Request::new(nothing))
        .await
        .expect("annotated");
    let note = v1::AnnotateOrderRequest {
        order_id: "o1".to_owned(),
        note: "rang twice".to_owned(),
        context: Some(v1::CommandContext {
            reason: "she asked".to_owned(),
            ..Default::default()
        }),
        ..v1::AnnotateOrderRequest::default()
    };
    world
        .commands
        .annotate_order(Request::new(note))
        .await
        .expect("annotated");
    let cancel = v1::CancelOrderRequest {
        order_id: "o1".to_owned(),
        cancel_reason: v1::CancelReason::Customer.into(),
        ..v1::CancelOrderRequest::default()
    };
    world
        .commands
        .cancel_order(Request::new(cancel))
        .await
        .expect("cancelled");
    world.project().await;
}

async fn get(world: &World, as_of: Option<AsOf>, fields: &[&str]) -> Result<v1::Order, Status> {
    let request = v1::GetOrderRequest {
        order_id: "o1".to_owned(),
        as_of,
        read_mask: Some(prost_types::FieldMask {
            paths: fields.iter().map(|field| (*field).to_owned()).collect(),
        }),
        ..v1::GetOrderRequest::default()
    };
    let reply = world.query.get_order(Request::new(request)).await?;
    Ok(reply.into_inner().order.expect("order"))
}

async fn history(world: &World, page_size: i32) -> Result<Vec<v1::OrderEvent>, Status> {
    let mut request = v1::ListOrderEventsRequest {
        order_id: "o1".to_owned(),
        page_size,
        ..v1::ListOrderEventsRequest::default()
    };
    let mut events = Vec::new();
    loop {
        let reply = world
            .query
            .list_order_events(Request::new(request.clone()))
            .await?;
        let reply = reply.into_inner();
        events.extend(reply.events);
        request.page_token = reply.next_page_token;
        if request.page_token.is_empty() {
            return Ok(events);
        }
    }
}

fn told(events: &[v1::OrderEvent]) -> String {
    format!("{events:?}")
}

#[tokio::test]
async fn personal_data_is_opened_for_whoever_asks() {
    let world = World::new().await;
    adas(&world).await;
    for as_of in [None, Some(AsOf::Version(4))] {
        let order = get(&world, as_of, &[]).await.expect("got");
        let (customer, address) = (order.customer.expect("customer"), order.shipping_address);
        assert_eq!(
            (customer.name.as_str(), customer.email.as_str()),
            ("Ada", "ada@example.org")
        );
        assert_eq!(address.expect("address").recipient, "Ada");
    }
    for page_size in [1, 2, 3, 100] {
        let events = history(&world, page_size).await.expect("listed");
        let note = events
            .iter()
            .find(|event| !event.reason.is_empty())
            .expect("a reason");
        assert_eq!(note.reason, "she asked");
        for text in ["Ada", "rang twice"] {
            assert!(
                told(&events).contains(text),
                "{text} in pages of {page_size}"
            );
        }
    }
}

#[tokio::test]
async fn erased_data_reads_empty_everywhere() {
    let world = World::new().await;
    adas(&world).await;
    let erase = v1::ErasePersonalDataRequest {
        order_id: "o1".to_owned(),
        context: None,
    };
    world
        .commands
        .erase_personal_data(Request::new(erase))
        .await
        .expect("erased");
    for as_of in [None, Some(AsOf::Version(4))] {
        let order = get(&world, as_of, &[]).await.expect("got");
        let customer = order.customer.expect("customer");
        assert_eq!(
            (customer.customer_id.as_str(), customer.name.as_str()),
            ("c1", "")
        );
        let address = order.shipping_address.expect("address");
        assert_eq!(
            (address.country_code.as_str(), address.recipient.as_str()),
            ("GB", "")
        );
    }
    world.project().await;
    let order = get(&world, None, &[]).await.expect("got");
    assert!(order.personal_data_erased);
    let events = history(&world, 100).await.expect("listed");
    for text in ["Ada", "ada@", "rang twice", "she asked"] {
        assert!(!told(&events).contains(text), "{text}");
    }
}

#[tokio::test]
async fn an_erasure_counts_from_when_it_is_recorded() {
    let world = World::new().await;
    adas(&world).await;
    let stream = StreamId::new("o1").expect("valid");
    let key = world.keys.find(&stream).await.expect("found");
    let erase = v1::ErasePersonalDataRequest {
        order_id: "o1".to_owned(),
        context: None,
    };
    world
        .commands
        .erase_personal_data(Request::new(erase))
        .await
        .expect("erased");
    world.project().await;
    // As after a crash between the commit and the destruction of the key.
    world.keys.bring_back(key);
    for as_of in [None, Some(AsOf::Version(4))] {
        let order = get(&world, as_of, &[]).await.expect("got");
        assert_eq!(order.customer.expect("customer").name, "");
    }
    assert!(!told(&history(&world, 100).await.expect("listed")).contains("Ada"));
}

#[tokio::test]
async fn an_absent_key_store_stops_only_what_needs_it() {
    let world = World::new().await;
    adas(&world).await;
    world.place("o2").await;
    world.project().await;
    world.keys.away.store(true, Ordering::SeqCst);
    for (as_of, fields) in [
        (None, &[][..]),
        (None, &["customer"]),
        (None, &["version", "shipping_address"]),
        (Some(AsOf::Version(4)), &[]),
    ] {
        let refused = get(&world, as_of, fields).await;
        assert_refused(refused, Code::Unavailable, "KEYS_UNAVAILABLE");
    }
    let order = get(&world, None, &["version", "lines", "shipping"])
        .await
        .expect("got");
    assert!(order.customer.is_none() && order.lines.len() == 1);
    assert_refused(
        history(&world, 100).await,
        Code::Unavailable,
        "KEYS_UNAVAILABLE",
    );
    let ask = |order_ids: &[&str]| {
        let order_ids = order_ids.iter().map(|id| (*id).to_owned()).collect();
        let request = v1::BatchGetOrdersRequest {
            order_ids,
            ..Default::default()
        };
        world.query.batch_get_orders(Request::new(request))
    };
    ask(&["o2"]).await.expect("nothing is sealed");
    assert_refused(
        ask(&["o2", "o1"]).await,
        Code::Unavailable,
        "KEYS_UNAVAILABLE",
    );
}
