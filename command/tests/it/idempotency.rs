//! Each situation of an idempotent request, one test, over the log in memory and over JetStream.

use std::sync::atomic::Ordering;

use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{Fault, World, annotate, assert_refused, context, create, gbp, hold};

crate::jetstream::over_both_logs! {
    new_id_accepted_is_executed_and_its_key_is_in_the_commit,
    the_next_command_appends_once_and_reads_nothing,
    new_id_rejected_stores_nothing_and_may_be_used_again,
    known_id_same_payload_replays_even_when_the_order_moved_on,
    known_id_replays_although_the_expected_version_is_stale,
    known_id_other_payload_or_method_is_refused,
    one_id_a_hundred_times_at_once_has_one_effect_and_equal_replies,
    empty_id_is_executed_every_time,
    validate_only_neither_reads_nor_writes_the_key,
    no_effect_with_an_id_leaves_an_empty_commit_and_without_one_nothing,
    a_restart_forgets_nothing,
    a_crash_after_the_append_is_replayed,
    a_crash_before_the_append_is_executed_by_the_retry,
    without_an_id_names_within_the_order_protect_money_and_goods,
}

async fn new_id_accepted_is_executed_and_its_key_is_in_the_commit(world: World) {
    let reply = world.create("o1").await;
    let receipt = reply.receipt.expect("receipt");
    assert_eq!(
        (receipt.version, receipt.event_count, receipt.replayed),
        (3, 3, false)
    );
    assert!(!receipt.consistency_token.is_empty());
    assert_eq!(reply.line_ids, ["L1", "L2"]);
    assert!(reply.totals.is_some());
    assert_eq!(world.log.stream("o1").await.len(), 1);
    assert_eq!(world.log.counts(), (1, 0), "exactly one append and no read");
}

async fn the_next_command_appends_once_and_reads_nothing(world: World) {
    world.place("o1").await;
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "gift")))
        .await
        .expect("done");
    assert_eq!(world.log.counts(), (2, 0));
}

async fn new_id_rejected_stores_nothing_and_may_be_used_again(world: World) {
    world.create("o1").await;
    let refused = world.node.hold_order(Request::new(hold("o1", "r"))).await;
    assert_refused(refused, Code::FailedPrecondition, "ORDER_STATE_INVALID");
    assert_eq!(world.log.stream("o1").await.len(), 1);
    let place = v1::PlaceOrderRequest {
        order_id: "o1".into(),
        context: context("r"),
        ..Default::default()
    };
    let reply = world
        .node
        .place_order(Request::new(place))
        .await
        .expect("placed")
        .into_inner();
    assert!(!reply.receipt.expect("receipt").replayed);
}

async fn known_id_same_payload_replays_even_when_the_order_moved_on(world: World) {
    let first = world.create("o1").await;
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "gift")))
        .await
        .expect("done");
    let edit = v1::EditOrderRequest {
        order_id: "o1".into(),
        context: context("e"),
        actions: vec![v1::EditAction {
            action: Some(v1::edit_action::Action::AddLine(crate::fixture::line(
                "C3", 5, 7,
            ))),
        }],
    };
    world
        .node
        .edit_order(Request::new(edit))
        .await
        .expect("edited");
    for node in [world.node.clone(), world.another_node()] {
        let again = node
            .create_order(Request::new(create("o1", "create-o1")))
            .await;
        let mut again = again.expect("replayed").into_inner();
        let receipt = again.receipt.as_mut().expect("receipt");
        assert!(std::mem::take(&mut receipt.replayed));
        assert_eq!(again, first, "the reply is the original one");
    }
    assert_eq!(world.log.stream("o1").await.len(), 3);
}

async fn known_id_replays_although_the_expected_version_is_stale(world: World) {
    world.place("o1").await;
    let mut request = hold("o1", "h");
    request.context.as_mut().expect("context").expected_version = Some(4);
    let first = world
        .node
        .hold_order(Request::new(request.clone()))
        .await
        .expect("held");
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("done");
    let again = world
        .node
        .hold_order(Request::new(request.clone()))
        .await
        .expect("replayed");
    let (first, again) = (first.into_inner().receipt, again.into_inner().receipt);
    assert_eq!(
        first.expect("receipt").version,
        again.as_ref().expect("receipt").version
    );
    assert!(again.expect("receipt").replayed);
    // A client that lost the reply may re-read and resend with the newest version.
    request.context.as_mut().expect("context").expected_version = Some(6);
    let again = world
        .node
        .hold_order(Request::new(request))
        .await
        .expect("replayed");
    assert!(again.into_inner().receipt.expect("receipt").replayed);
}

async fn known_id_other_payload_or_method_is_refused(world: World) {
    world.place("o1").await;
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("done");
    let other = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "y")))
        .await;
    let status = assert_refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert!(!status.message().is_empty());
    let other = world.node.hold_order(Request::new(hold("o1", "a"))).await;
    assert_refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
    let other = world
        .node
        .create_order(Request::new(create("o1", "a")))
        .await;
    assert_refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

async fn one_id_a_hundred_times_at_once_has_one_effect_and_equal_replies(world: World) {
    let nodes = [
        world.node.clone(),
        world.another_node(),
        world.another_node(),
    ];
    let calls = (0..100).map(|i| {
        let node = nodes[i % nodes.len()].clone();
        tokio::spawn(async move { node.create_order(Request::new(create("o1", "same"))).await })
    });
    let mut fresh = 0;
    let mut replies = Vec::new();
    for call in futures::future::join_all(calls).await {
        let mut reply = call.expect("no panic").expect("accepted").into_inner();
        let receipt = reply.receipt.as_mut().expect("receipt");
        fresh += usize::from(!std::mem::take(&mut receipt.replayed));
        replies.push(reply);
    }
    assert_eq!(fresh, 1, "one of them was executed");
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(world.log.stream("o1").await.len(), 1);
}

async fn empty_id_is_executed_every_time(world: World) {
    world.place("o1").await;
    for note in 0..3 {
        let request = annotate("o1", "", &format!("t{note}"));
        world
            .node
            .annotate_order(Request::new(request))
            .await
            .expect("done");
    }
    assert_eq!(world.log.stream("o1").await.len(), 4);
    let again = world
        .node
        .create_order(Request::new(create("o1", "")))
        .await;
    assert_refused(again, Code::AlreadyExists, "ORDER_EXISTS");
}

async fn validate_only_neither_reads_nor_writes_the_key(world: World) {
    world.place("o1").await;
    let mut request = annotate("o1", "a", "x");
    request.context.as_mut().expect("context").validate_only = true;
    let seen = world
        .node
        .annotate_order(Request::new(request.clone()))
        .await
        .expect("valid");
    let receipt = seen.into_inner().receipt.expect("receipt");
    assert_eq!((receipt.version, receipt.event_count), (5, 1));
    assert_eq!(receipt.consistency_token, "");
    assert_eq!(world.log.stream("o1").await.len(), 1);
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "y")))
        .await
        .expect("key is free");
    let seen = world
        .node
        .annotate_order(Request::new(request))
        .await
        .expect("key is not read");
    assert!(!seen.into_inner().receipt.expect("receipt").replayed);
}

async fn no_effect_with_an_id_leaves_an_empty_commit_and_without_one_nothing(world: World) {
    world.place("o1").await;
    world
        .node
        .hold_order(Request::new(hold("o1", "h1")))
        .await
        .expect("held");
    for (request_id, commits) in [("", 2), ("h2", 3), ("", 3)] {
        let reply = world
            .node
            .hold_order(Request::new(hold("o1", request_id)))
            .await;
        let receipt = reply
            .expect("no effect")
            .into_inner()
            .receipt
            .expect("receipt");
        assert_eq!((receipt.version, receipt.event_count), (5, 0));
        assert!(!receipt.consistency_token.is_empty());
        assert_eq!(world.log.stream("o1").await.len(), commits);
    }
    // Released since: a late retry still gets the reply it once had.
    let release = v1::ReleaseOrderRequest {
        order_id: "o1".into(),
        context: context("r"),
        hold_reason: v1::HoldReason::Address.into(),
    };
    world
        .node
        .release_order(Request::new(release))
        .await
        .expect("released");
    let again = world
        .another_node()
        .hold_order(Request::new(hold("o1", "h2")))
        .await;
    let receipt = again
        .expect("replayed")
        .into_inner()
        .receipt
        .expect("receipt");
    assert_eq!(
        (receipt.version, receipt.event_count, receipt.replayed),
        (5, 0, true)
    );
}

async fn a_restart_forgets_nothing(world: World) {
    world.place("o1").await;
    let pay = v1::AuthorizePaymentRequest {
        order_id: "o1".into(),
        context: context("p"),
        amount: gbp(100),
        method: "card".into(),
        psp_reference: "psp-1".into(),
        ..Default::default()
    };
    let first = world
        .node
        .authorize_payment(Request::new(pay.clone()))
        .await
        .expect("done");
    let again = world
        .another_node()
        .authorize_payment(Request::new(pay))
        .await
        .expect("done");
    let (first, again) = (first.into_inner(), again.into_inner());
    assert_eq!(first.payment_id, "P1");
    assert_eq!(again.payment_id, first.payment_id);
    assert!(again.receipt.expect("receipt").replayed);
}

/// The caller learns nothing, the process is gone; another one is asked.
async fn after_a_crash(world: &World, fault: Fault) -> v1::Receipt {
    world.place("o1").await;
    world.log.will([fault]);
    world.log.reads_fail.store(true, Ordering::SeqCst);
    let request = || Request::new(annotate("o1", "a", "x"));
    let refused = world.node.annotate_order(request()).await;
    assert_refused(refused, Code::Unavailable, "OUTCOME_UNKNOWN");
    world.log.reads_fail.store(false, Ordering::SeqCst);
    let reply = world.another_node().annotate_order(request()).await;
    assert_eq!(world.log.stream("o1").await.len(), 2);
    reply.expect("done").into_inner().receipt.expect("receipt")
}

async fn a_crash_after_the_append_is_replayed(world: World) {
    let receipt = after_a_crash(&world, Fault::StoreAndTimeOut).await;
    assert_eq!((receipt.version, receipt.replayed), (5, true));
}

async fn a_crash_before_the_append_is_executed_by_the_retry(world: World) {
    let receipt = after_a_crash(&world, Fault::TimeOut).await;
    assert_eq!((receipt.version, receipt.replayed), (5, false));
}

async fn without_an_id_names_within_the_order_protect_money_and_goods(world: World) {
    world.place("o1").await;
    let node = &world.node;
    let pay = v1::AuthorizePaymentRequest {
        order_id: "o1".into(),
        amount: gbp(100),
        method: "card".into(),
        psp_reference: "psp-1".into(),
        capture: true,
        ..Default::default()
    };
    let ship = v1::ShipItemsRequest {
        order_id: "o1".into(),
        shipment_id: "S1".into(),
        items: vec![v1::LineQuantity {
            line_id: "L1".into(),
            quantity: 1,
        }],
        ..Default::default()
    };
    node.authorize_payment(Request::new(pay.clone()))
        .await
        .expect("paid");
    node.ship_items(Request::new(ship.clone()))
        .await
        .expect("shipped");
    let again = node.authorize_payment(Request::new(pay)).await;
    assert_refused(again, Code::AlreadyExists, "PSP_REFERENCE_SEEN");
    let again = node.ship_items(Request::new(ship)).await;
    assert_refused(again, Code::AlreadyExists, "SHIPMENT_EXISTS");
    assert_eq!(world.log.stream("o1").await.len(), 3);
}
