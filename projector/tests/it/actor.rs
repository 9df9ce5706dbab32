//! A third projection costs this: one file, and one line where it is run.

use event_store::EventStore as _;
use order::Order;
use projector::{Batch, Projection};
use proto::commit::Commit;
use read_model::counters;
use read_model::keys::Key;
use read_model::{Error, keys};

use crate::history::Writer;
use crate::log::Log;
use crate::node::Node;

/// How many events each actor caused.
#[derive(Clone)]
pub(crate) struct Actors;

const ACTOR: u8 = b'a';

impl Projection for Actors {
    type Before = ();

    fn name(&self) -> &'static str {
        "actors"
    }

    fn schema(&self) -> u32 {
        1
    }

    fn before(&self, _order_id: &str, _order: &Order) {}

    fn project(
        &self,
        _before: Option<()>,
        _order: &Order,
        commit: &Commit,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let actor = commit.actor.as_ref().map_or("", |actor| actor.id.as_str());
        let events = i64::try_from(commit.events.len()).unwrap_or(i64::MAX);
        batch.add(Key::new(ACTOR).text(actor).into_bytes(), [events])
    }
}

#[tokio::test]
async fn a_third_projection_is_one_more_value_to_run() {
    let mut writer = Writer::new(3);
    writer.wander(20, 300);
    let log = Log::holding(&writer, 1).await;
    let folder = tempfile::tempdir().expect("folder");

    let node = Node::start(Actors, &log, folder.path(), 1);
    node.reached(&log.head().await.expect("head")).await;

    let view = node.reader.view().expect("view");
    let counted: Vec<(String, i64)> = view
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
        i64::try_from(of.map(|(_, c, _)| c.events.len()).sum::<usize>()).expect("small")
    };
    let expected = ["u0", "u1", "u2"].map(|actor| (actor.to_owned(), events(actor)));
    assert_eq!(counted, expected);
    drop(view);
    node.stop().await;
}
