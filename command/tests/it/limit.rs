//! Limits that add up: commits of an order, bytes of a commit; and times that do not fit.

use std::sync::atomic::Ordering;

use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{World, annotate, assert_refused, context, create, gbp, line};

#[tokio::test]
async fn an_order_has_at_most_ten_thousand_commits_but_can_still_be_voided() {
    let world = World::new();
    world.place("o1").await;
    let pay = v1::AuthorizePaymentRequest {
        order_id: "o1".into(),
        amount: gbp(100),
        method: "card".into(),
        psp_reference: "psp-1".into(),
        ..Default::default()
    };
    world
        .node
        .authorize_payment(Request::new(pay))
        .await
        .expect("authorised");
    for n in 2..10_000 {
        let mut request = annotate("o1", "", "even");
        if n % 2 == 1 {
            request.remove_tags = std::mem::take(&mut request.add_tags);
        }
        world
            .node
            .annotate_order(Request::new(request))
            .await
            .expect("below the limit");
    }
    for validate_only in [false, true] {
        let mut request = annotate("o1", "", "one more");
        request.context.as_mut().expect("context").validate_only = validate_only;
        let refused = world.node.annotate_order(Request::new(request)).await;
        assert_refused(refused, Code::FailedPrecondition, "LIMIT_EXCEEDED");
    }
    let void = v1::VoidPaymentRequest {
        order_id: "o1".into(),
        payment_id: "P1".into(),
        ..Default::default()
    };
    world
        .another_node()
        .void_payment(Request::new(void))
        .await
        .expect("exempt");
}

#[tokio::test]
async fn a_commit_of_more_than_a_million_bytes_is_refused_and_makes_no_key() {
    let world = World::new();
    let mut request = create("o1", "c");
    let wide = |n| v1::NewLine {
        line_id: format!("{n:064}"),
        sku: "S".repeat(64),
        title: "t".repeat(256),
        ..line("", 1, 1)
    };
    request.lines = (0..2_000).map(wide).collect();
    request.place = Some(v1::Placing::default());
    request.customer = Some(v1::Customer {
        name: "Ada".into(),
        ..Default::default()
    });
    request.discounts = vec![v1::Discount {
        line_ids: (0..2_000).map(|n| format!("{n:064}")).collect(),
        value: Some(v1::discount::Value::RatePpm(1)),
        ..Default::default()
    }];
    for validate_only in [true, false] {
        request.context.as_mut().expect("context").validate_only = validate_only;
        let refused = world.node.create_order(Request::new(request.clone())).await;
        assert_refused(refused, Code::FailedPrecondition, "LIMIT_EXCEEDED");
    }
    assert_eq!(world.keys.created.load(Ordering::SeqCst), 0);
    assert_eq!(world.log.counts().0, 0);
}

#[tokio::test]
async fn nothing_happens_before_the_order_was_created() {
    let world = World::new();
    world.create("o1").await;
    let mut early = context("p");
    early.as_mut().expect("context").occur_time = Some(prost_types::Timestamp {
        seconds: 1_767_225_599,
        nanos: 0,
    });
    let request = v1::PlaceOrderRequest {
        order_id: "o1".into(),
        context: early,
        ..Default::default()
    };
    let refused = world.node.place_order(Request::new(request)).await;
    assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
}

#[tokio::test]
async fn recorded_time_never_runs_backwards() {
    let world = World::new();
    world.create("o1").await;
    world.clock.fetch_sub(3_600_000_000, Ordering::SeqCst);
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("annotated");
    let commits: Vec<_> = world
        .log
        .stream("o1")
        .await
        .iter()
        .map(|record| proto::commit::decode(&record.payload).expect("decodes"))
        .collect();
    assert_eq!(commits[0].record_time, commits[1].record_time);
    let stored = world.log.stream("o1").await;
    let hash = proto::commit::hash(&stored[0].payload);
    assert_eq!(
        commits[1].previous_hash.map(|it| it.to_vec()),
        Some(hash.to_vec())
    );
    assert_eq!(commits[0].previous_hash.map(|it| it.to_vec()), None);
    assert_eq!(
        uuid::Uuid::from_bytes(stored[0].commit_id.0).get_version_num(),
        7
    );
}

#[tokio::test]
async fn errors_carry_the_correlation_id_and_commits_the_trace() {
    let world = World::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut request = Request::new(create("o1", "c"));
    request
        .metadata_mut()
        .insert("x-correlation-id", "call-7".parse().expect("ascii"));
    request
        .metadata_mut()
        .insert("traceparent", trace.parse().expect("ascii"));
    world.node.create_order(request).await.expect("created");
    let stored = world.log.stream("o1").await;
    let text = String::from_utf8_lossy(&stored[0].payload).into_owned();
    assert!(text.contains("call-7") && text.contains(trace));
    let mut request = Request::new(create("o1", "other"));
    request
        .metadata_mut()
        .insert("x-correlation-id", "call-8".parse().expect("ascii"));
    let refused = world.node.create_order(request).await;
    let status = assert_refused(refused, Code::AlreadyExists, "ORDER_EXISTS");
    assert_eq!(
        status.metadata().get("x-correlation-id").expect("trailer"),
        "call-8"
    );
}

#[tokio::test]
async fn an_order_of_a_clock_ahead_of_ours_takes_commands_without_a_time() {
    let world = World::new();
    let mut request = create("o1", "c");
    request.context.as_mut().expect("context").occur_time = Some(prost_types::Timestamp {
        seconds: 1_767_225_600 + 300,
        nanos: 0,
    });
    world
        .node
        .create_order(Request::new(request))
        .await
        .expect("within the grace");
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("annotated");
}
