//! The administration service: what it shows, and what it refuses.

use std::path::Path;

use event_store::EventStore as _;
use projector::{Orders, ProjectionService, Reports};
use proto::token::ConsistencyToken;
use proto::v1;
use proto::v1::projection_service_server::ProjectionService as _;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};

use crate::history::Writer;
use crate::log::{IDENTITY, Log, Mood};
use crate::node::{Node, digest_of};

struct World {
    writer: Writer,
    log: Log,
    orders: Node,
    reports: Node,
    service: ProjectionService,
}

async fn world(root: &Path) -> World {
    let mut writer = Writer::new(30);
    writer.wander(20, 400);
    let log = Log::holding(&writer, 1).await;
    let orders = Node::start(Orders, &log, root, 1);
    let reports = Node::start(Reports, &log, root, 1);
    let head = log.head().await.expect("head");
    orders.reached(&head).await;
    reports.reached(&head).await;
    let both = [&orders, &reports].map(|node| (node.views.clone(), node.rebuild.clone()));
    let service = ProjectionService::new(log.shared(), both.into());
    World {
        writer,
        log,
        orders,
        reports,
        service,
    }
}

impl World {
    async fn show(
        &self,
        name: &str,
        with_digest: bool,
        token: String,
    ) -> Result<v1::Projection, tonic::Status> {
        let request = Request::new(v1::GetProjectionRequest {
            name: name.to_owned(),
            with_digest,
            consistency_token: token,
        });
        let reply = self.service.get_projection(request).await?.into_inner();
        Ok(reply.projection.expect("one"))
    }

    async fn stop(self) {
        self.orders.stop().await;
        self.reports.stop().await;
    }
}

fn rebuild_of(name: &str) -> Request<v1::RebuildProjectionRequest> {
    let name = name.to_owned();
    Request::new(v1::RebuildProjectionRequest { name })
}

#[tokio::test]
async fn every_projection_is_shown_with_its_place() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    let request = Request::new(v1::ListProjectionsRequest {});
    let listed = world
        .service
        .list_projections(request)
        .await
        .expect("listed");
    let listed = listed.into_inner().projections;
    let names: Vec<_> = listed.iter().map(|shown| shown.name.as_str()).collect();
    assert_eq!(names, ["orders", "reports"]);
    for shown in &listed {
        assert_eq!((shown.position.as_str(), shown.lag_commits), ("0:400", 0));
        assert_eq!((shown.head.as_str(), shown.trouble.as_str()), ("0:400", ""));
        assert!(shown.digest.is_empty());
    }
    let shown = world
        .show("orders", true, String::new())
        .await
        .expect("shown");
    let digest = digest_of(Orders, &world.writer.records(1));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown.digest, digest);
    world.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    let refused = world.show("nonsense", false, String::new()).await;
    assert_eq!(refused.expect_err("refused").code(), Code::NotFound);
    let other = ConsistencyToken::new([1; 16], 0, 1).to_string();
    for token in ["nonsense".to_owned(), other] {
        let refused = world.show("orders", false, token).await;
        assert_eq!(refused.expect_err("refused").code(), Code::InvalidArgument);
    }
    let token = ConsistencyToken::new(IDENTITY.0, 0, 400).to_string();
    world.show("orders", false, token).await.expect("shown");
    let ahead = ConsistencyToken::new(IDENTITY.0, 0, 401).to_string();
    let late = world.show("orders", false, ahead).await;
    assert_eq!(late.expect_err("late").code(), Code::Unavailable);
    world.stop().await;
}

#[tokio::test]
async fn a_rebuild_streams_its_progress_and_a_second_one_is_refused() {
    let root = tempfile::tempdir().expect("folder");
    let world = world(root.path()).await;
    world.log.set(Mood::Deaf);
    let first = world.service.rebuild_projection(rebuild_of("orders")).await;
    let mut first = first.expect("begun").into_inner();
    let second = world.service.rebuild_projection(rebuild_of("orders")).await;
    let refused = second.err().expect("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("running"), "{refused}");
    // The build has a tail that yields nothing, and is given up.
    let last = first.next().await.expect("an end");
    assert_eq!(last.expect_err("given up").code(), Code::Aborted);

    world.log.set(Mood::Fine);
    let third = world.service.rebuild_projection(rebuild_of("orders")).await;
    let steps: Vec<_> = third.expect("begun").into_inner().collect().await;
    let last = steps.last().expect("steps").as_ref().expect("a step");
    let promoted = last.promoted.as_ref().expect("promoted");
    assert_eq!(promoted.generation, world.orders.generation());
    assert_eq!((last.done, last.total), (400, 400));
    assert!(last.commits_per_second > 0.0);
    let left = last.remaining.expect("a rate").seconds;
    assert_eq!(left, 0, "nothing is left at the end");
    world.stop().await;
}
