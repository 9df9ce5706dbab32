//! How many events a second does a projection fold, as they come and in a rebuild?
//!
//! `cargo bench -p projector`. The log is in memory; what is measured is decoding, folding and sled.
//! Twin of the rebuild: the same final keys and values, written in order into an empty tree.

#![allow(clippy::print_stdout, reason = "a benchmark talks on stdout")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

#[path = "../tests/it/history.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod history;

use std::sync::Arc;
use std::time::Instant;

use event_store::Record;
use projector::{Folder, Orders, Projection, Reports};
use read_model::{Changes, Checkpoint, Generation, Store};

const ORDERS: u64 = 50_000;
const LINES: u32 = 3;
const CACHE: u64 = 64 << 20;
/// As many as the runner takes in one go.
const CHUNK: usize = 256;
/// As the runner has them.
const BATCH_KEYS: usize = 128;
const LOAD_BYTES: usize = 32 << 20;

fn main() {
    let mut writer = history::Writer::new(1);
    writer.usual(ORDERS, LINES);
    let (events, records) = (writer.events(), writer.records(1));
    println!(
        "{} commits, {events} events, {ORDERS} orders",
        records.len()
    );
    for round in 1..=3 {
        bench("orders", round, Orders, &records, events);
        bench("reports", round, Reports, &records, events);
    }
}

fn bench<P: Projection + Copy>(
    name: &str,
    round: u32,
    projection: P,
    records: &[Record],
    events: usize,
) {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path(), "bench", 1, CACHE).expect("opened");
    let say = |what: &str, started: Instant| {
        let seconds = started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let (events, commits) = (events as f64 / seconds, records.len() as f64 / seconds);
        println!("{round} {name:8} {what:8} {events:9.0} events/s {commits:9.0} commits/s");
    };

    let started = Instant::now();
    live(projection, &store.active(), records);
    say("live", started);

    let next = store.next().expect("next");
    let started = Instant::now();
    rebuild(projection, &next, records);
    say("rebuild", started);

    let mut keys = Changes::default();
    for entry in next.prefix(&[]) {
        let (key, value) = entry.expect("read");
        keys.put(key.to_vec(), value.to_vec());
    }
    let twin = store.next().expect("next");
    let started = Instant::now();
    twin.load(keys).expect("written");
    twin.seal(&Checkpoint::default()).expect("sealed");
    say("twin", started);
    assert_eq!(
        store.active().digest().expect("digest"),
        next.digest().expect("digest")
    );
}

fn live<P: Projection>(projection: P, generation: &Arc<Generation>, records: &[Record]) {
    let mut folder =
        Folder::new(Arc::new(projection), Arc::clone(generation), [1; 16]).expect("folder");
    for chunk in records.chunks(CHUNK) {
        for record in chunk {
            folder.fold(record).expect("folded");
            if folder.pending_keys() >= BATCH_KEYS {
                folder.write().expect("written");
            }
        }
        folder.write().expect("written");
    }
}

fn rebuild<P: Projection>(projection: P, generation: &Arc<Generation>, records: &[Record]) {
    let mut folder =
        Folder::new(Arc::new(projection), Arc::clone(generation), [1; 16]).expect("folder");
    for record in records {
        folder.fold(record).expect("folded");
        if folder.pending_bytes() >= LOAD_BYTES {
            folder.load().expect("written");
        }
    }
    folder.seal().expect("sealed");
}
