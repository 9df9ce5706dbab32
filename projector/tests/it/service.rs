//! The administration service: what it shows, and what it refuses.

use std::path::Path;

use event_store::EventStore as _;
use projector::ReadModelService;
use proto::token::ConsistencyToken;
use proto::v1;
use proto::v1::read_model_service_server::ReadModelService as _;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::history::Writer;
use crate::log::{IDENTITY, Log, Mood};
use crate::node::{Node, digest_of};

struct World {
    writer: Writer,
    log: Log,
    node: Node,
    service: ReadModelService,
}

async fn world(root: &Path) -> World {
    let mut writer = Writer::new(30);
    writer.wander(20, 400);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(&log, root);
    let service = ReadModelService::new(node.store.clone(), node.operator.clone(), log.shared());
    World {
        writer,
        log,
        node,
        service,
    }
}

impl World {
    async fn there(&self) {
        let head = self.log.head().await.expect("head");
        self.node.reached(&head).await;
    }

    async fn show(&self, consistency_token: String) -> Result<v1::ReadModel, Status> {
        let request = v1::GetReadModelRequest { consistency_token };
        let reply = self.service.get_read_model(Request::new(request)).await?;
        Ok(reply.into_inner().read_model.expect("one"))
    }

    async fn parked(&self, page_size: i32, page_token: &str) -> v1::ListParkedOrdersResponse {
        let request = v1::ListParkedOrdersRequest {
            page_size,
            page_token: page_token.to_owned(),
            ..v1::ListParkedOrdersRequest::default()
        };
        let reply = self.service.list_parked_orders(Request::new(request)).await;
        reply.expect("listed").into_inner()
    }
}

#[track_caller]
fn assert_refused<T>(reply: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = reply.err().expect("refused");
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().expect("details");
    assert_eq!(info.reason, reason);
    status
}

#[tokio::test]
async fn the_read_model_is_shown_with_its_place_and_its_digest() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.there().await;
    let shown = world.show(String::new()).await.expect("shown");
    assert_eq!(
        (shown.position.as_str(), shown.head.as_str()),
        ("0:400", "0:400")
    );
    assert_eq!((shown.lag_commits, shown.parked), (0, 0));
    assert_eq!((shown.trouble.as_str(), shown.serving), ("", true));
    assert_eq!(shown.generations, std::slice::from_ref(&shown.generation));
    assert_eq!(shown.quarantined, Vec::<String>::new());
    assert_eq!(
        (shown.work, shown.behind_for, shown.head_unknown_for),
        (None, None, None)
    );
    assert_eq!(
        shown.digest,
        digest_of(&world.writer.records(1)).to_string()
    );
    assert_eq!(shown.log_identity, IDENTITY.to_string());
    world.node.stop().await;
}

#[tokio::test]
async fn a_token_is_waited_for_and_checked() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.there().await;
    let other = ConsistencyToken::new([1; 16], 0, 1).to_string();
    for token in ["nonsense".to_owned(), other] {
        let refused = world.show(token).await;
        assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
    }
    let token = ConsistencyToken::new(IDENTITY.0, 0, 400).to_string();
    world.show(token).await.expect("shown");
    let ahead = ConsistencyToken::new(IDENTITY.0, 0, 401).to_string();
    let late = world.show(ahead).await;
    assert_refused(late, Code::Unavailable, "READ_MODEL_BEHIND");
    world.node.stop().await;
}

#[tokio::test]
async fn a_rebuild_streams_its_progress_to_every_caller() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.there().await;
    let rebuild = || world.service.rebuild(Request::new(v1::RebuildRequest {}));
    let first = rebuild().await.expect("begun").into_inner();
    let second = rebuild().await.expect("joined").into_inner();
    let (first, second): (Vec<_>, Vec<_>) = tokio::join!(first.collect(), second.collect());
    for steps in [first, second] {
        let last = steps.last().expect("steps").as_ref().expect("a step");
        let outcome = last.outcome.as_ref().expect("the end");
        assert_eq!(outcome.generation, world.node.generation());
        assert_eq!(outcome.digest, world.node.digest().to_string());
        assert!(!outcome.different);
        let work = last.work.as_ref().expect("how far");
        assert_eq!(
            (work.task.as_str(), work.done, work.total),
            ("rebuild", 400, 400)
        );
        assert!(work.per_second > 0.0);
    }
    world.node.stop().await;
}

#[tokio::test]
async fn a_cancelled_rebuild_says_so_and_another_task_is_refused_meanwhile() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.there().await;
    world.log.set(Mood::Deaf);
    let rebuild = world
        .service
        .rebuild(Request::new(v1::RebuildRequest {}))
        .await;
    let steps = rebuild.expect("begun").into_inner();
    let verify = world
        .service
        .verify(Request::new(v1::VerifyRequest::default()))
        .await;
    assert_refused(verify, Code::FailedPrecondition, "READ_MODEL_BUSY");
    let cancel = || {
        world
            .service
            .cancel_rebuild(Request::new(v1::CancelRebuildRequest {}))
    };
    assert!(cancel().await.expect("answered").into_inner().cancelled);
    let last = steps.collect::<Vec<_>>().await.pop().expect("an end");
    assert_refused(last, Code::Aborted, "REBUILD_GIVEN_UP");
    assert!(!cancel().await.expect("answered").into_inner().cancelled);
    world.node.stop().await;
}

#[tokio::test]
async fn a_verification_says_equal_with_the_digest() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.there().await;
    let verify = world
        .service
        .verify(Request::new(v1::VerifyRequest::default()))
        .await;
    let steps: Vec<_> = verify.expect("begun").into_inner().collect().await;
    let last = steps
        .into_iter()
        .next_back()
        .expect("steps")
        .expect("a step");
    let outcome = last.outcome.expect("the end");
    assert!(outcome.equal, "{outcome:?}");
    assert_eq!(outcome.digest, world.node.digest().to_string());
    world.node.stop().await;
}

#[tokio::test]
async fn without_a_view_it_says_how_far_the_build_is() {
    let root = tempfile::tempdir().expect("folder");
    let mut writer = Writer::new(31);
    writer.wander(20, 100);
    let log = Log::holding(&writer, 1).await;
    log.set(Mood::Deaf);
    let node = Node::start(&log, root.path());
    let service = ReadModelService::new(node.store.clone(), node.operator.clone(), log.shared());
    node.until("it builds", |it| it.work.is_some()).await;
    let request = v1::ListParkedOrdersRequest::default();
    let refused = service.list_parked_orders(Request::new(request)).await;
    let status = assert_refused(refused, Code::Unavailable, "READ_MODEL_BUILDING");
    assert!(status.get_details_retry_info().is_some());
    let refused = service
        .verify(Request::new(v1::VerifyRequest::default()))
        .await;
    let status = assert_refused(refused, Code::Unavailable, "READ_MODEL_BUILDING");
    let info = status.get_details_error_info().expect("details");
    assert_eq!(info.metadata["total"], "100");
    node.stop().await;
}

/// The runner asks for the head once a second; a caller must not be told of lag 0 in between.
#[tokio::test]
async fn the_head_is_asked_for_each_call() {
    let root = tempfile::tempdir().expect("folder");
    let mut writer = Writer::new(32);
    writer.wander(20, 100);
    let log = Log::new(1);
    log.append_all(&writer, 0..60).await;
    let node = Node::start(&log, root.path());
    let service = ReadModelService::new(node.store.clone(), node.operator.clone(), log.shared());
    node.reached(&log.head().await.expect("a head")).await;
    log.set(Mood::Deaf);
    log.append_all(&writer, 60..100).await;
    let request = Request::new(v1::GetReadModelRequest::default());
    let reply = service.get_read_model(request).await.expect("an answer");
    let shown = reply.into_inner().read_model.expect("a read model");
    let lag = (
        shown.position.as_str(),
        shown.head.as_str(),
        shown.lag_commits,
    );
    assert_eq!(lag, ("0:60", "0:100", 40));
    node.stop().await;
}

#[tokio::test]
async fn parked_orders_are_listed_by_page_and_retried_by_name() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.there().await;
    world.node.stop().await;
    // Every order's second commit is nonsense in the next life of the log.
    let records = world.writer.records(1);
    let mut seen = std::collections::BTreeMap::new();
    for record in &records {
        let nth = seen.entry(record.stream.clone()).or_insert(0);
        *nth += 1;
        if *nth == 2 {
            world.log.change(record.position, vec![0xFF]);
        }
    }
    let parked = seen.values().filter(|commits| **commits > 1).count();
    std::fs::remove_dir_all(root.path()).expect("removed");
    let node = Node::start(&world.log, root.path());
    let service = ReadModelService::new(
        node.store.clone(),
        node.operator.clone(),
        world.log.shared(),
    );
    let world = World {
        node,
        service,
        ..world
    };
    world.there().await;
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let page = world.parked(7, &token).await;
        assert!(page.parked_orders.len() <= 7);
        listed.extend(page.parked_orders);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed.len(), parked);
    assert!(listed.is_sorted_by_key(|it| it.order_id.clone()));
    assert!(
        listed
            .iter()
            .all(|it| it.cause == "UNDECODABLE" && it.attempts == 1)
    );
    assert_eq!(world.parked(0, "").await.parked_orders, listed);

    let retry = |order_id: &str| {
        let order_id = order_id.to_owned();
        let request = Request::new(v1::RetryParkedOrderRequest { order_id });
        world.service.retry_parked_order(request)
    };
    let again = retry(&listed[0].order_id)
        .await
        .expect("tried")
        .into_inner();
    assert_eq!(again.parked.expect("again").attempts, 2);
    world.log.mend();
    let healed = retry(&listed[0].order_id)
        .await
        .expect("tried")
        .into_inner();
    assert!(healed.healed);
    // Once more changes nothing.
    let healed = retry(&listed[0].order_id).await.expect("tried");
    assert!(healed.into_inner().healed);
    let shown = world.show(String::new()).await.expect("shown");
    assert_eq!(usize::try_from(shown.parked), Ok(parked - 1));
    world.node.stop().await;
}
