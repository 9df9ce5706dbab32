//! kill -9, again and again: the checkpoint is never ahead of its data, and the end is the same.
//!
//! The child is this very test, started again with a folder to work in. Its log is in memory and
//! written anew from the same seed, up to where the parent says and then further, so that it kills
//! first builds, following, rebuilds and promotions.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use event_store::EventStore as _;
use projector::{FOLD, Mode, all};
use read_model::Store;

use crate::history::{Dice, Writer};
use crate::log::Log;
use crate::node::{Node, SLED, digest, digest_of, fold_all, folder, outcome};

const FOLDER: &str = "ORDERS_TEST_CRASH_FOLDER";
const SEED: u64 = 77;
const COMMITS: usize = 6000;
const KILLS: usize = 10;

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
        let node = Node::start(&log, &root.join("read-model"));
        println!("running");
        let rebuild = async {
            loop {
                node.until("it follows", |progress| progress.caught_up)
                    .await;
                if let Ok(mut job) = node.operator.rebuild().await {
                    outcome(&mut job).await;
                }
            }
        };
        let grow = async {
            for n in start..writer.commits.len() {
                log.append_all(&writer, n..n + 1).await;
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::join!(rebuild, grow);
    });
}

fn opened(root: &Path) -> (Store, Option<read_model::Found>) {
    let store = Store::new(root, FOLD, Arc::new(SLED));
    let found = store.open().expect("opened");
    (store, found)
}

/// Opens what was left, and compares it with the history up to its checkpoint.
fn assert_consistent(root: &Path, writer: &Writer) -> usize {
    let (_store, found) = opened(root);
    assert!(!root.join("quarantine").exists(), "something was set aside");
    let Some(found) = found else {
        return 0;
    };
    // A build of an empty log has a checkpoint and no position.
    let reached = found.checkpoint.positions().get(&0).copied().unwrap_or(0);
    let reached = usize::try_from(reached).expect("small");
    let expected = digest_of(&writer.records(1)[..reached]);
    assert_eq!(digest(&found.generation), expected, "at {reached}");
    reached
}

#[test]
fn killed_at_any_moment_a_view_is_what_its_checkpoint_says() {
    let writer = history();
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path().join("read-model");
    let mut dice = Dice::new(SEED);
    let (mut reached, mut moved) = (0, 0);
    for round in 0..KILLS {
        std::fs::write(folder.path().join("start"), reached.to_string()).expect("told");
        let executable = std::env::current_exe().expect("this test");
        let mut child = Command::new(executable)
            .args(["crash::child", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
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
        let moment = Duration::from_millis(100 + dice.below(2500));
        std::thread::park_timeout(moment);
        child.kill().expect("killed");
        child.wait().expect("waited for");

        let found = assert_consistent(&root, &writer);
        moved += usize::from(found > reached);
        reached = reached.max(found);
    }
    assert!(moved > 2, "moved on in {moved} rounds only");
    finish(&root, &writer);
}

/// What was killed so often ends where one that never was ends.
fn finish(root: &Path, writer: &Writer) {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(async {
        let log = Log::holding(writer, 1).await;
        let node = Node::start(&log, root);
        node.reached(&log.head().await.expect("head")).await;
        assert_eq!(node.digest(), digest_of(&writer.records(1)));
        node.stop().await;
    });
}

#[test]
fn a_build_that_was_killed_before_it_was_complete_leaves_no_trace() {
    let writer = history();
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = opened(root.path());
    let mut folder = folder(&store, all(), Mode::Build);
    fold_all(&mut folder, &writer.records(1)[..2000]);
    folder.write().expect("written");
    folder.generation().flush().expect("flushed");
    drop((folder, store));
    assert_eq!(assert_consistent(root.path(), &writer), 0);
    let left = std::fs::read_dir(root.path()).expect("listed");
    let left = left.filter(|entry| entry.as_ref().is_ok_and(|it| it.path().is_dir()));
    assert_eq!(left.count(), 0);
}
