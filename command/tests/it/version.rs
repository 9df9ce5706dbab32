//! Versions and validation, over the log in memory and over JetStream.

use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::fixture::{Fault, World, annotate, assert_refused, create, hold};

crate::jetstream::over_both_logs! {
    a_stale_version_is_refused_with_both_versions,
    of_twenty_with_one_expected_version_one_wins,
    an_empty_commit_does_not_move_the_version,
    contention_is_told_after_a_bounded_number_of_tries,
    validating_a_new_order_invents_no_ids_and_touches_no_log,
}

async fn a_stale_version_is_refused_with_both_versions(world: World) {
    world.place("o1").await;
    for wrong in [1, 3, 5, i64::MAX] {
        let mut request = hold("o1", "h");
        request.context.as_mut().expect("context").expected_version = Some(wrong);
        let refused = world.node.hold_order(Request::new(request)).await;
        let status = assert_refused(refused, Code::Aborted, "VERSION_MISMATCH");
        let info = status.get_details_error_info().expect("info");
        assert_eq!(info.metadata["expected_version"], wrong.to_string());
        assert_eq!(info.metadata["current_version"], "4");
    }
}

async fn of_twenty_with_one_expected_version_one_wins(world: World) {
    world.place("o1").await;
    let nodes = [world.node.clone(), world.another_node()];
    let calls = (0..20).map(|i| {
        let node = nodes[i % nodes.len()].clone();
        let mut request = annotate("o1", &format!("a{i}"), &format!("t{i}"));
        request.context.as_mut().expect("context").expected_version = Some(4);
        tokio::spawn(async move { node.annotate_order(Request::new(request)).await })
    });
    let mut won = 0;
    for call in futures::future::join_all(calls).await {
        match call.expect("no panic") {
            Ok(_) => won += 1,
            refused => {
                assert_refused(refused, Code::Aborted, "VERSION_MISMATCH");
            }
        }
    }
    assert_eq!(won, 1);
    assert_eq!(world.log.stream("o1").await.len(), 2);
}

async fn an_empty_commit_does_not_move_the_version(world: World) {
    world.place("o1").await;
    world
        .node
        .hold_order(Request::new(hold("o1", "h1")))
        .await
        .expect("held");
    world
        .node
        .hold_order(Request::new(hold("o1", "h2")))
        .await
        .expect("no effect");
    let mut request = annotate("o1", "a", "x");
    request.context.as_mut().expect("context").expected_version = Some(5);
    world
        .node
        .annotate_order(Request::new(request))
        .await
        .expect("at version 5");
}

async fn contention_is_told_after_a_bounded_number_of_tries(world: World) {
    world.place("o1").await;
    world.log.will([Fault::FalseConflict; 50]);
    let refused = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await;
    assert_refused(refused, Code::Aborted, "CONTENTION");
    assert_eq!(world.log.counts().0, 1 + 9, "one decision and eight more");
}

async fn validating_a_new_order_invents_no_ids_and_touches_no_log(world: World) {
    let mut request = create("", "r");
    request.context.as_mut().expect("context").validate_only = true;
    let reply = world
        .node
        .create_order(Request::new(request))
        .await
        .expect("valid")
        .into_inner();
    let receipt = reply.receipt.expect("receipt");
    assert_eq!(
        (
            receipt.version,
            receipt.event_count,
            receipt.order_id.as_str()
        ),
        (3, 3, "")
    );
    assert!(reply.line_ids.is_empty());
    assert!(reply.totals.is_some());
    assert_eq!(world.log.counts(), (0, 0));
}
