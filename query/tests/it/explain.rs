//! Which event gave a field its value.

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _, Value};
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use tonic::{Code, Request, Status};

use crate::fixture::{creation, money};
use crate::script::{Step, order_id, script};
use crate::world::{World, assert_fields, assert_refused, shown};

async fn explain(
    world: &World,
    order_id: &str,
    path: &str,
) -> Result<v1::ExplainOrderResponse, Status> {
    let request = v1::ExplainOrderRequest {
        order_id: order_id.to_owned(),
        field_path: path.to_owned(),
        ..Default::default()
    };
    let reply = world.query.explain_order(Request::new(request)).await?;
    Ok(reply.into_inner())
}

/// Event, before and after.
async fn told(world: &World, path: &str) -> (String, String, String) {
    let reply = explain(world, "o1", path).await.expect(path);
    assert_eq!(
        reply.value,
        if reply.event.is_some() {
            reply.after.clone()
        } else {
            reply.value.clone()
        }
    );
    let event = reply
        .event
        .map(|event| format!("{}@{}", event.r#type, event.version));
    (event.unwrap_or_default(), reply.before, reply.after)
}

fn is(event: &str, before: &str, after: &str) -> (String, String, String) {
    (event.to_owned(), before.to_owned(), after.to_owned())
}

/// Created by Ada with a line, another quantity, then placed, held, tagged.
async fn lived(world: &World) {
    let request = v1::CreateOrderRequest {
        customer: Some(v1::Customer {
            customer_id: "c1".to_owned(),
            name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
        }),
        metadata: [("a.b".to_owned(), "dotted".to_owned())].into(),
        ..creation("o1")
    };
    world.create(request).await;
    let quantity = v1::edit_action::Action::SetQuantity(v1::edit_action::SetQuantity {
        line_id: "L1".to_owned(),
        quantity: 3,
    });
    let edit = v1::EditOrderRequest {
        order_id: "o1".to_owned(),
        actions: vec![v1::EditAction {
            action: Some(quantity),
        }],
        ..v1::EditOrderRequest::default()
    };
    world
        .commands
        .edit_order(Request::new(edit))
        .await
        .expect("edited");
    let place = v1::PlaceOrderRequest {
        order_id: "o1".to_owned(),
        context: Some(v1::CommandContext {
            reason: "she rang".to_owned(),
            actor: Some(v1::Actor {
                kind: v1::ActorKind::Staff.into(),
                actor_id: "bob".to_owned(),
            }),
            ..Default::default()
        }),
        ..v1::PlaceOrderRequest::default()
    };
    world
        .commands
        .place_order(Request::new(place))
        .await
        .expect("placed");
    world.tag("o1", "vip").await;
}

#[tokio::test]
async fn a_field_names_the_event_that_set_it_with_before_and_after() {
    let world = World::new().await;
    lived(&world).await;
    let cases = [
        ("lines[L1].quantity", is("LineQuantitySet@3", "2", "3")),
        ("lines[L1].sku", is("LineAdded@2", "", "A1")),
        (
            "state",
            is("OrderPlaced@4", "ORDER_STATE_DRAFT", "ORDER_STATE_PLACED"),
        ),
        ("customer.name", is("OrderCreated@1", "", "Ada")),
        ("customer.customer_id", is("OrderCreated@1", "", "c1")),
        ("tags[vip]", is("OrderAnnotated@5", "", "vip")),
        ("tags", is("OrderAnnotated@5", "[]", "[\"vip\"]")),
        ("metadata[\"a.b\"]", is("OrderCreated@1", "", "dotted")),
        ("version", is("OrderAnnotated@5", "4", "5")),
        ("cancel_reason", is("", "", "")),
        (
            "place_time",
            is("OrderPlaced@4", "", "2026-01-01T00:00:00Z"),
        ),
        (
            "totals.placed_total.minor_units",
            is("LineQuantitySet@3", "510", "765"),
        ),
    ];
    for (path, expected) in cases {
        assert_eq!(told(&world, path).await, expected, "{path}");
    }
    let reply = explain(&world, "o1", "payment_state").await.expect("told");
    let event = reply.event.expect("placed");
    assert_eq!(
        (reply.version, event.actor.expect("actor").actor_id.as_str()),
        (5, "bob")
    );
    assert_eq!(
        (event.reason.as_str(), event.position.is_empty()),
        ("she rang", false)
    );
    let whole = told(&world, "lines[L1].total").await.2;
    assert_eq!(whole, r#"{"currency_code":"GBP","minor_units":"765"}"#);
}

#[tokio::test]
async fn what_was_erased_is_explained_by_the_erasure() {
    let world = World::new().await;
    lived(&world).await;
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
    let erase = v1::ErasePersonalDataRequest {
        order_id: "o1".to_owned(),
        context: None,
    };
    world
        .commands
        .erase_personal_data(Request::new(erase))
        .await
        .expect("erased");
    assert_eq!(
        told(&world, "customer.name").await,
        is("PersonalDataErased@7", "", "")
    );
    assert_eq!(
        told(&world, "customer.customer_id").await,
        is("OrderCreated@1", "", "c1")
    );
}

#[tokio::test]
async fn an_absent_key_store_stops_only_what_needs_it() {
    let world = World::new().await;
    lived(&world).await;
    world
        .keys
        .away
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let refused = explain(&world, "o1", "customer.name").await;
    assert_refused(refused, Code::Unavailable, "KEYS_UNAVAILABLE");
    // The commit that set the quantity holds nothing that is sealed.
    assert_eq!(told(&world, "lines[L1].quantity").await.2, "3");
}

#[tokio::test]
async fn unknown_paths_name_what_is_near() {
    let world = World::new().await;
    lived(&world).await;
    let long = "x".repeat(2_000);
    for (path, says) in [
        ("", "payment_state"),
        ("stat", "near it: state"),
        ("lines[L1].quantty", "near it: quantity"),
        ("customer.nam", "near it: name"),
        ("lines.quantity", "name one like lines[L1]"),
        ("state[x]", "state is one value"),
        ("state.x", "no fields in state"),
        ("metadata[a].x", "no fields in metadata[a]"),
        ("place_time.seconds", "no fields in place_time"),
        ("lines[L1", "no end"),
        ("metadata[\"a", "no end"),
        ("metadata[\"a\\", "no end"),
        ("lines[]", "double quotes"),
        ("lines[L1]quantity", "joined by dots"),
        ("lines[L9].quantity", "lines has L1"),
        ("shipments[S1]", "shipments has nothing"),
        ("tags[rare]", "tags has vip"),
        ("holds[HOLD_REASON_ADDRESS]", "holds has nothing"),
        (long.as_str(), "payment_state"),
    ] {
        let refused = explain(&world, "o1", path).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["field_path"]);
        let message = status.message();
        assert!(
            message.contains(says) || says == "double quotes" && message.contains("a.b"),
            "{path}: {message}"
        );
    }
    assert_refused(
        explain(&world, "nobody", "state").await,
        Code::NotFound,
        "ORDER_NOT_FOUND",
    );
}

#[tokio::test]
async fn an_element_that_was_removed_is_explained() {
    let world = World::new().await;
    let mut request = creation("o1");
    request.lines.push(v1::NewLine {
        sku: "B2".to_owned(),
        ..request.lines[0].clone()
    });
    world.create(request).await;
    let remove = v1::edit_action::Action::RemoveLine(v1::edit_action::RemoveLine {
        line_id: "L1".to_owned(),
    });
    let edit = v1::EditOrderRequest {
        order_id: "o1".to_owned(),
        actions: vec![v1::EditAction {
            action: Some(remove),
        }],
        ..v1::EditOrderRequest::default()
    };
    world
        .commands
        .edit_order(Request::new(edit))
        .await
        .expect("edited");
    assert_eq!(
        told(&world, "lines[L1].sku").await,
        is("LineRemoved@4", "A1", "")
    );
    assert_eq!(money("GBP", 1).map(|m| m.minor_units), Some(1));
}

/// The order after each of its events, as callers see it.
async fn versions(world: &World, id: &str) -> Vec<DynamicMessage> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).expect("descriptors");
    let schema = pool.get_message_by_name("orders.v1.Order").expect("Order");
    let mut order = None;
    let mut versions = vec![DynamicMessage::new(schema.clone())];
    for commit in world.commits(id).await {
        for event in &commit.events {
            order::evolve(&mut order, event, commit.occur_time);
            let order = order.as_mut().expect("begun");
            order.committed(commit.record_time);
            let bytes = shown(id, order).encode_to_vec();
            versions.push(DynamicMessage::decode(schema.clone(), &*bytes).expect("an order"));
        }
    }
    versions
}

async fn check(script: Vec<Step>) {
    let world = World::new().await;
    world.run(&script).await;
    for index in 0..12 {
        let id = order_id(index);
        let versions = versions(&world, &id).await;
        let Some(newest) = versions.last().filter(|_| versions.len() > 1) else {
            continue;
        };
        for field in newest.descriptor().fields() {
            let value = |order: &DynamicMessage| -> (bool, Value) {
                (
                    order.has_field(&field),
                    order.get_field(&field).into_owned(),
                )
            };
            let mut expected = 0;
            for (version, pair) in versions.windows(2).enumerate() {
                if value(&pair[0]) != value(&pair[1]) {
                    expected = version + 1;
                }
            }
            let reply = explain(&world, &id, field.name()).await.expect("explained");
            let version = reply.event.map_or(0, |event| event.version);
            assert_eq!(
                version,
                i64::try_from(expected).expect("small"),
                "{id} {}",
                field.name()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_field_is_explained_by_the_last_event_that_changed_it(script in script(50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(check(script));
    }
}
