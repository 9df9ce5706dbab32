//! Watching orders: where a watch begins, what it sends, how it ends, how it goes on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use event_store::{KeyStore as _, StreamId};
use futures::StreamExt as _;
use proto::v1;
use proto::v1::WatchStart;
use proto::v1::order_command_service_server::OrderCommandService as _;
use proto::v1::order_history_service_server::OrderHistoryService as _;
use proto::v1::watch_orders_response::What;
use query::Messages;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{context, creation};
use crate::world::{World, assert_fields, assert_refused};

/// A watch, and the token of the last message that it sent.
pub(crate) struct Watch {
    messages: Messages,
    pub(crate) token: String,
}

impl Watch {
    pub(crate) async fn open(
        world: &World,
        request: v1::WatchOrdersRequest,
    ) -> Result<Self, Status> {
        let token = request.resume_token.clone();
        let reply = world.query.watch_orders(Request::new(request)).await?;
        let messages = reply.into_inner();
        Ok(Self { messages, token })
    }

    /// The next message, or the status with which the watch ended.
    pub(crate) async fn next(&mut self) -> Result<What, Status> {
        let message = self
            .messages
            .next()
            .await
            .expect("a watch ends with a status")?;
        self.token = message.resume_token;
        Ok(message.what.expect("something"))
    }

    pub(crate) async fn change(&mut self) -> v1::OrderChange {
        match self.next().await {
            Ok(What::Change(change)) => change,
            other => unreachable!("no change: {other:?}"),
        }
    }

    async fn heartbeat(&mut self) {
        let next = self.next().await;
        assert!(matches!(next, Ok(What::Heartbeat(_))), "{next:?}");
    }

    async fn ended(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

pub(crate) fn from(start: WatchStart) -> v1::WatchOrdersRequest {
    v1::WatchOrdersRequest {
        start: start.into(),
        ..v1::WatchOrdersRequest::default()
    }
}

pub(crate) fn after(token: &str) -> v1::WatchOrdersRequest {
    v1::WatchOrdersRequest {
        resume_token: token.to_owned(),
        ..v1::WatchOrdersRequest::default()
    }
}

/// Order, versions and whether it matches.
fn told(change: &v1::OrderChange) -> (&str, i64, i64, bool) {
    (
        &change.order_id,
        change.first_version,
        change.version,
        change.matches,
    )
}

fn token_of(status: &Status) -> String {
    let info = status.get_details_error_info().expect("info");
    info.metadata
        .get("resume_token")
        .cloned()
        .unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_now_tells_what_comes() {
    let world = World::new().await;
    world.place("old").await;
    let mut watch = Watch::open(&world, from(WatchStart::Now))
        .await
        .expect("open");
    world.place("o1").await;
    world.tag("old", "vip").await;
    let change = watch.change().await;
    assert_eq!(told(&change), ("o1", 1, 3, true));
    assert_eq!(
        change.event_types,
        ["OrderCreated", "LineAdded", "OrderPlaced"]
    );
    assert_eq!(change.order.expect("order").version, 3);
    let change = watch.change().await;
    assert_eq!(told(&change), ("old", 4, 4, true));
    assert_eq!(change.order.expect("order").tags, ["vip"]);
    watch.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_the_same_as_now() {
    let world = World::new().await;
    world.place("old").await;
    let request = v1::WatchOrdersRequest::default();
    let mut watch = Watch::open(&world, request).await.expect("open");
    watch.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_the_beginning_tells_everything() {
    let world = World::new().await;
    world.place("o1").await;
    world.tag("o1", "vip").await;
    world.draft("o2").await;
    let mut watch = Watch::open(&world, from(WatchStart::Beginning))
        .await
        .expect("open");
    let mut changes = Vec::new();
    for _ in 0..3 {
        let change = watch.change().await;
        changes.push((change.order_id, change.first_version, change.version));
    }
    changes.sort();
    let is = |id: &str, first, last| (id.to_owned(), first, last);
    assert_eq!(changes, [is("o1", 1, 3), is("o1", 4, 4), is("o2", 1, 2)]);
    watch.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_comes_first_and_is_of_one_position() {
    let world = World::new().await;
    for id in ["a", "b", "c"] {
        world.place(id).await;
    }
    world.project().await;
    // The view shows nothing of these yet.
    world.tag("b", "vip").await;
    world.place("d").await;
    let mut watch = Watch::open(&world, from(WatchStart::Snapshot))
        .await
        .expect("open");
    // The rows move past the position of the snapshot while it is read.
    world.project().await;
    for id in ["a", "b", "c"] {
        match watch.next().await {
            Ok(What::Snapshot(order)) => {
                assert_eq!((order.order_id.as_str(), order.version), (id, 3));
            }
            other => panic!("no order: {other:?}"),
        }
        assert_eq!(watch.token, "", "a snapshot that breaks off begins again");
    }
    let next = watch.next().await;
    assert!(matches!(next, Ok(What::SnapshotEnd(_))), "{next:?}");
    let token = watch.token.clone();
    let mut changes = [watch.change().await, watch.change().await];
    changes.sort_by(|a, b| a.order_id.cmp(&b.order_id));
    assert_eq!(
        changes.each_ref().map(told),
        [("b", 4, 4, true), ("d", 1, 3, true)]
    );
    watch.heartbeat().await;
    let mut again = Watch::open(&world, after(&token)).await.expect("open");
    let mut changes = [again.change().await, again.change().await];
    changes.sort_by(|a, b| a.order_id.cmp(&b.order_id));
    assert_eq!(
        changes.each_ref().map(told),
        [("b", 4, 4, true), ("d", 1, 3, true)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_holds_what_matches() {
    let world = World::new().await;
    for id in ["a", "b", "c"] {
        world.place(id).await;
    }
    world.tag("b", "vip").await;
    world.project().await;
    let vip = || v1::WatchOrdersRequest {
        filter: Some(v1::OrderFilter {
            tags: vec!["vip".to_owned()],
            ..v1::OrderFilter::default()
        }),
        ..from(WatchStart::Snapshot)
    };
    let mut watch = Watch::open(&world, vip()).await.expect("open");
    let first = watch.next().await;
    assert!(
        matches!(&first, Ok(What::Snapshot(order)) if order.order_id == "b"),
        "{first:?}"
    );
    let next = watch.next().await;
    assert!(matches!(next, Ok(What::SnapshotEnd(_))), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_stops_matching_gets_one_last_change() {
    let world = World::new().await;
    world.place("o1").await;
    let request = v1::WatchOrdersRequest {
        filter: Some(v1::OrderFilter {
            tags: vec!["vip".to_owned()],
            ..v1::OrderFilter::default()
        }),
        ..from(WatchStart::Now)
    };
    let mut watch = Watch::open(&world, request).await.expect("open");
    let untag = || v1::AnnotateOrderRequest {
        order_id: "o1".to_owned(),
        remove_tags: vec!["vip".to_owned()],
        ..v1::AnnotateOrderRequest::default()
    };
    world.tag("o1", "vip").await;
    world
        .commands
        .annotate_order(Request::new(untag()))
        .await
        .expect("untagged");
    world.tag("o1", "late").await;
    world.tag("o1", "vip").await;
    for expected in [("o1", 4, 4, true), ("o1", 5, 5, false), ("o1", 7, 7, true)] {
        let change = watch.change().await;
        assert_eq!(told(&change), expected);
    }
    watch.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_without_effect_is_no_change() {
    let world = World::new().await;
    world.place("o1").await;
    world.tag("o1", "vip").await;
    let mut watch = Watch::open(&world, from(WatchStart::Now))
        .await
        .expect("open");
    let nothing = v1::AnnotateOrderRequest {
        order_id: "o1".to_owned(),
        context: context("nothing".to_owned()),
        add_tags: vec!["vip".to_owned()],
        ..v1::AnnotateOrderRequest::default()
    };
    world
        .commands
        .annotate_order(Request::new(nothing))
        .await
        .expect("annotated");
    world.tag("o1", "late").await;
    assert_eq!(told(&watch.change().await), ("o1", 5, 5, true));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_comes_every_ten_seconds_with_a_fresh_token() {
    let world = World::new().await;
    let request = v1::WatchOrdersRequest {
        filter: Some(v1::OrderFilter {
            channels: vec!["rare".to_owned()],
            ..v1::OrderFilter::default()
        }),
        ..from(WatchStart::Beginning)
    };
    let mut watch = Watch::open(&world, request.clone()).await.expect("open");
    let began = tokio::time::Instant::now();
    world.place("o1").await;
    watch.heartbeat().await;
    assert_eq!(began.elapsed().as_secs(), 10);
    let before = watch.token.clone();
    world.place("o2").await;
    watch.heartbeat().await;
    assert_eq!(began.elapsed().as_secs(), 20);
    assert_ne!(watch.token, before, "what need not be sent is passed over");
    let again = v1::WatchOrdersRequest {
        start: 0,
        resume_token: watch.token.clone(),
        ..request
    };
    let mut again = Watch::open(&world, again).await.expect("open");
    again.heartbeat().await;
    assert_eq!(again.token, watch.token);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_off_and_misses_nothing() {
    let world = World::new().await;
    let mut watch = Watch::open(&world, from(WatchStart::Beginning))
        .await
        .expect("open");
    // About 150 KB each, more than a queue holds.
    for index in 0..40 {
        world.place_large(&format!("o{index:02}")).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut told = Vec::new();
    let status = loop {
        match watch.next().await {
            Ok(What::Change(change)) => told.push(change.order_id),
            Ok(What::Heartbeat(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(status) => break status,
        }
    };
    assert!(!told.is_empty() && told.len() < 40, "{}", told.len());
    assert_eq!(
        (status.code(), crate::world::reason(&status)),
        (Code::ResourceExhausted, "WATCH_LAGGED".to_owned())
    );
    assert_eq!(
        token_of(&status),
        watch.token,
        "goes on after the last message"
    );
    let mut again = Watch::open(&world, after(&watch.token))
        .await
        .expect("open");
    while told.len() < 40 {
        told.push(again.change().await.order_id);
    }
    told.sort();
    let all: Vec<_> = (0..40).map(|index| format!("o{index:02}")).collect();
    assert_eq!(told, all);
    again.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_watches_with_a_token_and_refuses_new_ones() {
    let world = World::new().await;
    world.place("o1").await;
    let mut watch = Watch::open(&world, from(WatchStart::Beginning))
        .await
        .expect("open");
    watch.change().await;
    world.query.0.stop_watches();
    let status = assert_refused(
        Err::<(), _>(watch.ended().await),
        Code::Unavailable,
        "SHUTTING_DOWN",
    );
    assert_eq!(token_of(&status), watch.token);
    let refused = Watch::open(&world, after(&watch.token)).await.map(|_| ());
    assert_refused(refused, Code::Unavailable, "SHUTTING_DOWN");
    // Another node goes on.
    let world = world.restarted();
    let mut again = Watch::open(&world, after(&watch.token))
        .await
        .expect("open");
    again.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_takes_a_hundred_watches() {
    let world = World::new().await;
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(
            Watch::open(&world, from(WatchStart::Now))
                .await
                .expect("open"),
        );
    }
    let refused = Watch::open(&world, from(WatchStart::Now)).await.map(|_| ());
    let status = refused.expect_err("it must be refused");
    assert_eq!(
        (status.code(), crate::world::reason(&status)),
        (Code::ResourceExhausted, "TOO_MANY_WATCHES".to_owned())
    );
    assert!(status.message().contains("100 watches"), "{status:?}");
    drop(open.pop());
    // The watch learns of it before any time passes.
    tokio::time::sleep(Duration::from_millis(1)).await;
    open.push(
        Watch::open(&world, from(WatchStart::Now))
            .await
            .expect("one went"),
    );
    let mut kept = open.swap_remove(0);
    kept.heartbeat().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_or_of_another_question_is_refused() {
    let world = World::new().await;
    let mut watch = Watch::open(&world, from(WatchStart::Now))
        .await
        .expect("open");
    watch.heartbeat().await;
    let huge = "A".repeat(1 << 20);
    for token in ["x", "////", &watch.token[1..], &huge] {
        let refused = Watch::open(&world, after(token)).await.map(|_| ());
        let status = assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
        assert_fields(&status, &["resume_token"]);
    }
    let other = v1::WatchOrdersRequest {
        filter: Some(v1::OrderFilter {
            on_hold: Some(true),
            ..Default::default()
        }),
        ..after(&watch.token)
    };
    let refused = Watch::open(&world, other).await.map(|_| ());
    assert_refused(refused, Code::InvalidArgument, "TOKEN_INVALID");
    let both = v1::WatchOrdersRequest {
        start: WatchStart::Now.into(),
        ..after(&watch.token)
    };
    let refused = Watch::open(&world, both).await.map(|_| ());
    assert_fields(
        &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
        &["start"],
    );
    let unknown = v1::WatchOrdersRequest {
        start: 99,
        ..Default::default()
    };
    let refused = Watch::open(&world, unknown).await.map(|_| ());
    assert_fields(
        &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
        &["start"],
    );
    let filter = v1::WatchOrdersRequest {
        filter: Some(v1::OrderFilter {
            states: vec![99],
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = Watch::open(&world, filter).await.map(|_| ());
    assert_fields(
        &assert_refused(refused, Code::InvalidArgument, "FIELD_INVALID"),
        &["filter.states[0]"],
    );
    let same = v1::WatchOrdersRequest {
        filter: Some(v1::OrderFilter::default()),
        ..after(&watch.token)
    };
    Watch::open(&world, same)
        .await
        .map(|_| ())
        .expect("no filter is an empty one");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_log_that_lost_its_commit_has_expired() {
    let identity = [7; 16];
    let world = World::with_identity(identity).await;
    world.place("o1").await;
    let mut watch = Watch::open(&world, from(WatchStart::Beginning))
        .await
        .expect("open");
    watch.change().await;
    // Restored from an older copy, and written on: another commit at the same position.
    let restored = World::with_identity(identity).await;
    restored.place("o1").await;
    restored.place("o2").await;
    let mut again = Watch::open(&restored, after(&watch.token))
        .await
        .expect("open");
    let status = again.ended().await;
    assert_eq!(
        (status.code(), crate::world::reason(&status)),
        (Code::OutOfRange, "RESUME_TOKEN_EXPIRED".to_owned())
    );
    let other = World::new().await;
    let refused = Watch::open(&other, after(&watch.token)).await.map(|_| ());
    let status = refused.expect_err("it must be refused");
    assert_eq!(
        (status.code(), crate::world::reason(&status)),
        (Code::OutOfRange, "RESUME_TOKEN_EXPIRED".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_commit_is_told_and_stops_its_order_only() {
    let world = World::new().await;
    world.place("o1").await;
    world.place("o2").await;
    let mut watch = Watch::open(&world, from(WatchStart::Now))
        .await
        .expect("open");
    world.append("o1", b"\xff\xff").await;
    match watch.next().await {
        Ok(What::Unreadable(told)) => {
            assert_eq!(told.order_id, "o1");
            assert!(told.cause.contains(&told.position), "{told:?}");
        }
        other => panic!("nothing told: {other:?}"),
    }
    world.tag("o2", "vip").await;
    assert_eq!(told(&watch.change().await), ("o2", 4, 4, true));
    world.append("o1", b"\xff").await;
    let next = watch.next().await;
    assert!(matches!(next, Ok(What::Unreadable(_))), "{next:?}");
    let mut again = Watch::open(&world, after(&watch.token))
        .await
        .expect("open");
    again.heartbeat().await;
}

/// An order of Ada's.
async fn adas(world: &World) {
    let ada = v1::Customer {
        customer_id: "c1".to_owned(),
        name: "Ada".to_owned(),
        ..v1::Customer::default()
    };
    let customer = Some(ada);
    world
        .create(v1::CreateOrderRequest {
            customer,
            ..creation("o1")
        })
        .await;
}

/// A watch from the beginning that wants these fields.
fn only(fields: &[&str]) -> v1::WatchOrdersRequest {
    v1::WatchOrdersRequest {
        read_mask: Some(prost_types::FieldMask {
            paths: fields.iter().map(|field| (*field).to_owned()).collect(),
        }),
        ..from(WatchStart::Beginning)
    }
}

fn name(change: v1::OrderChange) -> Option<String> {
    let customer = change.order.expect("order").customer;
    customer.map(|customer| customer.name)
}

#[tokio::test(start_paused = true)]
async fn personal_data_is_opened_as_far_as_it_is_wanted() {
    let world = World::new().await;
    adas(&world).await;
    let mut watch = Watch::open(&world, only(&[])).await.expect("open");
    assert_eq!(name(watch.change().await).as_deref(), Some("Ada"));
    world.keys.away.store(true, Ordering::SeqCst);
    let mut masked = Watch::open(&world, only(&["version"])).await.expect("open");
    let version = v1::Order {
        version: 2,
        ..Default::default()
    };
    assert_eq!(masked.change().await.order, Some(version));
    let mut watch = Watch::open(&world, only(&["customer"]))
        .await
        .expect("open");
    let status = watch.ended().await;
    let token = token_of(&status);
    assert_refused(Err::<(), _>(status), Code::Unavailable, "KEYS_UNAVAILABLE");
    world.keys.away.store(false, Ordering::SeqCst);
    let again = v1::WatchOrdersRequest {
        start: 0,
        resume_token: token,
        ..only(&["customer"])
    };
    let mut again = Watch::open(&world, again).await.expect("open");
    let name = name(again.change().await);
    assert_eq!(name.as_deref(), Some("Ada"), "nothing was missed");
}

#[tokio::test(start_paused = true)]
async fn an_erasure_counts_for_every_change_before_it() {
    let world = World::new().await;
    adas(&world).await;
    let cancel = v1::CancelOrderRequest {
        order_id: "o1".to_owned(),
        cancel_reason: v1::CancelReason::Customer.into(),
        ..v1::CancelOrderRequest::default()
    };
    let cancelled = world.commands.cancel_order(Request::new(cancel)).await;
    cancelled.expect("cancelled");
    let stream = StreamId::new("o1").expect("valid");
    let key = world.keys.find(&stream).await.expect("found");
    let erase = v1::ErasePersonalDataRequest {
        order_id: "o1".to_owned(),
        context: None,
    };
    let erased = world
        .commands
        .erase_personal_data(Request::new(erase))
        .await;
    erased.expect("erased");
    // As after a crash between the commit and the destruction of the key.
    world.keys.bring_back(key);
    let mut watch = Watch::open(&world, only(&["customer"]))
        .await
        .expect("open");
    assert_eq!(name(watch.change().await).as_deref(), Some(""));
}
