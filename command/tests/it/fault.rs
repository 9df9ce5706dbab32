//! What each failure of the log becomes.

use std::sync::atomic::Ordering;

use event_store::{CommitId, EventStore as _, NewRecord, StreamId};
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{Fault, World, annotate, assert_refused, create};

async fn annotated_under(fault: Fault) -> (World, Result<bool, tonic::Status>) {
    let world = World::new();
    world.place("o1").await;
    world.log.will([fault]);
    let reply = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await;
    let replayed = reply.map(|reply| reply.into_inner().receipt.expect("receipt").replayed);
    (world, replayed)
}

#[tokio::test(start_paused = true)]
async fn stored_without_an_answer_is_found_and_succeeds() {
    for fault in [Fault::StoreAndTimeOut, Fault::StoreAndConflict] {
        let (world, reply) = annotated_under(fault).await;
        assert!(!reply.expect("found"), "{fault:?}");
        assert_eq!(world.log.stream("o1").await.len(), 2, "{fault:?}");
        world
            .node
            .annotate_order(Request::new(annotate("o1", "b", "y")))
            .await
            .expect("goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn neither_stored_nor_answered_is_an_unknown_outcome_and_a_retry_settles_it() {
    let (world, reply) = annotated_under(Fault::TimeOut).await;
    assert_refused(reply, Code::Unavailable, "OUTCOME_UNKNOWN");
    world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect("retried");
    assert_eq!(world.log.stream("o1").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_that_was_stored_replays_on_retry() {
    let world = World::new();
    world.place("o1").await;
    world.log.will([Fault::StoreAndTimeOut]);
    world.log.reads_fail.store(true, Ordering::SeqCst);
    let reply = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await;
    assert_refused(reply, Code::Unavailable, "OUTCOME_UNKNOWN");
    world.log.reads_fail.store(false, Ordering::SeqCst);
    let again = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await;
    assert!(
        again
            .expect("replayed")
            .into_inner()
            .receipt
            .expect("receipt")
            .replayed
    );
    assert_eq!(world.log.stream("o1").await.len(), 2);
}

#[tokio::test]
async fn a_false_conflict_is_decided_again() {
    let (world, reply) = annotated_under(Fault::FalseConflict).await;
    assert!(!reply.expect("decided again"));
    assert_eq!(world.log.stream("o1").await.len(), 2);
}

#[tokio::test]
async fn certain_failures_are_told_at_once_and_store_nothing() {
    for (fault, code, reason) in [
        (Fault::NotStored, Code::Unavailable, "LOG_UNAVAILABLE"),
        (Fault::Unavailable, Code::Unavailable, "LOG_UNAVAILABLE"),
        (Fault::Full, Code::ResourceExhausted, "LOG_FULL"),
        (Fault::TooLarge, Code::FailedPrecondition, "LIMIT_EXCEEDED"),
    ] {
        let (world, reply) = annotated_under(fault).await;
        let status = assert_refused(reply, code, reason);
        assert!(
            !status.message().contains("planted"),
            "no cause reaches the caller"
        );
        assert_eq!(world.log.counts().0, 2, "{fault:?} is not retried");
        assert_eq!(world.log.stream("o1").await.len(), 1);
        world
            .node
            .annotate_order(Request::new(annotate("o1", "a", "x")))
            .await
            .expect("later");
    }
}

#[tokio::test]
async fn a_refusal_is_not_given_while_the_newest_state_is_out_of_reach() {
    let world = World::new();
    world.create("o1").await;
    world.log.reads_fail.store(true, Ordering::SeqCst);
    let refused = world
        .node
        .hold_order(Request::new(crate::fixture::hold("o1", "h")))
        .await;
    assert_refused(refused, Code::Unavailable, "LOG_UNAVAILABLE");
}

#[tokio::test]
async fn a_log_that_went_back_is_read_afresh() {
    let world = World::new();
    world.place("o1").await;
    let before = world
        .place("o2")
        .await
        .receipt
        .expect("receipt")
        .consistency_token;
    world.log.lose_everything();
    let refused = world
        .node
        .annotate_order(Request::new(annotate("o2", "a", "x")))
        .await;
    assert_refused(refused, Code::NotFound, "ORDER_NOT_FOUND");
    world.place("o3").await;
    // At the same position as before, but in another log.
    let after = world.place("o2").await.receipt.expect("receipt");
    assert_ne!(
        after.consistency_token, before,
        "the token names the new log"
    );
    assert!(!after.replayed);
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_takes_no_commands() {
    let world = World::new();
    let stream = StreamId::new("o1").expect("valid");
    let record = NewRecord {
        commit_id: CommitId([7; 16]),
        payload: bytes::Bytes::from_static(b"\xff\xff\xff no commit"),
        label: String::new(),
    };
    world
        .log
        .append(&stream, None, world.log.epoch(), record)
        .await
        .expect("stored");
    let refused = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await;
    assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
    let refused = world
        .node
        .create_order(Request::new(create("o1", "c")))
        .await;
    assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_a_known_commit() {
    let world = World::new();
    world.place("o1").await;
    let call = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")));
    // The append yields once: the call is dropped right there.
    let mut call = Box::pin(call);
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    let mut stored = 1;
    for _yield in 0..1_000 {
        tokio::task::yield_now().await;
        stored = world.log.stream("o1").await.len();
        if stored == 2 {
            break;
        }
    }
    assert_eq!(stored, 2, "the append goes on by itself");
    let reply = world
        .node
        .annotate_order(Request::new(annotate("o1", "a", "x")))
        .await;
    let receipt = reply.expect("known").into_inner().receipt;
    assert!(receipt.expect("receipt").replayed);
    assert_eq!(world.log.stream("o1").await.len(), 2);
}
