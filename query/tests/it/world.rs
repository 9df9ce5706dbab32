//! One log, one key store, one clock, a write side, two views that move when told to.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use command::{CommandService, Config};
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{
    ALL, CommitId, Consistency, EventStore, KeyError, KeyState, KeyStore, NewRecord, Position,
    Record, StreamId,
};
use order::Order;
use order::value::{OrderId, Timestamp};
use projector::{Folder, Orders, Projection, Reports};
use proto::commit::{self, Commit};
use proto::{api, v1};
use query::QueryService;
use read_model::{Changes, Checkpoint, Store};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// 2026-01-01T00:00:00Z, in microseconds.
pub(crate) const START: i64 = 1_767_225_600_000_000;
/// More than one, so that tokens and checkpoints have to get that right.
const PARTITIONS: u32 = 2;

/// Keys that can be out of reach.
#[derive(Default)]
pub(crate) struct Keys {
    inner: MemoryKeys,
    pub(crate) away: AtomicBool,
    /// A key that is found whatever was erased.
    back: Mutex<Option<KeyState>>,
}

impl Keys {
    /// Finds this key from now on, as if it had not been destroyed yet.
    pub(crate) fn bring_back(&self, key: KeyState) {
        *self.back.lock().expect("no panic") = Some(key);
    }

    fn check(&self) -> Result<(), KeyError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(KeyError::Unavailable {
                cause: "planted".to_owned(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl KeyStore for Keys {
    async fn create(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.check()?;
        self.inner.create(stream).await
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.check()?;
        if let Some(key) = self.back.lock().expect("no panic").clone() {
            return Ok(key);
        }
        self.inner.find(stream).await
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.check()?;
        self.inner.erase(stream).await
    }
}

/// A view and what folds into it.
struct View<P: Projection> {
    store: Store,
    folder: Mutex<Folder<P>>,
}

impl<P: Projection> View<P> {
    fn new(root: &std::path::Path, projection: P, identity: [u8; 16]) -> Self {
        let store = Store::open(root, projection.name(), projection.schema(), 1 << 20);
        let store = store.expect("opened");
        let folder = Folder::new(Arc::new(projection), store.active(), identity);
        let folder = Mutex::new(folder.expect("folder"));
        Self { store, folder }
    }

    /// Folds records and says so.
    fn fold(&self, records: &[Record]) {
        let mut folder = self.folder.lock().expect("no panic");
        for record in records {
            folder.fold(record).expect("folded");
        }
        folder.write().expect("written");
        let (checkpoint, parked) = (folder.checkpoint().clone(), folder.parked());
        self.store.progress().send_modify(|progress| {
            progress.identity = checkpoint.identity;
            progress.positions = checkpoint.positions();
            progress.parked = parked;
            let times = checkpoint.partitions.values().map(|mark| mark.record_time);
            progress.record_time = times.max().unwrap_or(0);
            progress.look();
        });
    }

    fn see_head(&self, head: &event_store::Head) {
        let head = head.last.iter().map(|p| (p.partition, p.sequence));
        self.store.progress().send_modify(|progress| {
            progress.head = head.collect();
            progress.look();
        });
    }

    fn checkpoint(&self) -> Checkpoint {
        self.folder.lock().expect("no panic").checkpoint().clone()
    }
}

pub(crate) struct World {
    pub(crate) log: Arc<Memory>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) commands: CommandService,
    pub(crate) query: QueryService,
    orders: View<Orders>,
    reports: View<Reports>,
    _root: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let root = tempfile::tempdir().expect("directory");
        let log = Arc::new(Memory::new(PARTITIONS));
        let identity = log.head().await.expect("head").identity.0;
        let keys = Arc::new(Keys::default());
        let clock = Arc::new(AtomicI64::new(START));
        let now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || Timestamp::from_micros(clock.load(Ordering::SeqCst)))
        };
        let orders = View::new(root.path(), Orders, identity);
        let reports = View::new(root.path(), Reports, identity);
        let store: Arc<dyn EventStore> = Arc::clone(&log) as _;
        let sealed: Arc<dyn KeyStore> = Arc::clone(&keys) as _;
        let commands = CommandService::new(
            Arc::clone(&store),
            Arc::clone(&sealed),
            now.clone(),
            Config::default(),
        );
        let (reader, counts) = (orders.store.reader(), reports.store.reader());
        let query = QueryService::new(reader, counts, store, sealed);
        let world = Self {
            log,
            keys,
            clock,
            commands,
            query,
            orders,
            reports,
            _root: root,
        };
        world.project().await;
        world
    }

    /// Lets both views fold all that the log holds.
    pub(crate) async fn project(&self) {
        self.see_head().await;
        self.orders
            .fold(&self.behind(&self.orders.checkpoint()).await);
        self.reports
            .fold(&self.behind(&self.reports.checkpoint()).await);
    }

    /// Lets both views learn how far they are behind.
    pub(crate) async fn see_head(&self) {
        let head = self.log.head().await.expect("head");
        self.orders.see_head(&head);
        self.reports.see_head(&head);
    }

    pub(crate) fn trouble(&self, trouble: &str) {
        let progress = self.orders.store.progress();
        progress.send_modify(|progress| {
            progress.trouble = Some(trouble.to_owned());
            progress.look();
        });
    }

    /// Writes keys into the view of orders, as no projection does.
    pub(crate) fn plant(&self, keys: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) {
        let mut changes = Changes::default();
        for (key, value) in keys {
            changes.put(key, value);
        }
        self.orders.store.active().load(changes).expect("written");
    }

    /// Another log takes this one's place in what the projection says.
    pub(crate) fn replace_log(&self, identity: [u8; 16]) {
        let progress = self.orders.store.progress();
        progress.send_modify(|progress| progress.identity = identity);
    }

    async fn behind(&self, checkpoint: &Checkpoint) -> Vec<Record> {
        let head = self.log.head().await.expect("head");
        let mut records = Vec::new();
        for end in head.last.iter() {
            let from = checkpoint.positions().get(&end.partition).copied();
            for sequence in from.unwrap_or(0) + 1..=end.sequence {
                let at = Position::new(end.partition, sequence);
                let record = self.log.read_at(at).await.expect("read");
                records.push(record.expect("there"));
            }
        }
        records
    }

    pub(crate) fn pass(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    pub(crate) async fn records(&self, order_id: &str) -> Vec<Record> {
        let stream = StreamId::new(order_id).expect("valid");
        let read = self
            .log
            .read_stream(&stream, None, ALL, Consistency::Latest);
        read.await.expect("read").records
    }

    pub(crate) async fn commits(&self, order_id: &str) -> Vec<Commit> {
        let records = self.records(order_id).await;
        let decode = |record: &Record| commit::decode(&record.payload).expect("commit");
        records.iter().map(decode).collect()
    }

    /// The fold of an order's whole history; `None` when it has none.
    pub(crate) async fn folded(&self, order_id: &str) -> Option<Order> {
        let mut order = None;
        for commit in self.commits(order_id).await {
            commit::apply(&mut order, &commit);
        }
        order
    }

    /// Appends what no write side would.
    pub(crate) async fn append(&self, order_id: &str, payload: &[u8]) {
        let last = self.records(order_id).await.last().map(|r| r.position);
        let record = NewRecord {
            commit_id: CommitId([7; 16]),
            payload: Bytes::copy_from_slice(payload),
            label: String::new(),
        };
        let stream = StreamId::new(order_id).expect("valid");
        self.log
            .append(&stream, last, self.log.epoch(), record)
            .await
            .expect("stored");
    }
}

/// The API's view of a folded order, personal data left sealed.
pub(crate) fn shown(order_id: &str, order: &Order) -> v1::Order {
    api::order(&OrderId::new(order_id).expect("valid"), order)
}

pub(crate) fn time(micros: i64) -> prost_types::Timestamp {
    api::timestamp(Timestamp::from_micros(micros))
}

pub(crate) fn micros(time: Option<&prost_types::Timestamp>) -> Option<i64> {
    time.map(|time| time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000)
}

/// The reason of an error, as its one ErrorInfo gives it.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}

/// Asserts code and reason, and that RetryInfo is there exactly where it helps.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: Code,
    expected: &str,
) -> Status {
    let status = result.expect_err("it must be refused");
    let found = (status.code(), reason(&status));
    assert_eq!(found, (code, expected.to_owned()), "{status:?}");
    let retry = code == Code::Unavailable;
    assert_eq!(
        status.get_details_retry_info().is_some(),
        retry,
        "{status:?}"
    );
    status
}

/// Asserts that exactly these fields are named.
#[track_caller]
pub(crate) fn assert_fields(status: &Status, fields: &[&str]) {
    let details = status.get_details_bad_request().expect("BadRequest");
    let named = details.field_violations.iter().map(|v| v.field.as_str());
    assert_eq!(named.collect::<Vec<_>>(), fields, "{status:?}");
}
