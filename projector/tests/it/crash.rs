//! kill -9, again and again: the checkpoint is never ahead of its data, and the end is the same.
//!
//! The child is this very test, started again with a folder to work in. Its log is in memory and
//! written anew from the same seed, up to where the parent says and then further, so that it kills
//! first builds, following and rebuilds.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use event_store::EventStore as _;
use projector::{Folder, Orders, Projection, Reports};
use read_model::Store;

use crate::history::{Dice, Writer};
use crate::log::Log;
use crate::node::{CACHE, Node, digest_of};

const FOLDER: &str = "ORDERS_TEST_CRASH_FOLDER";
const SEED: u64 = 77;
const COMMITS: usize = 6000;
const KILLS: usize = 14;

fn history() -> Writer {
    let mut writer = Writer::new(SEED);
    writer.wander(400, COMMITS);
    writer
}

/// What the child does until it is killed: follows a log that grows, and rebuilds all the time.
#[test]
#[ignore = "the child of the test below"]
#[expect(
    clippy::disallowed_methods,
    reason = "a child process of a test is told its folder"
)]
fn child() {
    let folder = std::env::var(FOLDER).expect("started by the test below");
    let root = Path::new(&folder);
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(async {
        let writer = history();
        let log = Log::new(1);
        let start = std::fs::read_to_string(root.join("start")).expect("told");
        let start: usize = start.trim().parse().expect("a number");
        log.append_all(&writer, 0..start).await;
        let orders = Node::start(Orders, &log, root, 1);
        let reports = Node::start(Reports, &log, root, 1);
        println!("running");
        let rebuild = async {
            loop {
                orders
                    .until("it follows", |progress| progress.caught_up)
                    .await;
                let mut steps = orders.rebuild.begin().await.expect("begun");
                while steps.recv().await.is_some() {}
            }
        };
        let grow = async {
            for n in start..writer.commits.len() {
                log.append_all(&writer, n..n + 1).await;
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::join!(rebuild, grow, reports.until("it is killed", |_| false));
    });
}

/// Opens what was left, and compares it with the history up to its checkpoint.
fn assert_consistent<P: Projection>(projection: P, root: &Path, writer: &Writer) -> usize {
    let name = projection.name();
    let store = Store::open(root, name, 1, CACHE).expect("opened");
    assert!(!root.join("quarantine").exists(), "{name} was set aside");
    let active = store.active();
    let Some(checkpoint) = active.checkpoint().expect("read") else {
        let keys = active.prefix(&[]).count();
        assert_eq!(keys, 0, "{name} has keys and no checkpoint");
        return 0;
    };
    // A build of an empty log has a checkpoint and no position.
    let reached = checkpoint.positions().get(&0).copied().unwrap_or(0);
    let reached = usize::try_from(reached).expect("small");
    let expected = digest_of(projection, &writer.records(1)[..reached]);
    assert_eq!(
        active.digest().expect("digest"),
        expected,
        "{name} {reached}"
    );
    reached
}

#[test]
fn killed_at_any_moment_a_view_is_what_its_checkpoint_says() {
    let writer = history();
    let root = tempfile::tempdir().expect("folder");
    let mut dice = Dice::new(SEED);
    let mut reached = 0;
    let mut moved = 0;
    for round in 0..KILLS {
        std::fs::write(root.path().join("start"), reached.to_string()).expect("told");
        let executable = std::env::current_exe().expect("this test");
        let mut child = Command::new(executable)
            .args(["crash::child", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, root.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut running = std::io::BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("running") {
            line.clear();
            let read = std::io::BufRead::read_line(&mut running, &mut line).expect("read");
            assert!(read > 0, "round {round}: the child ended by itself");
        }
        let moment = Duration::from_millis(20 + dice.below(700));
        std::thread::park_timeout(moment);
        child.kill().expect("killed");
        child.wait().expect("waited for");

        let orders = assert_consistent(Orders, root.path(), &writer);
        let reports = assert_consistent(Reports, root.path(), &writer);
        moved += usize::from(orders.max(reports) > reached);
        reached = reached.max(orders).max(reports);
    }
    assert!(moved > KILLS / 3, "moved on in {moved} rounds only");
    finish(root.path(), &writer);
}

/// What was killed so often ends where one that never was ends.
fn finish(root: &Path, writer: &Writer) {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(async {
        let log = Log::holding(writer, 1).await;
        let head = log.head().await.expect("head");
        let orders = Node::start(Orders, &log, root, 1);
        let reports = Node::start(Reports, &log, root, 1);
        orders.reached(&head).await;
        reports.reached(&head).await;
        assert_eq!(orders.digest(), digest_of(Orders, &writer.records(1)));
        assert_eq!(reports.digest(), digest_of(Reports, &writer.records(1)));
        orders.stop().await;
        reports.stop().await;
    });
}

#[test]
fn a_build_that_was_killed_before_it_was_promoted_leaves_no_trace() {
    let writer = history();
    let root = tempfile::tempdir().expect("folder");
    let store = Store::open(root.path(), "orders", 1, CACHE).expect("opened");
    let next = store.next().expect("next");
    let mut folder = Folder::new(Arc::new(Orders), next, [0; 16]).expect("folder");
    for record in &writer.records(1)[..2000] {
        folder.fold(record).expect("folded");
    }
    folder.seal().expect("sealed");
    drop((folder, store));
    assert_eq!(assert_consistent(Orders, root.path(), &writer), 0);
}
