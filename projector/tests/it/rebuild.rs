//! A rebuild happens beside what serves, and ends in the same bytes. A verification compares.

#![allow(clippy::panic, reason = "a helper fails the test that calls it")]

use event_store::EventStore as _;
use projector::{Differences, Outcome, Refused};
use read_model::{Changes, Old, Task, keys};

use crate::history::Writer;
use crate::log::{Log, Mood};
use crate::node::{Node, digest_of, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_neither_a_gap_nor_time_go_back() {
    let mut writer = Writer::new(20);
    writer.usual(1500, 2);
    let log = Log::new(2);
    log.append_all(&writer, 0..4000).await;
    let root = tempfile::tempdir().expect("folder");
    let node = Node::start(&log, root.path());
    node.reached(&log.head().await.expect("head")).await;
    let first = node.generation();

    let job = node.operator.rebuild().await.expect("begun");
    let (mut seen, mut written) = (0, 4000);
    let ended = loop {
        let next = (written + 40).min(writer.commits.len());
        log.append_all(&writer, written..next).await;
        written = next;
        let view = node.reader.view().expect("a view at any moment");
        let reached: u64 = view.checkpoint().positions().values().sum();
        assert!(reached >= seen, "{reached} after {seen}");
        seen = reached;
        if let Some(ended) = job.borrow().outcome.clone() {
            break ended;
        }
        tokio::task::yield_now().await;
    };
    let Outcome::Promoted {
        generation, same, ..
    } = ended
    else {
        panic!("it was promoted: {ended:?}");
    };
    assert!(same, "both are the same at the same position");
    assert_eq!(generation, node.generation());
    assert_ne!(generation, first);
    log.append_all(&writer, written..writer.commits.len()).await;
    node.reached(&log.head().await.expect("head")).await;
    assert_eq!(node.digest(), digest_of(&writer.records(2)));
    // What served before is removed once nobody holds it.
    let old = root.path().join(first);
    while old.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(node.store.list().expect("listed").0, [generation]);
    node.stop().await;
}

/// A node that has folded a history of some hundred commits.
async fn node_of(seed: u64, root: &std::path::Path) -> (Writer, Log, Node) {
    let mut writer = Writer::new(seed);
    writer.wander(30, 500);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(&log, root);
    node.reached(&log.head().await.expect("head")).await;
    (writer, log, node)
}

#[tokio::test]
async fn what_is_rebuilt_is_what_was_there_and_a_second_caller_follows_it() {
    let root = tempfile::tempdir().expect("folder");
    let (_, _, node) = node_of(21, root.path()).await;
    let live = node.digest();
    let mut first = node.operator.rebuild().await.expect("begun");
    let mut second = node.operator.rebuild().await.expect("joined");
    let ended = outcome(&mut first).await;
    assert_eq!(outcome(&mut second).await, ended);
    let expected = Outcome::Promoted {
        generation: node.generation(),
        digest: live,
        same: true,
    };
    assert_eq!(ended, expected);
    let work = first.borrow().work;
    assert_eq!(
        (work.task, work.done, work.total),
        (Task::Rebuild, 500, 500)
    );
    assert_eq!(node.digest(), live);
    assert_eq!(node.reader.progress().borrow().work, None);
    node.stop().await;
}

#[tokio::test]
async fn hanging_up_ends_no_rebuild_and_cancelling_does() {
    let root = tempfile::tempdir().expect("folder");
    let (_, log, node) = node_of(22, root.path()).await;
    let first = node.generation();
    assert_eq!(node.operator.cancel().await, Ok(false));
    // The build gets a tail that yields nothing, and so is running for certain.
    log.set(Mood::Deaf);
    drop(node.operator.rebuild().await.expect("begun"));
    assert_eq!(
        node.operator.verify().await.err(),
        Some(Refused::Busy(Task::Rebuild))
    );
    let mut again = node.operator.rebuild().await.expect("still running");
    assert_eq!(node.operator.cancel().await, Ok(true));
    let ended = outcome(&mut again).await;
    assert!(matches!(ended, Outcome::GivenUp(_)), "{ended:?}");
    assert_eq!(node.generation(), first);
    log.set(Mood::Fine);
    let mut third = node.operator.rebuild().await.expect("begun");
    let ended = outcome(&mut third).await;
    assert!(matches!(ended, Outcome::Promoted { .. }), "{ended:?}");
    node.stop().await;
}

#[tokio::test]
async fn a_runner_that_has_stopped_refuses() {
    let root = tempfile::tempdir().expect("folder");
    let (_, _, node) = node_of(23, root.path()).await;
    let operator = node.operator.clone();
    node.stop().await;
    assert_eq!(operator.rebuild().await.err(), Some(Refused::Stopped));
}

#[tokio::test]
async fn a_rebuild_asked_for_during_the_first_build_follows_it() {
    let mut writer = Writer::new(24);
    writer.wander(30, 300);
    let log = Log::holding(&writer, 1).await;
    let root = tempfile::tempdir().expect("folder");
    log.set(Mood::Deaf);
    let node = Node::start(&log, root.path());
    node.until("it builds", |it| it.work.is_some()).await;
    let none = node.reader.view().expect_err("no view yet");
    assert_eq!((none.task, none.total), (Some(Task::Build), 300));
    assert_eq!(node.operator.verify().await.err(), Some(Refused::NoView));
    let job = node.operator.rebuild().await.expect("joined");
    assert_eq!(job.borrow().work.task, Task::Build);
    assert_eq!(node.operator.cancel().await, Ok(false));
    log.set(Mood::Fine);
    node.reached(&log.head().await.expect("head")).await;
    node.stop().await;
}

#[tokio::test]
async fn a_verification_of_a_sound_view_says_equal_and_changes_nothing() {
    let root = tempfile::tempdir().expect("folder");
    let (_, _, node) = node_of(25, root.path()).await;
    let (first, digest) = (node.generation(), node.digest());
    let mut job = node.operator.verify().await.expect("begun");
    assert_eq!(outcome(&mut job).await, Outcome::Equal { digest });
    assert_eq!(node.generation(), first);
    assert_eq!(node.reader.progress().borrow().healed, Default::default());
    node.stop().await;
}

/// Plants a change under the first key of a prefix, and answers what a verification finds.
async fn verified_with(prefix: u8, node: &Node, planted: Option<Vec<u8>>) -> Differences {
    let active = node.active();
    let first = active.prefix(&[prefix]).next();
    let (key, value) = first.expect("such a key").expect("read");
    let put = |value: Option<Vec<u8>>| {
        let mut changes = Changes::default();
        changes.set(key.clone(), Old::Unread, value);
        active.load(changes).expect("planted");
    };
    put(planted);
    let mut job = node.operator.verify().await.expect("begun");
    let ended = outcome(&mut job).await;
    put(Some(value));
    let Outcome::Differs(found) = ended else {
        panic!(
            "a planted difference under {}: {ended:?}",
            keys::kind(prefix)
        );
    };
    assert_eq!(found.listed[0].key, keys::show(&key));
    assert_eq!(found.listed[0].kind, keys::kind(prefix));
    let order_id = keys::order_id(&key).unwrap_or_default();
    assert_eq!(found.listed[0].order_id, order_id);
    Differences::clone(&found)
}

#[tokio::test]
async fn a_verification_names_a_planted_difference_of_every_kind() {
    let root = tempfile::tempdir().expect("folder");
    let mut writer = Writer::new(26);
    writer.wander(40, 1200);
    let log = Log::holding(&writer, 1).await;
    let node = Node::start(&log, root.path());
    node.reached(&log.head().await.expect("head")).await;
    for prefix in [
        keys::ROW,
        keys::PLACED,
        keys::NEVER_PLACED,
        keys::UPDATED,
        keys::CREATED,
        keys::TOTAL,
        keys::CUSTOMER,
        keys::STATES,
        keys::HOLD,
        keys::TAG,
        keys::REFERENCE,
        keys::DEADLINE,
        keys::REVENUE,
        keys::SKU,
        keys::STATE_COUNT,
        keys::FUNNEL,
    ] {
        for planted in [None, Some(b"planted".to_vec())] {
            let found = verified_with(prefix, &node, planted).await;
            assert_eq!(found.total(), 1, "{found}");
        }
    }
    assert!(node.reader.progress().borrow().healed.different >= 32);
    node.stop().await;
}

#[tokio::test]
async fn a_verification_names_the_fields_of_a_row_and_a_key_too_many() {
    let root = tempfile::tempdir().expect("folder");
    let (_, _, node) = node_of(27, root.path()).await;
    let active = node.active();
    let (key, row) = active
        .prefix(&[keys::ROW])
        .next()
        .expect("one")
        .expect("read");
    let mut order = proto::row::Row::decode(&row).expect("a row");
    order.order.failed_payments += 1;
    order.chain_hash[0] ^= 1;
    let found = verified_with(keys::ROW, &node, Some(order.encode().expect("sealed"))).await;
    let what = &found.listed[0].what;
    assert_eq!(what, "these differ: chain hash, failed_payments");

    let mut changes = Changes::default();
    let surplus = keys::Key::new(keys::DEADLINE)
        .time(5)
        .byte(1)
        .raw(b"o99")
        .into_bytes();
    changes.set(surplus.clone(), Old::Unread, Some(Vec::new()));
    active.load(changes).expect("planted");
    let mut job = node.operator.verify().await.expect("begun");
    let Outcome::Differs(found) = outcome(&mut job).await else {
        panic!("a key too many");
    };
    assert_eq!(found.listed[0].order_id, "o99");
    assert_eq!(found.listed[0].what, "the view holds a key too many");

    // A rebuild takes its place, and says that the two differ.
    let mut job = node.operator.rebuild().await.expect("begun");
    drop((key, active));
    let ended = outcome(&mut job).await;
    assert!(matches!(ended, Outcome::Promoted { .. }), "{ended:?}");
    assert_eq!(node.active().get(&surplus).expect("read"), None);
    node.stop().await;
}
