//! Question: how many acknowledged, flushed appends a second does the embedded log take, how near is
//! that to a bare file with one flush per group, and what do reading back and opening cost?
//!
//! Run with `cargo bench -p event-store --bench engines [seconds per cell] [rounds]`. Contenders take
//! turns within each round, so that a busy disk hits all of them; the figures are medians of rounds.
//! Records are 300 bytes, five to a stream; every writer waits for its own acknowledgement.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_store::embedded::Embedded;
use event_store::{Bookmark, CommitId, EventStore, NewRecord, Position, StreamId};
use futures::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

const WRITERS: [usize; 4] = [1, 16, 64, 256];
const RECORD_BYTES: usize = 300;
const RECORDS_PER_STREAM: u64 = 5;
const MANY: u64 = 1_000_000;

/// Something that takes a record and says when it is on disk.
#[async_trait]
trait Contender: Send + Sync + 'static {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        record: NewRecord,
    ) -> Option<Position>;
    async fn close(&self);
}

#[async_trait]
impl Contender for Embedded {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        record: NewRecord,
    ) -> Option<Position> {
        Some(
            EventStore::append(self, stream, expected, self.epoch(), record)
                .await
                .expect("stored"),
        )
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

/// The limit: a file that is only appended to, by one thread, with one flush per group. It checks no
/// expectation, keeps no index and cannot be read by stream.
struct PlainFile(mpsc::Sender<(NewRecord, oneshot::Sender<()>)>);

impl PlainFile {
    fn open(directory: &Path) -> Self {
        let mut file = File::create(directory.join("plain")).expect("a file");
        let (sender, mut jobs) = mpsc::channel(65_536);
        let write = move || {
            let mut group: Vec<(NewRecord, oneshot::Sender<()>)> = Vec::new();
            while jobs.blocking_recv_many(&mut group, 1_024) > 0 {
                let bytes: Vec<u8> = group
                    .iter()
                    .flat_map(|(record, _)| record.commit_id.0.iter().chain(&record.payload))
                    .copied()
                    .collect();
                file.write_all(&bytes).expect("written");
                file.sync_data().expect("flushed");
                for (_record, answer) in group.drain(..) {
                    answer.send(()).expect("a writer waits");
                }
            }
        };
        std::thread::spawn(write);
        Self(sender)
    }
}

#[async_trait]
impl Contender for PlainFile {
    async fn append(
        &self,
        _stream: &StreamId,
        _expected: Option<Position>,
        record: NewRecord,
    ) -> Option<Position> {
        let (answer, answered) = oneshot::channel();
        self.0
            .send((record, answer))
            .await
            .expect("the thread lives");
        answered.await.expect("the thread answers");
        None
    }

    async fn close(&self) {}
}

type Open = fn(&Path) -> Arc<dyn Contender>;

const CONTENDERS: [(&str, Open); 2] = [
    ("embedded", |directory| {
        Arc::new(Embedded::open(directory).expect("a log"))
    }),
    ("plain file", |directory| {
        Arc::new(PlainFile::open(directory))
    }),
];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse::<u64>().ok());
    let span = Duration::from_secs(arguments.next().unwrap_or(1));
    let rounds = arguments.next().unwrap_or(3);
    rates(span, rounds).await;
    reading().await;
}

/// Acknowledged appends a second by number of writers.
async fn rates(span: Duration, rounds: u64) {
    let mut cells = vec![Vec::new(); CONTENDERS.len() * WRITERS.len()];
    for _round in 0..rounds {
        for (column, &writers) in WRITERS.iter().enumerate() {
            for (row, (_name, open)) in CONTENDERS.iter().enumerate() {
                let directory = tempfile::tempdir_in(".").expect("a directory on a disk");
                let contender = open(directory.path());
                let rate = run(&contender, writers, Limit::Span(span)).await;
                contender.close().await;
                cells[row * WRITERS.len() + column].push(rate);
            }
        }
    }
    println!("appends/s, 300 bytes, flushed; median of {rounds} rounds of {span:?}");
    println!("{:>12} {WRITERS:>9?} writers", "");
    for (row, (name, _open)) in CONTENDERS.iter().enumerate() {
        let medians: Vec<_> = cells[row * WRITERS.len()..][..WRITERS.len()]
            .iter_mut()
            .map(|rates| median(rates))
            .collect();
        println!("{name:>12} {medians:>9?}");
    }
}

/// How long writers go on.
#[derive(Clone, Copy)]
enum Limit {
    Span(Duration),
    Records(u64),
}

/// Appends a second, over all writers.
async fn run(contender: &Arc<dyn Contender>, writers: usize, limit: Limit) -> u64 {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let contender = Arc::clone(contender);
        tasks.spawn(async move {
            let mut count = 0_u64;
            let mut end = None;
            loop {
                let done = match limit {
                    Limit::Span(span) => start.elapsed() >= span,
                    Limit::Records(records) => count * writers as u64 >= records,
                };
                if done {
                    return count;
                }
                let order = count / RECORDS_PER_STREAM;
                let stream = StreamId::new(&format!("{order:06}-{writer:03}")).expect("plain");
                let expected = end.filter(|_| !count.is_multiple_of(RECORDS_PER_STREAM));
                end = contender.append(&stream, expected, record()).await;
                count += 1;
            }
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    let micros = start.elapsed().as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

fn record() -> NewRecord {
    let commit_id: [u8; 16] = rand::random();
    NewRecord {
        commit_id: CommitId(commit_id),
        payload: commit_id.into_iter().cycle().take(RECORD_BYTES).collect(),
        label: String::new(),
    }
}

/// Reading back, disk per record, and opening, with a million records.
async fn reading() {
    let directory = tempfile::tempdir_in(".").expect("a directory on a disk");
    let log = Arc::new(Embedded::open(directory.path()).expect("a log"));
    let contender: Arc<dyn Contender> = Arc::clone(&log) as _;
    let rate = run(&contender, 256, Limit::Records(MANY)).await;
    println!("a million records by 256 writers: {rate} appends/s");
    drop(contender);

    // What kill -9 leaves: the files as they are while the log is open.
    let killed = tempfile::tempdir_in(".").expect("a directory on a disk");
    copy(directory.path(), killed.path());
    log.close().await;
    println!("disk: {} bytes a record", size(directory.path()) / MANY);
    opening("after a close", directory.path()).await;
    opening("after kill -9", killed.path()).await;

    let log = Embedded::open(directory.path()).expect("a log");
    let start = Instant::now();
    let mut tail = log.tail(Bookmark::start()).await.expect("a tail");
    for _record in 0..MANY {
        tail.next().await.expect("a record").expect("intact");
    }
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    println!(
        "read back by a tail: {} records/s",
        MANY * 1_000_000 / micros
    );
    let start = Instant::now();
    for number in 0..10_000_u64 {
        let position = Position::new(0, 1 + number * 97);
        log.read_at(position)
            .await
            .expect("readable")
            .expect("a record");
    }
    println!("read at a position: {:?} each", start.elapsed() / 10_000);
    log.close().await;
}

async fn opening(when: &str, directory: &Path) {
    let start = Instant::now();
    let log = Embedded::open(directory).expect("a log");
    let head = log.head().await.expect("a head").last.sequence(0);
    println!("open {when}: {:?}, head {head}", start.elapsed());
    log.close().await;
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        // SQLite rebuilds its shared memory; a copy of it would be another state than the kill's.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let sizes = entries.map(|entry| entry.and_then(|entry| entry.metadata()));
    sizes.map(|about| about.expect("a size").len()).sum()
}

fn median(rates: &mut [u64]) -> u64 {
    rates.sort_unstable();
    rates[rates.len() / 2]
}
