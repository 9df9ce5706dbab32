//! A third projection costs this: one file, and one line in the list of projections.

use std::sync::Arc;

use event_store::EventStore as _;
use projector::{Change, Keys, Orders, Projection, Projections, Reports};
use read_model::counters;
use read_model::keys::{self, Key};

use crate::history::Writer;
use crate::log::Log;
use crate::node::{Node, digest_by, settings};

/// How many events each actor caused.
pub(crate) struct Actors;

const ACTOR: u8 = b'a';

impl Projection for Actors {
    fn name(&self) -> &'static str {
        "actors"
    }

    fn project(&self, change: &Change<'_>, keys: &mut Keys) {
        let actor = change.commit.actor.as_ref();
        let actor = actor.map_or("", |actor| actor.id.as_str());
        let events = i128::try_from(change.commit.events.len()).unwrap_or(0);
        keys.add(Key::new(ACTOR).text(actor).into_bytes(), [events]);
    }
}

/// The list with the one line.
pub(crate) fn three() -> Projections {
    Arc::new([Box::new(Orders), Box::new(Reports), Box::new(Actors)])
}

#[tokio::test]
async fn a_third_projection_is_one_more_line_in_the_list() {
    let mut writer = Writer::new(3);
    writer.wander(20, 300);
    let log = Log::holding(&writer, 1).await;
    let root = tempfile::tempdir().expect("folder");

    let node = Node::start_with(three(), &log, root.path(), settings());
    node.reached(&log.head().await.expect("head")).await;

    let view = node.reader.view().expect("view");
    let counted: Vec<(String, i128)> = view
        .prefix(&[ACTOR])
        .map(|entry| {
            let (key, value) = entry.expect("read");
            let actor = keys::Parts::of(&key).text().expect("text");
            (actor, counters::decode::<1>(&value)[0])
        })
        .collect();
    let events = |actor: &str| {
        let commits = writer.commits.iter();
        let of =
            commits.filter(|(_, c, _)| c.actor.as_ref().is_some_and(|a| a.id.as_str() == actor));
        i128::try_from(of.map(|(_, c, _)| c.events.len()).sum::<usize>()).expect("small")
    };
    let expected = ["u0", "u1", "u2"].map(|actor| (actor.to_owned(), events(actor)));
    assert_eq!(counted, expected);
    assert_eq!(node.digest(), digest_by(three(), &writer.records(1)));
    drop(view);
    node.stop().await;
}
