//! kill -9 and torn files: what was acknowledged is there, once and whole.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use event_store::embedded::Embedded;
use event_store::{
    AppendError, Bookmark, CommitId, EventStore, NewRecord, Position, Record, StreamId,
};
use futures::StreamExt as _;

/// The test that a child process runs: it appends for ever in the directory it is started in.
const CHILD: &str = "crash::child_that_appends_until_it_is_killed";

/// Tasks that append at once in the child, so that it dies in the middle of groups.
const WRITERS: usize = 8;

fn stream(number: usize) -> StreamId {
    StreamId::new(&format!("order-{number}")).expect("a plain name")
}

/// A record whose bytes follow from its commit id.
fn record(size: usize) -> NewRecord {
    let commit_id: [u8; 16] = rand::random();
    NewRecord {
        commit_id: CommitId(commit_id),
        payload: payload(commit_id, size),
        label: String::new(),
    }
}

fn payload(commit_id: [u8; 16], size: usize) -> Bytes {
    commit_id.into_iter().cycle().take(size).collect()
}

/// Not a test by itself: the process that is killed. It runs in the directory of its log, and does
/// nothing where there is none to be killed in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by a_killed_process_loses_nothing_acknowledged"]
async fn child_that_appends_until_it_is_killed() {
    if !Path::new("killed-here").exists() {
        return;
    }
    let log = Embedded::open(".").expect("a log");
    let writers = (0..WRITERS).map(|number| {
        let log = &log;
        async move {
            let mut end = None;
            loop {
                let new = record(rand::random_range(0..20_000));
                match log
                    .append(&stream(number), end, log.epoch(), new.clone())
                    .await
                {
                    Ok(position) => {
                        println!("acknowledged {} {}", position.sequence, new.commit_id);
                        end = Some(position);
                    }
                    Err(AppendError::Conflict { actual }) => end = actual,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    futures::future::join_all(writers).await;
}

/// Starts the child, kills it after a while, and returns what it acknowledged.
fn killed_after(directory: &Path, lines: usize) -> Vec<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .current_dir(directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        let line = line.expect("a line");
        let mut words = line.split_whitespace();
        // A line that was cut by the kill acknowledges nothing.
        if let (Some("acknowledged"), Some(sequence), Some(commit_id)) =
            (words.next(), words.next(), words.next())
            && commit_id.len() == 32
        {
            acknowledged.push((sequence.parse().expect("a sequence"), commit_id.to_owned()));
        }
        if acknowledged.len() == lines {
            // What it still printed is read too: it was acknowledged.
            child.kill().expect("kill -9");
        }
    }
    child.wait().expect("dead");
    acknowledged
}

/// Everything in a log, checked byte by byte and for gaps.
async fn read_intact(directory: &Path) -> Vec<Record> {
    let log = Embedded::open(directory).expect("recovers");
    let head = log.head().await.expect("a head").last.sequence(0);
    let tail = log.tail(Bookmark::start()).await.expect("a tail");
    let take = usize::try_from(head).expect("few");
    let records: Vec<_> = tail
        .take(take)
        .map(|item| item.expect("intact").into_record().expect("intact"))
        .collect()
        .await;
    for (record, sequence) in records.iter().zip(1..) {
        assert_eq!(record.position, Position::new(0, sequence), "contiguous");
        let whole = payload(record.commit_id.0, record.payload.len());
        assert!(record.payload == whole, "the bytes at {}", record.position);
    }
    log.close().await;
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("killed-here"), "").expect("written");
    let mut acknowledged = Vec::new();
    for round in 0..20 {
        let lines = rand::random_range(1..2_500);
        let path = directory.path().to_owned();
        let killed = tokio::task::spawn_blocking(move || killed_after(&path, lines));
        acknowledged.extend(killed.await.expect("a child was killed"));
        let records = read_intact(directory.path()).await;
        for (sequence, commit_id) in &acknowledged {
            let found = usize::try_from(sequence - 1)
                .ok()
                .and_then(|at| records.get(at));
            let found = found.map(|record| record.commit_id.to_string());
            assert_eq!(
                found.as_ref(),
                Some(commit_id),
                "round {round}, record {sequence}"
            );
        }
        let mut ids: Vec<_> = records.iter().map(|record| record.commit_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), records.len(), "a record is there twice");
    }
}

/// A power cut may tear the write-ahead log anywhere: what comes back is a prefix, whole groups of
/// it, and never less than what was copied into the file before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_comes_back_as_a_prefix() {
    let source = tempfile::tempdir().expect("a directory");
    let log = Embedded::open(source.path()).expect("a log");
    for number in 0..20 {
        log.append(&stream(number), None, log.epoch(), record(1_000))
            .await
            .expect("stored");
    }
    log.close().await;
    let copied = read_intact(source.path()).await;
    let log = Embedded::open(source.path()).expect("a log");
    for number in 20..60 {
        log.append(&stream(number), None, log.epoch(), record(1_000))
            .await
            .expect("stored");
    }
    let [file, wal] = ["log.db", "log.db-wal"]
        .map(|name| std::fs::read(source.path().join(name)).expect("readable"));

    let mut lengths = Vec::new();
    for tear in 0..=24 {
        let torn = tempfile::tempdir().expect("a directory");
        let cut = wal.len() * tear / 24;
        let mut bytes = wal.clone();
        match tear % 2 {
            0 => bytes.truncate(cut),
            _ => bytes[cut..].fill(0xa5),
        }
        std::fs::write(torn.path().join("log.db"), &file).expect("written");
        std::fs::write(torn.path().join("log.db-wal"), bytes).expect("written");
        let records = read_intact(torn.path()).await;
        assert!(
            records.starts_with(&copied),
            "what was copied before is there"
        );
        lengths.push(records.len());
    }
    assert!(lengths.is_sorted(), "a later tear loses less: {lengths:?}");
    assert_eq!((lengths[0], lengths[24]), (20, 60));
}

/// A process that hangs in the middle is not waited for: the next one names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holder_of_a_log_is_another_process() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("killed-here"), "").expect("written");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = child.stdout.take().expect("a pipe");
    let first = BufReader::new(output).lines().find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("acknowledged"))
    });
    assert!(first.is_some(), "the child writes");
    let refused = Embedded::open(directory.path())
        .err()
        .expect("in use")
        .to_string();
    let pid = format!("process {}", child.id());
    child.kill().expect("kill -9");
    child.wait().expect("dead");
    assert!(refused.ends_with(&pid), "{refused}");
    tokio::time::timeout(Duration::from_secs(10), read_intact(directory.path()))
        .await
        .expect("the lock went with the process");
}
