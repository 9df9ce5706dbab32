//! A commit that cannot be folded parks its order; all others flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_store::{EventStore as _, Position, Record};
use projector::{
    Change, Folded, Folder, Keys, Mode, Orders, Projection, Projections, Refused, Reports, Retried,
    Settings, all, follows_in,
};
use proto::commit;
use proto::row::Row;
use read_model::{Cause, Changes, Digest, Old, Parked, Store, keys};

use crate::history::Writer;
use crate::log::{Log, Mood};
use crate::node::{Node, digest, digest_of, folder, memory, settings};

/// The commits of two orders, taking turns: o1 has at least four of them.
fn history() -> Vec<Record> {
    let mut writer = Writer::new(11);
    writer.wander(2, 40);
    writer.records(1)
}

/// Index of the nth commit of o1, from 0.
fn nth(records: &[Record], n: usize) -> usize {
    let mut of = records.iter().enumerate();
    let found = of
        .by_ref()
        .filter(|(_, r)| r.stream.as_str() == "o1")
        .nth(n);
    found.expect("there").0
}

struct View {
    _root: tempfile::TempDir,
    _store: Arc<Store>,
    folder: Folder,
}

/// Folds records; a doubt is settled as the log would that holds these records.
fn fold_by(projections: Projections, records: &[Record]) -> View {
    let (root, store) = memory();
    let mut folder = folder(&store, projections, Mode::Live).with_program("old".into());
    // In two halves, so that the second finds what the first has parked.
    for half in records.chunks(records.len().div_ceil(2).max(1)) {
        for record in half {
            if let Folded::Doubtful(doubt) = folder.fold(record).expect("folded") {
                let stream = records.iter().filter(|it| it.stream == record.stream);
                let stream: Vec<Record> = stream.cloned().collect();
                assert!(!follows_in(&stream, record), "the log shows the break");
                folder.settle(doubt);
            }
        }
        folder.write().expect("written");
    }
    View {
        _root: root,
        _store: store,
        folder,
    }
}

fn fold(records: &[Record]) -> View {
    fold_by(all(), records)
}

impl View {
    fn parked(&self, order_id: &str) -> Option<Parked> {
        let stored = self.folder.generation().get(&keys::parked(order_id));
        stored
            .expect("read")
            .and_then(|bytes| Parked::decode(&bytes))
    }

    fn row(&self, order_id: &str) -> Option<Vec<u8>> {
        self.folder
            .generation()
            .get(&keys::row(order_id))
            .expect("read")
    }

    fn digest(&self) -> Digest {
        digest(self.folder.generation())
    }
}

/// The nth commit of o1 is exchanged: o1 is parked there, its row stays as it was before, its later
/// commits queue, and the other order, the checkpoint and the end are as if nothing had happened.
#[track_caller]
fn assert_parks(cause: Cause, n: usize, change: impl FnOnce(&mut Vec<Record>, usize)) {
    let sound = history();
    let mut records = sound.clone();
    let at = nth(&records, n);
    change(&mut records, at);
    let folded = fold(&records);

    let parked = folded.parked("o1").expect("parked");
    assert_eq!(parked.cause, cause, "{parked:?}");
    assert_eq!(parked.position, records[at].position.to_string());
    assert_eq!(parked.commit_id, records[at].commit_id.to_string());
    assert_eq!(parked.attempts, 1);
    let behind = records[at + 1..]
        .iter()
        .filter(|r| r.stream.as_str() == "o1");
    let behind: Vec<_> = behind.map(|record| record.position.to_string()).collect();
    assert!(behind.len() > 2);
    assert_eq!(parked.behind, behind);
    assert_eq!(parked.behind_count, behind.len() as u64);
    assert!(n == 0 || parked.since > 0);

    let last = records.last().expect("some").position;
    let reached = folded.folder.checkpoint().positions();
    assert_eq!(reached, [(0, last.sequence)].into());
    let whole = fold(&sound);
    assert_eq!(folded.row("o0"), whole.row("o0"));
    let before = fold(&records[..at]);
    assert_eq!(folded.row("o1"), before.row("o1"));
    assert_eq!(folded.parked("o0"), None);
}

#[test]
fn bytes_that_are_no_commit_park_their_order() {
    assert_parks(Cause::Undecodable, 2, |records, at| {
        records[at].payload = b"\xff\xff\xff".to_vec().into();
    });
}

#[test]
fn an_unknown_event_parks_its_order() {
    assert_parks(Cause::UnknownEvent, 2, |records, at| {
        let mut bytes = records[at].payload.to_vec();
        bytes.extend_from_slice(&[0x7A, 0]);
        records[at].payload = bytes.into();
    });
}

#[test]
fn a_newer_envelope_parks_its_order() {
    assert_parks(Cause::NewerSchema, 2, |records, at| {
        let mut bytes = records[at].payload.to_vec();
        bytes.extend_from_slice(&[0x20, 99]);
        records[at].payload = bytes.into();
    });
}

#[test]
fn a_missing_commit_parks_its_order_at_the_next() {
    assert_parks(Cause::Gap, 3, |records, at| {
        let lost = nth(records, 2);
        assert!(lost < at);
        // What stands in its place is of another order.
        records[lost].stream = event_store::StreamId::new("o9").expect("id");
    });
}

#[test]
fn a_changed_commit_parks_its_order_at_the_next() {
    assert_parks(Cause::Chain, 3, |records, at| {
        let changed = nth(records, 2);
        let mut commit = commit::decode(&records[changed].payload).expect("decoded");
        commit.principal = "somebody else".to_owned();
        records[changed].payload = commit::encode(&commit).expect("encoded").into();
        assert!(changed < at);
    });
}

#[test]
fn a_commit_of_another_order_parks_the_order_whose_stream_it_is_in() {
    assert_parks(Cause::Undecodable, 2, |records, at| {
        let mut commit = commit::decode(&records[at].payload).expect("decoded");
        commit.order_id = order::value::OrderId::new("o7").expect("id");
        records[at].payload = commit::encode(&commit).expect("encoded").into();
    });
}

#[test]
fn an_order_that_does_not_begin_with_its_creation_is_parked() {
    assert_parks(Cause::Gap, 0, |records, at| {
        let mut commit = commit::decode(&records[at].payload).expect("decoded");
        commit.events.clear();
        records[at].payload = commit::encode(&commit).expect("encoded").into();
    });
}

/// A projection with a defect, which can be mended: it panics over the ninth version of o1, after
/// it has written a key.
struct Defective(Arc<AtomicBool>);

impl Projection for Defective {
    fn name(&self) -> &'static str {
        "defective"
    }

    fn project(&self, change: &Change<'_>, keys: &mut Keys) {
        keys.add(b"a".to_vec(), [1]);
        let mended = self.0.load(Ordering::Relaxed);
        let is_met = change.order_id == "o1" && change.after.version >= 9;
        assert!(mended || !is_met, "a defect");
    }
}

fn defective(mended: &Arc<AtomicBool>) -> Projections {
    let defective = Defective(Arc::clone(mended));
    Arc::new([Box::new(Orders), Box::new(Reports), Box::new(defective)])
}

#[test]
fn a_defect_in_a_projection_parks_the_order_and_leaves_nothing_of_the_commit() {
    let records = history();
    let mended = Arc::default();
    let folded = fold_by(defective(&mended), &records);
    assert_eq!(folded.folder.parked(), 1);
    let parked = folded.parked("o1").expect("parked");
    assert_eq!(parked.cause, Cause::Fold);
    // Nothing of the parked commit and of those behind it: the view is that of all others.
    let is_folded = |record: &&Record| {
        let (partition, sequence) = (record.position.partition, record.position.sequence);
        let at = parked.position.strip_prefix("0:").expect("of partition 0");
        record.stream.as_str() != "o1" || (partition, sequence) < (0, at.parse().expect("a number"))
    };
    let others: Vec<Record> = records.iter().filter(is_folded).cloned().collect();
    let without = fold_by(defective(&mended), &others);
    assert_eq!(without.folder.parked(), 0);
    assert_eq!(folded.digest(), without.digest());
    let row = Row::decode(&folded.row("o1").expect("stored")).expect("decoded");
    assert!(row.order.version < 9);
}

#[test]
fn a_retry_after_the_defect_is_mended_makes_the_view_that_was_never_parked() {
    let records = history();
    let mended = Arc::default();
    let mut folded = fold_by(defective(&mended), &records);
    let stream: Vec<Record> = records
        .iter()
        .filter(|record| record.stream.as_str() == "o1")
        .cloned()
        .collect();
    let after = folded
        .folder
        .row_position("o1")
        .expect("read")
        .expect("a row");
    let queued: Vec<Record> = stream
        .into_iter()
        .filter(|it| it.position > after)
        .collect();

    let again = folded.folder.retry("o1", &queued).expect("tried");
    let Retried::Parked(parked) = again else {
        panic!("the defect is still there: {again:?}");
    };
    assert_eq!((parked.attempts, parked.cause), (2, Cause::Fold));
    assert_eq!(parked.behind_count, queued.len() as u64 - 1);

    mended.store(true, Ordering::Relaxed);
    let healed = folded.folder.retry("o1", &queued).expect("tried");
    assert_eq!(healed, Retried::Healed);
    assert_eq!(folded.folder.parked(), 0);
    assert_eq!(folded.parked("o1"), None);
    assert_eq!(
        folded.digest(),
        fold_by(defective(&mended), &records).digest()
    );
    let again = folded.folder.retry("o1", &queued).expect("tried");
    assert_eq!(again, Retried::NotParked);
}

#[test]
fn a_record_that_the_log_has_lost_parks_its_order_at_once_where_that_is_known() {
    let records = history();
    let lost = &records[nth(&records, 2)];
    let known = Some(lost.stream.clone());
    for stream in [known, None] {
        let (_root, store) = memory();
        let mut folder = folder(&store, all(), Mode::Live);
        for record in &records {
            if record.position == lost.position {
                folder
                    .pass_over(lost.position, stream.as_ref())
                    .expect("passed over");
                assert_eq!(folder.parked(), u64::from(stream.is_some()));
            } else if let Folded::Doubtful(doubt) = folder.fold(record).expect("folded") {
                assert_eq!(stream, None, "its order is parked already");
                folder.settle(doubt);
            }
        }
        folder.write().expect("written");
        assert_eq!(folder.parked(), 1);
        let (order_id, parked) = folder.parked_orders().expect("read").remove(0);
        assert_eq!(order_id, "o1");
        let cause = stream.map_or(Cause::Gap, |_| Cause::Missing);
        assert_eq!(parked.cause, cause);
        let last = records.last().expect("some").position;
        assert_eq!(folder.reached(), &[(0, last.sequence)].into());
    }
}

#[test]
fn a_row_that_is_not_what_was_written_is_damage_and_parks_nobody() {
    let records = history();
    let at = nth(&records, 2);
    let next = fold(&records[..=at]).row("o1").expect("there");
    let older = fold(&records[..nth(&records, 1)]).row("o1").expect("there");
    // Nonsense, one from before, one from beyond the checkpoint, none at all.
    for planted in [Some(b"no row".to_vec()), Some(older), Some(next), None] {
        let mut view = fold(&records[..at]);
        let mut damage = Changes::default();
        damage.set(keys::row("o1"), Old::Unread, planted.clone());
        view.folder.generation().load(damage).expect("planted");
        let generation = Arc::clone(view.folder.generation());
        view.folder = Folder::new(all(), generation, [7; 16], Mode::Live).expect("folder");
        match view.folder.fold(&records[at]) {
            Ok(Folded::Doubtful(_)) => {
                let stream = records.iter().filter(|it| it.stream.as_str() == "o1");
                let stream: Vec<Record> = stream.cloned().collect();
                assert!(follows_in(&stream, &records[at]), "the log shows no break");
            }
            Ok(Folded::Done) => panic!("{planted:?} was folded onto"),
            Err(error) => assert!(error.to_string().contains("o1"), "{error}"),
        }
        assert_eq!(view.folder.parked(), 0);
    }
}

/// Parks o1 on a running node by exchanged bytes, and gives what was appended back.
async fn node_with_a_parked_order(
    root: &std::path::Path,
    settings: Settings,
) -> (Log, Node, Vec<Record>) {
    let records = history();
    let mut writer = Writer::new(11);
    writer.wander(2, 40);
    let log = Log::new(1);
    let at = nth(&records, 2);
    log.change(records[at].position, b"\xff\xff".to_vec());
    log.append_all(&writer, 0..writer.commits.len()).await;
    let node = Node::start_with(all(), &log, root, settings);
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert_eq!(shown.parked, 1);
    (log, node, records)
}

#[tokio::test]
async fn a_retry_heals_a_running_node_once_the_cause_is_gone() {
    let root = tempfile::tempdir().expect("folder");
    let (log, node, records) = node_with_a_parked_order(root.path(), settings()).await;
    let again = node.operator.retry("o1").await.expect("tried");
    assert!(
        matches!(again, Retried::Parked(ref it) if it.attempts == 2),
        "{again:?}"
    );
    log.mend();
    assert_eq!(node.operator.retry("o1").await, Ok(Retried::Healed));
    assert_eq!(node.operator.retry("o1").await, Ok(Retried::NotParked));
    assert_eq!(node.operator.retry("../o1").await, Ok(Retried::NotParked));
    assert_eq!(node.reader.progress().borrow().parked, 0);
    assert_eq!(node.digest(), digest_of(&records));
    log.set(Mood::Away);
    node.until("it is away", |it| it.trouble.is_some()).await;
    let refused = node.operator.retry("o1").await;
    assert!(matches!(refused, Err(Refused::Away(_))), "{refused:?}");
    node.stop().await;
}

#[tokio::test]
async fn another_build_of_the_program_tries_every_parked_order_once_when_it_attaches() {
    let root = tempfile::tempdir().expect("folder");
    let (log, node, records) = node_with_a_parked_order(root.path(), settings()).await;
    node.stop().await;
    log.mend();
    // The same build does not try it again.
    let node = Node::start(&log, root.path());
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert_eq!(shown.parked, 1);
    node.stop().await;
    let newer = Settings {
        program: "newer".into(),
        ..settings()
    };
    let node = Node::start_with(all(), &log, root.path(), newer);
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert_eq!(shown.parked, 0);
    assert_eq!(node.digest(), digest_of(&records));
    node.stop().await;
}

#[tokio::test]
async fn a_damaged_record_parks_one_order_on_a_running_node_and_lag_ends() {
    let mut writer = Writer::new(11);
    writer.wander(2, 40);
    let records = writer.records(1);
    let log = Log::holding(&writer, 1).await;
    let last = records.last().expect("some");
    // The last record of the log: no commit comes after it.
    log.damage(last.position);
    let root = tempfile::tempdir().expect("folder");
    let node = Node::start(&log, root.path());
    let shown = node.reached(&log.head().await.expect("head")).await;
    assert_eq!((shown.parked, shown.lag_commits()), (1, 0));
    let view = node.reader.view().expect("view");
    let parked = view.get(&keys::parked(last.stream.as_str())).expect("read");
    let parked = Parked::decode(&parked.expect("parked")).expect("decoded");
    assert_eq!(parked.cause, Cause::Missing);
    assert_eq!(parked.position, Position::new(0, 40).to_string());
    drop(view);
    node.stop().await;
}

#[test]
fn a_parked_order_names_the_first_hundred_that_wait() {
    let mut parked = Parked {
        cause: Cause::Gap,
        detail: String::new(),
        position: "0:1".into(),
        commit_id: String::new(),
        since: 0,
        attempts: 1,
        tried_by: String::new(),
        behind: Vec::new(),
        behind_count: 0,
    };
    for sequence in 2..=10_001 {
        parked.push_behind(format!("0:{sequence}"));
    }
    assert_eq!((parked.behind.len(), parked.behind_count), (100, 10_000));
    assert_eq!(parked.behind[99], "0:101");
    assert_eq!(Parked::decode(&parked.encode()), Some(parked));
}
