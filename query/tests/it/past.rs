//! Orders as they were, and what happened to them.

use std::sync::atomic::Ordering;

use order::evolve;
use proptest::prelude::*;
use proto::v1;
use proto::v1::get_order_request::AsOf;
use proto::v1::order_command_service_server::OrderCommandService as _;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::order_query_service_server::OrderQueryService as _;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::script::{Step, order_id, script};
use crate::world::{World, assert_fields, assert_refused, shown, time};

async fn as_of(world: &World, order_id: &str, as_of: AsOf) -> Result<v1::Order, Status> {
    let request = v1::GetOrderRequest {
        order_id: order_id.to_owned(),
        as_of: Some(as_of),
        ..v1::GetOrderRequest::default()
    };
    let reply = world.query.get_order(Request::new(request)).await?;
    Ok(reply.into_inner().order.expect("order"))
}

async fn events(
    world: &World,
    request: v1::ListOrderEventsRequest,
) -> Result<v1::ListOrderEventsResponse, Status> {
    let reply = world.query.list_order_events(Request::new(request)).await?;
    Ok(reply.into_inner())
}

fn history(order_id: &str, page_size: i32, page_token: String) -> v1::ListOrderEventsRequest {
    v1::ListOrderEventsRequest {
        order_id: order_id.to_owned(),
        page_size,
        page_token,
        ..v1::ListOrderEventsRequest::default()
    }
}

async fn check_versions(world: &World, id: &str) {
    let commits = world.commits(id).await;
    let mut order = None;
    for commit in &commits {
        for event in &commit.events {
            evolve(&mut order, event, commit.occur_time);
            let order = order.as_mut().expect("begun");
            order.committed(commit.record_time);
            let version = i64::try_from(order.version).expect("small");
            let found = as_of(world, id, AsOf::Version(version)).await;
            assert_eq!(found.expect("found"), shown(id, order), "{id} at {version}");
        }
    }
    let Some(order) = order else { return };
    let beyond = i64::try_from(order.version).expect("small") + 1;
    let refused = as_of(world, id, AsOf::Version(beyond)).await;
    let status = assert_refused(refused, Code::OutOfRange, "VERSION_AHEAD");
    let info = status.get_details_error_info().expect("info");
    let current = info.metadata.get("current_version").cloned();
    assert_eq!(current, Some(order.version.to_string()));
}

async fn check_times(world: &World, id: &str) {
    let commits = world.commits(id).await;
    for moment in commits.iter().map(|commit| commit.record_time.micros()) {
        for until in [moment - 1, moment, moment + 1] {
            let mut order = None;
            for commit in commits.iter().filter(|c| c.record_time.micros() <= until) {
                proto::commit::apply(&mut order, commit);
            }
            let found = as_of(world, id, AsOf::Time(time(until))).await;
            match order {
                Some(order) => assert_eq!(found.expect("found"), shown(id, &order)),
                None => {
                    assert_refused(found, Code::NotFound, "ORDER_NOT_FOUND");
                }
            }
        }
    }
}

async fn check_history(world: &World, id: &str, sizes: &[i32]) {
    let commits = world.commits(id).await;
    let expected: usize = commits.iter().map(|commit| commit.events.len()).sum();
    let (mut joined, mut page_token) = (Vec::new(), String::new());
    for turn in 0.. {
        let size = sizes[turn % sizes.len()];
        let page = events(world, history(id, size, page_token))
            .await
            .expect("listed");
        assert!(page.events.len() <= usize::try_from(size).expect("positive"));
        joined.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        assert!(joined.len() < expected, "the last page has no token");
    }
    assert_eq!(joined.len(), expected);
    for (event, version) in joined.iter().zip(1..) {
        assert_eq!(
            (event.version, &event.event_id),
            (version, &format!("{id}:{version}"))
        );
    }
    let mut names = commits
        .iter()
        .flat_map(|c| c.events.iter().map(order::Event::name));
    assert!(
        joined
            .iter()
            .all(|event| Some(event.r#type.as_str()) == names.next())
    );
}

async fn check(script: Vec<Step>, sizes: Vec<i32>) {
    let world = World::new().await;
    world.run(&script).await;
    for index in 0..12 {
        let id = order_id(index);
        if world.folded(&id).await.is_some() {
            check_versions(&world, &id).await;
            check_times(&world, &id).await;
            check_history(&world, &id, &sizes).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_past_is_the_fold_of_the_first_events(
        script in script(60),
        sizes in prop::collection::vec(1..7_i32, 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(check(script, sizes));
    }
}

#[tokio::test]
async fn the_past_needs_no_view() {
    let world = World::new().await;
    world.place("o1").await;
    let order = as_of(&world, "o1", AsOf::Version(1)).await.expect("found");
    assert_eq!(order.state, i32::from(v1::OrderState::Draft));
    assert_eq!(
        events(&world, history("o1", 0, String::new()))
            .await
            .expect("listed")
            .events
            .len(),
        3
    );
}

#[tokio::test]
async fn versions_and_times_out_of_range_are_refused() {
    let world = World::new().await;
    world.place("o1").await;
    for version in [0, -1, i64::MIN] {
        let refused = as_of(&world, "o1", AsOf::Version(version)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["version"]);
    }
    let refused = as_of(&world, "o1", AsOf::Version(i64::MAX)).await;
    assert_refused(refused, Code::OutOfRange, "VERSION_AHEAD");
    for (seconds, nanos) in [
        (-1, 0),
        (i64::MAX, 0),
        (i64::MIN, 0),
        (0, -1),
        (0, i32::MAX),
    ] {
        let asked = AsOf::Time(prost_types::Timestamp { seconds, nanos });
        let refused = as_of(&world, "o1", asked).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID");
        assert_fields(&status, &["time"]);
    }
    let refused = as_of(&world, "nobody", AsOf::Version(1)).await;
    assert_refused(refused, Code::NotFound, "ORDER_NOT_FOUND");
    let refused = events(&world, history("nobody", 0, String::new())).await;
    assert_refused(refused, Code::NotFound, "ORDER_NOT_FOUND");
}

#[tokio::test]
async fn what_lies_before_an_unreadable_commit_is_still_read() {
    let world = World::new().await;
    world.place("o1").await;
    world.append("o1", b"\xff\xff").await;
    let order = as_of(&world, "o1", AsOf::Version(3)).await.expect("found");
    assert_eq!(order.version, 3);
    let refused = as_of(&world, "o1", AsOf::Version(4)).await;
    assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
    let page = events(&world, history("o1", 0, String::new()))
        .await
        .expect("listed");
    assert_eq!(page.events.len(), 3);
    let refused = events(&world, history("o1", 0, page.next_page_token)).await;
    assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
}

#[tokio::test]
async fn a_parked_order_is_shown_as_degraded() {
    let world = World::new().await;
    world.place("o1").await;
    world.place("o2").await;
    world.append("o1", b"\xff\xff").await;
    world.append("new", b"\xff\xff").await;
    world.project().await;
    let request = v1::BatchGetOrdersRequest {
        order_ids: ["o1", "o2", "new", "nobody"].map(str::to_owned).to_vec(),
        ..v1::BatchGetOrdersRequest::default()
    };
    let reply = world.query.batch_get_orders(Request::new(request)).await;
    let reply = reply.expect("got").into_inner();
    let degraded = reply
        .orders
        .iter()
        .map(|o| (o.order_id.as_str(), o.version, !o.degraded.is_empty()));
    assert_eq!(
        degraded.collect::<Vec<_>>(),
        [("o1", 3, true), ("o2", 3, false), ("new", 0, true)]
    );
    assert_eq!(reply.missing_ids, ["nobody"]);
    assert!(reply.orders[0].degraded.contains("position"));
}

#[tokio::test]
async fn events_after_a_version_and_pages_of_another_question() {
    let world = World::new().await;
    world.place("o1").await;
    world.tag("o1", "vip").await;
    let after = |after_version, page_token: &str| v1::ListOrderEventsRequest {
        after_version,
        ..history("o1", 1, page_token.to_owned())
    };
    let page = events(&world, after(2, "")).await.expect("listed");
    assert_eq!(page.events[0].version, 3);
    let next = events(&world, after(2, &page.next_page_token))
        .await
        .expect("listed");
    assert_eq!(
        (next.events[0].version, next.next_page_token.as_str()),
        (4, "")
    );
    let refused = events(&world, after(1, &page.next_page_token)).await;
    assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let none = events(&world, after(4, "")).await.expect("listed");
    assert!(none.events.is_empty() && none.next_page_token.is_empty());
    let refused = events(&world, after(-1, "")).await;
    assert_fields(
        &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
        &["after_version"],
    );
}

#[tokio::test]
async fn a_history_page_reads_what_it_shows() {
    let world = World::new().await;
    world.place("o1").await;
    for index in 0..400 {
        world.tag("o1", &format!("t{index}")).await;
        world.pass(1);
        let untag = v1::AnnotateOrderRequest {
            order_id: "o1".to_owned(),
            remove_tags: vec![format!("t{index}")],
            ..v1::AnnotateOrderRequest::default()
        };
        let untagged = world.commands.annotate_order(Request::new(untag)).await;
        untagged.expect("untagged");
    }
    let mut page_token = String::new();
    let mut versions = Vec::new();
    loop {
        world.records_read.store(0, Ordering::SeqCst);
        let page = events(&world, history("o1", 50, page_token))
            .await
            .expect("listed");
        let read = world.records_read.load(Ordering::SeqCst);
        assert!(read <= 128, "a page of 50 events has read {read} records");
        versions.extend(page.events.into_iter().map(|event| event.version));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(versions, (1..=803).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_commit_of_another_history_is_never_shown() {
    let world = World::new().await;
    world.place("o1").await;
    world.tag("o1", "vip").await;
    let mut foreign = world.commits("o1").await.pop().expect("a commit");
    foreign.first_version += 1;
    // Everything fits but the hash of the commit before.
    world
        .append("o1", &proto::commit::encode(&foreign).expect("sealed"))
        .await;
    let refused = as_of(&world, "o1", AsOf::Version(5)).await;
    assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
    let page = events(&world, history("o1", 0, String::new()))
        .await
        .expect("listed");
    assert_eq!(page.events.len(), 4);
    let refused = events(&world, history("o1", 0, page.next_page_token)).await;
    assert_refused(refused, Code::Internal, "ORDER_UNREADABLE");
}
