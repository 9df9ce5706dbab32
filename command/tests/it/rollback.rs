//! A log that is rolled back under a node that has cached what is lost, while another node writes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use command::CommandService;
use event_store::memory::Memory;
use event_store::{Availability, EventStore, Positions, Record};
use proto::commit;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::{Code, Request};

use crate::fixture::{World, annotate};

async fn annotated(node: &CommandService, request_id: &str) -> v1::Receipt {
    let request = annotate("o1", request_id, request_id);
    let reply = node.annotate_order(Request::new(request)).await;
    reply
        .expect("annotated")
        .into_inner()
        .receipt
        .expect("receipt")
}

async fn end(log: &dyn EventStore) -> Positions {
    log.head().await.expect("head").last
}

#[track_caller]
fn assert_chained(records: &[Record]) {
    let (mut hash, mut version) = (None, 1);
    for record in records {
        let commit = commit::decode(&record.payload).expect("a commit");
        assert_eq!(commit.previous_hash, hash, "at {}", record.position);
        assert_eq!(commit.first_version, version, "at {}", record.position);
        hash = Some(commit::hash(&record.payload));
        version += commit.events.len() as u64;
    }
}

/// Two nodes with the order in their caches; what comes after `kept` is about to be lost.
async fn two_nodes() -> (World, CommandService, Arc<Memory>, Positions) {
    let (world, memory) = World::with_memory();
    let other = world.another_node();
    world.place("o1").await;
    annotated(&other, "known-to-both").await;
    let kept = end(&*memory).await;
    (world, other, memory, kept)
}

#[tokio::test]
async fn a_command_that_was_lost_is_executed_again_not_replayed() {
    for silent in [false, true] {
        let (world, other, memory, kept) = two_nodes().await;
        annotated(&world.node, "lost").await;
        world.log.silent.store(silent, Ordering::SeqCst);
        memory.roll_back(&kept);
        // At the position of the lost commit now lies another one.
        annotated(&other, "overtakes").await;
        let again = annotated(&world.node, "lost").await;
        assert!(!again.replayed, "its commit is gone (silent: {silent})");
        assert_chained(&world.log.stream("o1").await);
        let replayed = annotated(&world.node, "lost").await;
        assert!(replayed.replayed, "now it is there");
        assert_eq!(replayed.version, again.version);
    }
}

#[tokio::test]
async fn no_commit_rests_on_what_was_lost() {
    let (world, other, memory, kept) = two_nodes().await;
    annotated(&world.node, "lost").await;
    memory.roll_back(&kept);
    // The order ends at the same position as before, with another commit.
    annotated(&other, "overtakes").await;
    annotated(&world.node, "new").await;
    annotated(&other, "newer").await;
    let records = world.log.stream("o1").await;
    assert_eq!(records.len(), 5);
    assert_chained(&records);
}

#[tokio::test]
async fn an_order_that_was_lost_whole_is_not_found() {
    let (world, memory) = World::with_memory();
    world.place("o1").await;
    memory.roll_back(&Positions::start());
    let request = annotate("o1", "a", "x");
    let refused = world.node.annotate_order(Request::new(request)).await;
    crate::fixture::assert_refused(refused, Code::NotFound, "ORDER_NOT_FOUND");
}

#[tokio::test]
async fn an_order_that_was_not_touched_is_checked_once_and_kept() {
    let (world, memory) = World::with_memory();
    world.place("o1").await;
    world.place("o2").await;
    let kept = end(&*memory).await;
    world.place("o3").await;
    memory.roll_back(&kept);
    let reads = || world.log.counts().1;
    let before = reads();
    annotated(&world.node, "a").await;
    assert_eq!(reads() - before, 1, "one look in the new epoch");
    annotated(&world.node, "b").await;
    assert_eq!(reads() - before, 1, "and none after it");
    assert_chained(&world.log.stream("o1").await);
}

#[tokio::test]
async fn a_commit_on_a_foreign_chain_makes_the_order_unreadable() {
    let world = World::new();
    world.place("o1").await;
    annotated(&world.node, "a").await;
    let last = world.log.stream("o1").await.pop().expect("a record");
    // The same commit again, as a stray publish would store it.
    let copy = event_store::NewRecord {
        commit_id: last.commit_id,
        payload: last.payload.clone(),
        label: String::new(),
    };
    let stored = world
        .log
        .append(&last.stream, Some(last.position), world.log.epoch(), copy)
        .await;
    stored.expect("stored");
    let request = annotate("o1", "b", "y");
    let refused = world
        .another_node()
        .annotate_order(Request::new(request))
        .await;
    crate::fixture::assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
}

/// Sends a command until the log is back.
async fn stubbornly(node: &CommandService, request_id: &str) -> v1::Receipt {
    loop {
        let request = annotate("o1", request_id, request_id);
        match node.annotate_order(Request::new(request)).await {
            Ok(reply) => return reply.into_inner().receipt.expect("receipt"),
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_jetstream_neither_replay_nor_append_survives_a_restored_backup() {
    let Some(mut server) = crate::jetstream::Restorable::start().await else {
        return;
    };
    let (log, others) = (server.connect().await, server.connect().await);
    let (world, other) = (World::over(log.clone()), World::over(others.clone()));
    world.place("o1").await;
    stubbornly(&other.node, "known-to-both").await;
    server.back_up().await;
    stubbornly(&world.node, "lost").await;
    server.restore().await;
    for log in [&log, &others] {
        let mut availability = log.availability();
        let back = availability.wait_for(|now| *now == Availability::Available);
        back.await.expect("the log is open");
    }
    stubbornly(&other.node, "overtakes").await;
    let again = stubbornly(&world.node, "lost").await;
    assert!(!again.replayed, "its commit is gone");
    stubbornly(&other.node, "newer").await;
    stubbornly(&world.node, "newest").await;
    let records = world.log.stream("o1").await;
    assert_eq!(records.len(), 6);
    assert_chained(&records);
}
