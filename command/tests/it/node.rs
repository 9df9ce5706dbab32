//! Several nodes over one log: each caches what the others change.

use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{World, annotate, assert_refused, context, hold};

fn release(order_id: &str) -> v1::ReleaseOrderRequest {
    v1::ReleaseOrderRequest {
        order_id: order_id.into(),
        context: context(""),
        hold_reason: v1::HoldReason::Address.into(),
    }
}

#[tokio::test]
async fn no_refusal_rests_on_an_outdated_state() {
    let world = World::new();
    let other = world.another_node();
    world.place("o1").await;
    other
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("both know it");
    world
        .node
        .hold_order(Request::new(hold("o1", "h")))
        .await
        .expect("held here");
    other
        .release_order(Request::new(release("o1")))
        .await
        .expect("known there");
    // Here the hold still stands in the cache: "no effect" would be wrong.
    let reply = world
        .node
        .hold_order(Request::new(hold("o1", "")))
        .await
        .expect("held again");
    assert_eq!(reply.into_inner().receipt.expect("receipt").event_count, 1);
}

#[tokio::test]
async fn a_version_is_compared_with_the_newest_state() {
    let world = World::new();
    let other = world.another_node();
    world.place("o1").await;
    other
        .hold_order(Request::new(hold("o1", "h")))
        .await
        .expect("moved to 5");
    let mut request = annotate("o1", "a", "x");
    request.context.as_mut().expect("context").expected_version = Some(5);
    world
        .node
        .annotate_order(Request::new(request))
        .await
        .expect("5 is known after reading");
    let mut request = annotate("o1", "b", "y");
    request.context.as_mut().expect("context").expected_version = Some(5);
    let refused = other.annotate_order(Request::new(request)).await;
    assert_refused(refused, Code::Aborted, "VERSION_MISMATCH");
}

#[tokio::test]
async fn validation_sees_the_newest_state() {
    let world = World::new();
    let other = world.another_node();
    world.place("o1").await;
    other
        .hold_order(Request::new(hold("o1", "h")))
        .await
        .expect("moved to 5");
    let mut request = annotate("o1", "", "x");
    request.context.as_mut().expect("context").validate_only = true;
    let reply = world
        .node
        .annotate_order(Request::new(request))
        .await
        .expect("valid");
    assert_eq!(reply.into_inner().receipt.expect("receipt").version, 6);
}

#[tokio::test]
async fn racing_nodes_lose_nothing() {
    let world = World::new();
    world.place("o1").await;
    let nodes = [
        world.node.clone(),
        world.another_node(),
        world.another_node(),
    ];
    let clients = (0..6).map(|client| {
        let node = nodes[client % nodes.len()].clone();
        tokio::spawn(async move {
            for n in 0..8 {
                let id = format!("c{client}-{n}");
                // A client that met a crowd steps back and tries again.
                loop {
                    match node
                        .annotate_order(Request::new(annotate("o1", &id, &id)))
                        .await
                    {
                        Ok(_) => break,
                        Err(status) => assert_eq!(status.code(), Code::Aborted, "{status:?}"),
                    }
                }
            }
        })
    });
    for client in futures::future::join_all(clients).await {
        client.expect("no panic");
    }
    assert_eq!(world.log.stream("o1").await.len(), 1 + 48);
    let mut last = annotate("o1", "", "end");
    last.context.as_mut().expect("context").expected_version = Some(4 + 48);
    world
        .another_node()
        .annotate_order(Request::new(last))
        .await
        .expect("versions have no gap");
}
