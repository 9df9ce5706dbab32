//! A disk that refuses: what is answered, what is kept, and how the log comes back.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use event_store::embedded::Embedded;
use event_store::{
    ALL, AppendError, Availability, CommitId, Consistency, EventStore, NewRecord, Position, Record,
    StreamId,
};

fn stream() -> StreamId {
    StreamId::new("order-1").expect("a plain name")
}

fn record() -> NewRecord {
    NewRecord {
        commit_id: CommitId(rand::random()),
        payload: vec![7; 20_000].into(),
        label: String::new(),
    }
}

async fn read(log: &Embedded) -> Vec<Record> {
    let records = log
        .read_stream(&stream(), None, ALL, Consistency::Latest)
        .await;
    records.expect("reads go on").records
}

/// Appends until the log refuses: what was acknowledged, and the refusal.
async fn fill(log: &Embedded) -> (Vec<CommitId>, AppendError) {
    let (mut end, mut acknowledged): (Option<Position>, _) = (None, Vec::new());
    loop {
        let new = record();
        let commit_id = new.commit_id;
        match log.append(&stream(), end, log.epoch(), new).await {
            Ok(position) => end = Some(position),
            Err(error) => return (acknowledged, error),
        }
        acknowledged.push(commit_id);
        assert!(acknowledged.len() < 5_000, "the disk is small");
    }
}

fn assert_kept(records: &[Record], acknowledged: &[CommitId]) {
    let kept: Vec<_> = records.iter().map(|record| record.commit_id).collect();
    assert_eq!(
        kept, acknowledged,
        "what was acknowledged, and nothing else"
    );
}

/// Runs one of the ignored tests below as a process of its own, by way of a shell.
fn run(shell: &[&str], script: &str, test: &str, directory: &Path) {
    std::fs::write(directory.join("small-disk"), "").expect("written");
    let script = format!("{script} && exec \"$0\" disk::{test} --exact --ignored --nocapture");
    let status = Command::new(shell[0])
        .args(&shell[1..])
        .args(["sh", "-c", &script])
        .arg(std::env::current_exe().expect("this test"))
        .current_dir(directory)
        .status()
        .expect("a child");
    assert!(status.success(), "{test}: {status}");
}

#[test]
fn a_full_disk_refuses_and_heals() {
    let namespace = Command::new("unshare").args(["-rm", "true"]).output();
    if !namespace.is_ok_and(|tried| tried.status.success()) {
        // Not a program that could be fetched: the system does not let this user.
        let (lacks, how) = ("unshare -rm", "allow user namespaces, or run as root");
        crate::jetstream::server::say_skipped(lacks, how);
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mount = "mount -t tmpfs -o size=6m tmpfs \"$PWD\" && cd \"$PWD\" && touch small-disk";
    run(
        &["unshare", "-rm"],
        mount,
        "child_on_a_full_disk",
        directory.path(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by a_full_disk_refuses_and_heals"]
async fn child_on_a_full_disk() {
    if !Path::new("small-disk").exists() {
        return;
    }
    std::fs::write("filler", vec![1; 2_000_000]).expect("there is room for that");
    let log = Embedded::open("log").expect("a log");
    let (acknowledged, error) = fill(&log).await;
    assert!(matches!(error, AppendError::Full { .. }), "{error:?}");
    assert!(acknowledged.len() > 10, "the disk takes some");
    assert_kept(&read(&log).await, &acknowledged);

    std::fs::remove_file("filler").expect("an operator makes room");
    let mut availability = log.availability();
    let available = availability.wait_for(|now| *now == Availability::Available);
    let healed = tokio::time::timeout(Duration::from_secs(10), available).await;
    assert!(
        healed.is_ok_and(|now| now.is_ok()),
        "the writer tries by itself"
    );
    let end = read(&log).await.last().map(|last| last.position);
    log.append(&stream(), end, log.epoch(), record())
        .await
        .expect("stored again");
    log.close().await;
    let log = Embedded::open("log").expect("the log again");
    assert_kept(&read(&log).await[..acknowledged.len()], &acknowledged);
    log.close().await;
}

/// The file may not grow: to SQLite an I/O error like any other.
#[test]
fn a_failed_write_is_never_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let limit = "trap '' XFSZ && ulimit -f 2000";
    run(
        &["env"],
        limit,
        "child_with_failing_writes",
        directory.path(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by a_failed_write_is_never_acknowledged"]
async fn child_with_failing_writes() {
    if !Path::new("small-disk").exists() {
        return;
    }
    let log = Embedded::open("log").expect("a log");
    let (acknowledged, error) = fill(&log).await;
    assert!(matches!(error, AppendError::Unknown { .. }), "{error:?}");
    let end = read(&log).await.last().map(|last| last.position);
    let again = log.append(&stream(), end, log.epoch(), record()).await;
    assert!(
        matches!(again, Err(AppendError::Unavailable { .. })),
        "{again:?}"
    );
    let now = log.availability().borrow().clone();
    let told = matches!(&now, Availability::Failed { cause } if cause.contains("flush"));
    assert!(told, "{now:?}");
    assert_kept(&read(&log).await, &acknowledged);
    log.close().await;

    let log = Embedded::open("log").expect("recovers");
    let records = read(&log).await;
    assert!(
        records.len() <= acknowledged.len() + 1,
        "the uncertain one at most"
    );
    assert_kept(&records[..acknowledged.len()], &acknowledged);
}
