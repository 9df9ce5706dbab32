use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{ALL, Consistency, EventStore, StreamId};
use projector::{FOLD, Runner, Settings};
use proto::v1::order_command_service_server::OrderCommandService as _;
use read_model::Store;
use tokio_util::sync::CancellationToken;

use super::*;

const SECOND: i64 = 1_000_000;
const START: i64 = 1_700_000_000 * SECOND;

/// Counts how commands end.
#[derive(Default)]
struct Ends(Mutex<Vec<(&'static str, command::End)>>);

impl command::Observer for Ends {
    fn command(&self, method: &'static str, end: command::End, _reason: &'static str) {
        self.0.lock().expect("no panic").push((method, end));
    }
    fn append(&self, _took: Duration) {}
    fn conflict(&self) {}
}

/// A log, a clock, and one node's view of it.
struct World {
    log: Arc<Memory>,
    keys: Arc<MemoryKeys>,
    time: Arc<AtomicI64>,
    ends: Arc<Ends>,
    views: Arc<Store>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let views = Store::new(folder.path(), FOLD, Arc::new(read_model::Memory));
        Self {
            log: Arc::default(),
            keys: Arc::default(),
            time: Arc::new(AtomicI64::new(START)),
            ends: Arc::default(),
            views: Arc::new(views),
            _folder: folder,
        }
    }

    /// A handler of its own, with a cache of its own.
    fn node(&self) -> CommandService {
        let config = command::Config {
            observer: self.ends.clone(),
            ..command::Config::default()
        };
        CommandService::new(self.log.clone(), self.keys.clone(), self.clock(), config)
    }

    fn clock(&self) -> Clock {
        let time = Arc::clone(&self.time);
        Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)))
    }

    fn worker(&self) -> Component {
        Component::new(
            self.views.reader(),
            self.node(),
            self.clock(),
            Duration::ZERO,
        )
    }

    /// Runs `scenario` while the view follows the log.
    async fn following(&self, scenario: impl Future<Output = ()>) {
        let log: Arc<dyn EventStore> = self.log.clone();
        let views = Arc::clone(&self.views);
        let mut runner = Runner::new(projector::all(), log, views, Settings::default());
        let cancel = CancellationToken::new();
        tokio::select! {
            () = runner.run(&cancel) => panic!("the runner ended"),
            () = scenario => {}
        }
    }

    /// Waits until the view is where the log is.
    async fn folded(&self) {
        let head = self.log.head().await.expect("head").last.sequence(0);
        let there = |progress: &read_model::Progress| {
            progress.caught_up && progress.positions.get(&0) == Some(&head)
        };
        let mut progress = self.views.reader().progress();
        progress.wait_for(there).await.expect("followed");
    }

    async fn place(&self, order_id: &str, due_in_seconds: i64) {
        let now = self.time.load(Ordering::Relaxed);
        let money = v1::Money {
            currency_code: "GBP".into(),
            minor_units: 495,
        };
        let request = v1::CreateOrderRequest {
            order_id: order_id.into(),
            currency_code: "GBP".into(),
            payment_terms: v1::PaymentTerms::Prepaid.into(),
            lines: vec![v1::NewLine {
                sku: "MUG".into(),
                quantity: 1,
                unit_price: Some(money),
                ..v1::NewLine::default()
            }],
            place: Some(v1::Placing {
                expected_total: None,
                payment_due_time: Some(timestamp(now + due_in_seconds * SECOND)),
            }),
            ..v1::CreateOrderRequest::default()
        };
        let reply = self.node().create_order(Request::new(request)).await;
        reply.expect("placed");
    }

    async fn authorize(&self, order_id: &str, expires_in_seconds: i64, capture: bool) {
        let now = self.time.load(Ordering::Relaxed);
        let money = v1::Money {
            currency_code: "GBP".into(),
            minor_units: 495,
        };
        let request = v1::AuthorizePaymentRequest {
            order_id: order_id.into(),
            amount: Some(money),
            method: "card".into(),
            psp_reference: format!("psp-{order_id}"),
            expire_time: Some(timestamp(now + expires_in_seconds * SECOND)),
            capture,
            ..v1::AuthorizePaymentRequest::default()
        };
        let reply = self.node().authorize_payment(Request::new(request)).await;
        reply.expect("authorised");
    }

    async fn commits(&self, order_id: &str) -> usize {
        let stream = StreamId::new(order_id).expect("valid");
        let read = self
            .log
            .read_stream(&stream, None, ALL, Consistency::Latest);
        read.await.expect("read").records.len()
    }

    /// What a worker does when the true time is `seconds` after the start.
    async fn look(&self, worker: &mut Component, seconds: i64) {
        let now = START + seconds * SECOND;
        self.time.store(now, Ordering::Relaxed);
        let looked = worker
            .look(Timestamp::from_micros(now), &CancellationToken::new())
            .await;
        assert!(looked.is_ok());
    }

    fn ends(&self, method: &str) -> Vec<command::End> {
        let ends = self.ends.0.lock().expect("no panic");
        let of = ends.iter().filter(|(name, _)| *name == method);
        of.map(|(_, end)| *end).collect()
    }
}

fn timestamp(micros: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: micros / SECOND,
        nanos: 0,
    }
}

#[tokio::test]
async fn an_unpaid_order_is_cancelled_when_it_is_due_and_not_before() {
    let world = World::new();
    let mut worker = world.worker();
    world
        .following(async {
            world.place("unpaid", 60).await;
            world.place("paid", 60).await;
            world.authorize("paid", 3_600, true).await;
            world.folded().await;
            world.look(&mut worker, 59).await;
            assert_eq!(world.commits("unpaid").await, 1);
            world.look(&mut worker, 60).await;
            world.folded().await;
            assert_eq!(world.commits("unpaid").await, 2);
            assert_eq!(world.commits("paid").await, 2);
            world.look(&mut worker, 61).await;
            assert_eq!(world.ends("CancelOrder"), [command::End::Stored]);
        })
        .await;
}

#[tokio::test]
async fn an_authorisation_that_lapses_is_released_and_then_the_order_is_unpaid() {
    let world = World::new();
    let mut worker = world.worker();
    world
        .following(async {
            world.place("o1", 60).await;
            world.authorize("o1", 120, false).await;
            world.folded().await;
            world.look(&mut worker, 119).await;
            assert_eq!(world.commits("o1").await, 2);
            world.look(&mut worker, 120).await;
            world.folded().await;
            assert_eq!(world.ends("VoidPayment"), [command::End::Stored]);
            assert_eq!(world.ends("CancelOrder"), []);
            world.look(&mut worker, 121).await;
            assert_eq!(world.ends("CancelOrder"), [command::End::Stored]);
        })
        .await;
}

#[tokio::test]
async fn workers_that_look_at_once_or_late_do_it_once() {
    let world = World::new();
    let (mut one, mut two, mut late) = (world.worker(), world.worker(), world.worker());
    world
        .following(async {
            for order in 0..20 {
                world.place(&format!("o{order}"), 60).await;
            }
            world.folded().await;
        })
        .await;
    // Nobody folds now: each of the three finds all twenty due.
    tokio::join!(world.look(&mut one, 60), world.look(&mut two, 60));
    world.look(&mut late, 61).await;
    for order in 0..20 {
        assert_eq!(world.commits(&format!("o{order}")).await, 2);
    }
    let ends = world.ends("CancelOrder");
    let stored = ends.iter().filter(|end| **end == command::End::Stored);
    let replayed = ends.iter().filter(|end| **end == command::End::Replayed);
    assert_eq!((stored.count(), replayed.count()), (20, 40));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_tried_again_later_and_later() {
    let world = World::new();
    let mut worker = world.worker();
    world
        .following(async {
            world.place("o1", 60).await;
            world.folded().await;
        })
        .await;
    // Paid a moment ago: the view does not know it yet.
    world.authorize("o1", 3_600, true).await;
    let mut tries = Vec::new();
    for second in 0..60 {
        world.look(&mut worker, 60 + second).await;
        tries.push(world.ends("CancelOrder").len());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let rises: Vec<usize> = (1..60).filter(|&i| tries[i] > tries[i - 1]).collect();
    assert_eq!((tries[0], rises), (1, vec![5, 15, 35]));
    assert_eq!(world.commits("o1").await, 2);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_holds_up_no_other() {
    let world = World::new();
    let mut worker = world.worker();
    world
        .following(async {
            world.place("a-damaged", 60).await;
            world.place("b-unpaid", 60).await;
            world.folded().await;
        })
        .await;
    let stream = StreamId::new("a-damaged").expect("valid");
    let read = world
        .log
        .read_stream(&stream, None, ALL, Consistency::Latest);
    let last = read
        .await
        .expect("read")
        .records
        .last()
        .map(|record| record.position);
    let record = event_store::NewRecord {
        commit_id: event_store::CommitId([7; 16]),
        payload: b"no commit".to_vec().into(),
        label: String::new(),
    };
    world
        .log
        .append(&stream, last, world.log.epoch(), record)
        .await
        .expect("stored");
    world.look(&mut worker, 60).await;
    assert_eq!(world.commits("b-unpaid").await, 2);
    let ends = world.ends("CancelOrder");
    assert_eq!(ends, [command::End::Failed, command::End::Stored]);
}
