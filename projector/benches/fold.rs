//! What does the read side cost for each commit, live and in a build?
//!
//! `cargo bench -p projector`. The log is in memory; what is measured is decoding, folding and sled.
//! Beside the whole, in the same run: decoding and folding alone, over an engine that forgets
//! nothing and writes nothing to disk, and the same final keys written in order into an empty tree.

#![allow(clippy::print_stdout, reason = "a benchmark talks on stdout")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

#[path = "../tests/it/history.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod history;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_store::Record;
use projector::{FOLD, Folder, Mode, all};
use read_model::{Changes, Checkpoint, Engines, Generation, Memory, Old, Scan, Sled, Store};

const ORDERS: u64 = 50_000;
const LINES: u32 = 3;
const SLED: Sled = Sled {
    cache_bytes: 64 << 20,
};
/// As many as the runner takes in one go, and as it writes them.
const CHUNK: usize = 256;
const BATCH_KEYS: usize = 128;
const LOAD_BYTES: usize = 32 << 20;

fn main() {
    let mut writer = history::Writer::new(1);
    writer.usual(ORDERS, LINES);
    let (events, records) = (writer.events(), writer.records(1));
    println!(
        "{} commits, {events} events, {ORDERS} orders of {LINES} lines",
        records.len()
    );
    for round in 1..=3 {
        bench(round, &records, events);
    }
}

fn bench(round: u32, records: &[Record], events: usize) {
    let say = |what: &str, took: Duration| {
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let (events, commits) = (events as f64 / seconds, records.len() as f64);
        let (rate, each) = (commits / seconds, took.as_secs_f64() * 1e6 / commits);
        println!(
            "{round} {what:16} {events:9.0} events/s {rate:9.0} commits/s {each:7.1} us/commit"
        );
    };
    let (_root, memory) = store(Arc::new(Memory));
    say(
        "live in memory",
        timed(|| live(&generation(&memory), records)),
    );
    say(
        "build in memory",
        timed(|| build(&generation(&memory), records)),
    );

    let (root, store) = store(Arc::new(SLED));
    let lived = generation(&store);
    say("live", timed(|| live(&lived, records)));
    let built = generation(&store);
    say("build", timed(|| build(&built, records)));

    let mut keys = Changes::default();
    for entry in built.prefix(&[]) {
        let (key, value) = entry.expect("read");
        keys.set(key, Old::Absent, Some(value));
    }
    let entries = keys.len();
    let twin = generation(&store);
    let written = timed(|| {
        twin.load(keys).expect("written");
        twin.seal(&mut Checkpoint::default()).expect("sealed");
    });
    say("twin of build", written);
    let scanned = timed(|| drop(Scan::whole(&built).expect("read")));
    say("scan", scanned);
    for (what, generation) in [("live", &lived), ("build", &built)] {
        let bytes = size(&root.path().join(generation.name())) / ORDERS;
        println!("{round} {what:16} {bytes} bytes on disk per order, {entries} keys in all");
    }
    let digest = |it: &Generation| it.checkpoint().expect("read").expect("complete").digest;
    assert_eq!(digest(&lived), digest(&built));
}

fn store(engines: Arc<dyn Engines>) -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().expect("folder");
    let store = Store::new(root.path(), FOLD, engines);
    store.open().expect("opened");
    (root, store)
}

fn generation(store: &Store) -> Arc<Generation> {
    store.create().expect("made")
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn size(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).expect("listed") {
        let entry = entry.expect("entry");
        let metadata = entry.metadata().expect("there");
        bytes += if metadata.is_dir() {
            size(&entry.path())
        } else {
            metadata.len()
        };
    }
    bytes
}

fn fold(folder: &mut Folder, record: &Record) {
    assert!(folder.fold(record).expect("folded").is_done());
}

fn live(generation: &Arc<Generation>, records: &[Record]) {
    let mut folder =
        Folder::new(all(), Arc::clone(generation), [1; 16], Mode::Live).expect("folder");
    for chunk in records.chunks(CHUNK) {
        for record in chunk {
            fold(&mut folder, record);
            if folder.pending_keys() >= BATCH_KEYS {
                folder.write().expect("written");
            }
        }
        folder.write().expect("written");
    }
    generation.flush().expect("flushed");
}

fn build(generation: &Arc<Generation>, records: &[Record]) {
    let mut folder =
        Folder::new(all(), Arc::clone(generation), [1; 16], Mode::Build).expect("folder");
    for record in records {
        fold(&mut folder, record);
        if folder.pending_bytes() >= LOAD_BYTES {
            folder.write().expect("written");
        }
    }
    folder.seal().expect("sealed");
}
