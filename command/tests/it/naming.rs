//! Orders whose caller chose no id.

use command::Principal;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{World, assert_refused, create};

fn of(principal: &str, request_id: &str) -> Request<proto::v1::CreateOrderRequest> {
    let mut request = Request::new(create("", request_id));
    request
        .extensions_mut()
        .insert(Principal(principal.to_owned()));
    request
}

#[tokio::test]
async fn a_retry_meets_the_same_order_on_any_node() {
    let world = World::new();
    let first = world
        .node
        .create_order(of("shop", "r1"))
        .await
        .expect("created")
        .into_inner();
    let id = first.receipt.as_ref().expect("receipt").order_id.clone();
    assert_eq!(id.len(), 14);
    for node in [world.node.clone(), world.another_node()] {
        let again = node
            .create_order(of("shop", "r1"))
            .await
            .expect("replayed")
            .into_inner();
        let receipt = again.receipt.expect("receipt");
        assert_eq!(
            (receipt.order_id.as_str(), receipt.replayed),
            (id.as_str(), true)
        );
    }
    let mut other = of("shop", "r1");
    other.get_mut().lines.clear();
    let refused = world.another_node().create_order(other).await;
    assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn principals_do_not_meet() {
    let world = World::new();
    let one = world
        .node
        .create_order(of("shop", "r1"))
        .await
        .expect("created")
        .into_inner();
    let two = world
        .node
        .create_order(of("mall", "r1"))
        .await
        .expect("created")
        .into_inner();
    assert_ne!(
        one.receipt.expect("receipt").order_id,
        two.receipt.expect("receipt").order_id
    );
}

#[tokio::test]
async fn an_id_that_somebody_else_took_is_passed_over() {
    let world = World::new();
    let first = world
        .node
        .create_order(of("shop", "r1"))
        .await
        .expect("created")
        .into_inner();
    let taken = first.receipt.expect("receipt").order_id;
    let fresh = World::new();
    fresh.create(&taken).await;
    for node in [fresh.node.clone(), fresh.another_node(), fresh.node.clone()] {
        let reply = node
            .create_order(of("shop", "r1"))
            .await
            .expect("created")
            .into_inner();
        assert_ne!(reply.receipt.expect("receipt").order_id, taken);
    }
    assert_eq!(fresh.log.everything().await.len(), 2);
}

#[tokio::test]
async fn without_a_request_id_every_order_is_another() {
    let world = World::new();
    let one = world
        .node
        .create_order(of("", ""))
        .await
        .expect("created")
        .into_inner();
    let two = world
        .node
        .create_order(of("", ""))
        .await
        .expect("created")
        .into_inner();
    let (one, two) = (one.receipt.expect("receipt"), two.receipt.expect("receipt"));
    assert_ne!(one.order_id, two.order_id);
    assert_eq!(
        one.order_id[..7],
        two.order_id[..7],
        "made in one second of the test's clock"
    );
}
