//! What the write side tells about itself, and how small its memory may be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use command::{Config, End, Observer};
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::Request;

use crate::fixture::{Fault, World, annotate, create, hold};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn note(&self, text: String) {
        self.0.lock().expect("no panic").push(text);
    }
}

impl Observer for Heard {
    fn command(&self, method: &'static str, end: End, reason: &'static str) {
        self.note(
            format!("{method} {} {reason}", end.label())
                .trim()
                .to_owned(),
        );
    }

    fn append(&self, _took: Duration) {
        self.note("append".to_owned());
    }

    fn conflict(&self) {
        self.note("conflict".to_owned());
    }
}

#[tokio::test]
async fn every_command_is_heard_with_its_end_and_reason() {
    let world = World::new();
    let heard = Arc::new(Heard::default());
    let observer: Arc<dyn Observer> = Arc::clone(&heard) as _;
    let node = world.node_with(Config {
        observer,
        ..Config::default()
    });
    node.create_order(Request::new(create("o1", "c")))
        .await
        .expect("created");
    node.create_order(Request::new(create("o1", "c")))
        .await
        .expect("replayed");
    node.create_order(Request::new(create("*", "c")))
        .await
        .expect_err("refused");
    node.hold_order(Request::new(hold("o1", "")))
        .await
        .expect_err("refused");
    let mut dry = annotate("o1", "", "x");
    dry.context.as_mut().expect("context").validate_only = true;
    node.annotate_order(Request::new(dry)).await.expect("valid");
    world.log.will([Fault::FalseConflict, Fault::Unavailable]);
    node.annotate_order(Request::new(annotate("o1", "a", "x")))
        .await
        .expect_err("failed");
    let heard = heard.0.lock().expect("no panic").clone();
    let expected = [
        "append",
        "CreateOrder stored",
        "CreateOrder replayed",
        "CreateOrder refused FIELD_INVALID",
        "HoldOrder refused ORDER_STATE_INVALID",
        "AnnotateOrder validated",
        "append",
        "conflict",
        "append",
        "AnnotateOrder failed LOG_UNAVAILABLE",
    ];
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_cache_of_almost_nothing_only_costs_reads() {
    let world = World::new();
    let config = Config {
        cached_orders_max: 0,
        cached_bytes_max: 0,
        ..Config::default()
    };
    let node = world.node_with(config);
    for round in 0..3 {
        for number in 0..40 {
            let id = format!("o{number}");
            if round == 0 {
                node.create_order(Request::new(create(&id, "c")))
                    .await
                    .expect("created");
            }
            let request = annotate(&id, &format!("a{round}"), &format!("t{round}"));
            node.annotate_order(Request::new(request))
                .await
                .expect("annotated");
        }
    }
    assert_eq!(world.log.everything().await.len(), 40 * 4);
}
