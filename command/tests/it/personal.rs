//! Personal data: never in the log in the clear, and keys only where something is sealed.

use std::sync::atomic::Ordering;

use event_store::KeyState;
use proto::v1;
use proto::v1::edit_action::Action;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{Fault, World, annotate, assert_refused, context, create, gbp, hold};

const SECRETS: [&str; 6] = [
    "Ada Lovelace",
    "ada@example.org",
    "12 St James Square",
    "SW1Y 4JH",
    "leave at the door",
    "she called",
];

fn customer() -> v1::Customer {
    v1::Customer {
        customer_id: "C-1".into(),
        name: "Ada Lovelace".into(),
        email: "ada@example.org".into(),
    }
}

fn shipping() -> v1::Shipping {
    v1::Shipping {
        method: "post".into(),
        price: gbp(300),
        tax_rate_ppm: 0,
        address: Some(v1::Address {
            recipient: "Ada Lovelace".into(),
            lines: vec!["12 St James Square".into()],
            city: "London".into(),
            postal_code: "SW1Y 4JH".into(),
            country_code: "GB".into(),
            ..Default::default()
        }),
    }
}

fn personal_order(order_id: &str) -> v1::CreateOrderRequest {
    let mut request = create(order_id, "c");
    request.customer = Some(customer());
    request.shipping = Some(shipping());
    request
}

fn note(order_id: &str, request_id: &str) -> v1::AnnotateOrderRequest {
    v1::AnnotateOrderRequest {
        order_id: order_id.into(),
        context: context(request_id),
        note: "leave at the door".into(),
        ..Default::default()
    }
}

fn cancel(order_id: &str) -> v1::CancelOrderRequest {
    v1::CancelOrderRequest {
        order_id: order_id.into(),
        context: context("cancel"),
        cancel_reason: v1::CancelReason::Customer.into(),
    }
}

fn erase(order_id: &str, request_id: &str) -> v1::ErasePersonalDataRequest {
    v1::ErasePersonalDataRequest {
        order_id: order_id.into(),
        context: context(request_id),
    }
}

async fn erased_order(world: &World) {
    world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await
        .expect("created");
    world
        .node
        .annotate_order(Request::new(note("o1", "n")))
        .await
        .expect("noted");
    world
        .node
        .cancel_order(Request::new(cancel("o1")))
        .await
        .expect("cancelled");
    world
        .node
        .erase_personal_data(Request::new(erase("o1", "e")))
        .await
        .expect("erased");
}

#[tokio::test]
async fn nothing_personal_is_stored_in_the_clear() {
    let world = World::new();
    world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await
        .expect("created");
    let mut noted = note("o1", "n");
    noted.context.as_mut().expect("context").reason = "she called".into();
    world
        .node
        .annotate_order(Request::new(noted))
        .await
        .expect("noted");
    for record in world.log.everything().await {
        let text = String::from_utf8_lossy(&record.payload);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is readable");
        }
    }
    assert!(matches!(world.key("o1").await, KeyState::Live(_)));
}

#[tokio::test]
async fn plain_refused_and_validated_commands_make_no_key() {
    let world = World::new();
    world.place("o1").await;
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("plain");
    // Refused, with a reason that would be sealed.
    let mut refused = cancel("o2");
    refused.context.as_mut().expect("context").reason = "she called".into();
    let answer = world.node.cancel_order(Request::new(refused)).await;
    assert_refused(answer, Code::NotFound, "ORDER_NOT_FOUND");
    // Refused although it would be accepted for a new order.
    let answer = world
        .another_node()
        .create_order(Request::new(personal_order("o1")))
        .await;
    assert_refused(answer, Code::AlreadyExists, "ORDER_EXISTS");
    let mut validated = personal_order("o3");
    validated.context.as_mut().expect("context").validate_only = true;
    world
        .node
        .create_order(Request::new(validated))
        .await
        .expect("valid");
    let mut stale = note("o1", "n");
    stale.context.as_mut().expect("context").expected_version = Some(1);
    let answer = world.node.annotate_order(Request::new(stale)).await;
    assert_refused(answer, Code::Aborted, "VERSION_MISMATCH");
    assert_eq!(world.keys.created.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_key_is_there_before_the_commit() {
    let world = World::new();
    world.keys.away.store(true, Ordering::SeqCst);
    let answer = world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await;
    assert_refused(answer, Code::Unavailable, "KEYS_UNAVAILABLE");
    assert!(
        world.log.everything().await.is_empty(),
        "no silent plaintext"
    );
    world.place("o2").await;
    world.keys.away.store(false, Ordering::SeqCst);
    world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await
        .expect("created");
}

#[tokio::test]
async fn a_personal_request_replays_and_other_names_do_not() {
    let world = World::new();
    world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await
        .expect("created");
    for node in [world.node.clone(), world.another_node()] {
        let again = node
            .create_order(Request::new(personal_order("o1")))
            .await
            .expect("again");
        assert!(again.into_inner().receipt.expect("receipt").replayed);
        let mut other = personal_order("o1");
        other.customer.as_mut().expect("customer").name = "Charles".into();
        let answer = node.create_order(Request::new(other)).await;
        assert_refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");
    }
}

#[tokio::test]
async fn an_edit_that_changes_nothing_emits_nothing() {
    let world = World::new();
    world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await
        .expect("created");
    let edit = |name: &str| {
        let customer = v1::Customer {
            name: name.into(),
            ..customer()
        };
        let actions = [
            Action::SetCustomer(customer),
            Action::SetShipping(shipping()),
        ];
        Request::new(v1::EditOrderRequest {
            order_id: "o1".into(),
            context: context(""),
            actions: actions
                .map(|action| v1::EditAction {
                    action: Some(action),
                })
                .to_vec(),
        })
    };
    for node in [world.node.clone(), world.another_node()] {
        let reply = node
            .edit_order(edit("Ada Lovelace"))
            .await
            .expect("no effect")
            .into_inner();
        assert_eq!(reply.receipt.expect("receipt").event_count, 0);
    }
    let reply = world
        .node
        .edit_order(edit("Ada King"))
        .await
        .expect("edited")
        .into_inner();
    assert_eq!(reply.receipt.expect("receipt").event_count, 1);
}

#[tokio::test]
async fn erasing_destroys_the_key_and_again_on_every_repeat() {
    let world = World::new();
    erased_order(&world).await;
    assert!(matches!(world.key("o1").await, KeyState::Erased));
    assert_eq!(world.keys.erased.load(Ordering::SeqCst), 1);
    for request_id in ["e", "e2", ""] {
        let reply = world
            .node
            .erase_personal_data(Request::new(erase("o1", request_id)))
            .await;
        reply.expect("erased already");
    }
    assert_eq!(world.keys.erased.load(Ordering::SeqCst), 4);
    world
        .node
        .create_order(Request::new(personal_order("o1")))
        .await
        .expect("replays unseen");
}

#[tokio::test]
async fn erasing_answers_only_after_the_key_store_confirmed() {
    let world = World::new();
    world
        .node
        .create_order(Request::new(create("o1", "c")))
        .await
        .expect("created");
    world
        .node
        .cancel_order(Request::new(cancel("o1")))
        .await
        .expect("cancelled");
    world.keys.away.store(true, Ordering::SeqCst);
    let answer = world
        .node
        .erase_personal_data(Request::new(erase("o1", "e")))
        .await;
    assert_refused(answer, Code::Unavailable, "KEYS_UNAVAILABLE");
    world.keys.away.store(false, Ordering::SeqCst);
    world
        .node
        .erase_personal_data(Request::new(erase("o1", "e")))
        .await
        .expect("erased");
    assert!(matches!(world.key("o1").await, KeyState::Erased));
}

#[tokio::test]
async fn after_erasure_nothing_personal_is_kept_and_commands_go_on() {
    let world = World::new();
    erased_order(&world).await;
    let before = world.log.stream("o1").await.len();
    let reply = world
        .node
        .annotate_order(Request::new(note("o1", "")))
        .await
        .expect("moot");
    assert_eq!(reply.into_inner().receipt.expect("receipt").event_count, 0);
    assert_eq!(world.log.stream("o1").await.len(), before);
    let mut tagged = annotate("o1", "t", "late");
    tagged.note = "leave at the door".into();
    tagged.context.as_mut().expect("context").reason = "she called".into();
    world
        .node
        .annotate_order(Request::new(tagged.clone()))
        .await
        .expect("tagged");
    let again = world
        .another_node()
        .annotate_order(Request::new(tagged))
        .await
        .expect("replayed");
    assert!(again.into_inner().receipt.expect("receipt").replayed);
    assert!(matches!(world.key("o1").await, KeyState::Erased));
}

#[tokio::test]
async fn a_reason_alone_is_sealed_too() {
    let world = World::new();
    world.place("o1").await;
    let mut request = hold("o1", "h");
    request.context.as_mut().expect("context").reason = "she called".into();
    world.log.will([Fault::FalseConflict]);
    world
        .node
        .hold_order(Request::new(request))
        .await
        .expect("held");
    assert!(matches!(world.key("o1").await, KeyState::Live(_)));
    let stored = world.log.stream("o1").await;
    let payload = &stored.last().expect("stored").payload;
    assert!(!String::from_utf8_lossy(payload).contains("she called"));
}
