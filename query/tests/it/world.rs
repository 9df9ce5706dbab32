//! One log, one key store, one clock, a write side, a read model that moves when told to.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use command::{CommandService, Config};
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{
    ALL, AppendError, Availability, Bookmark, CommitId, Consistency, Epoch, EventStore, Head,
    KeyError, KeyState, KeyStore, LogDescription, LogIdentity, NewRecord, Position, ReadError,
    Record, StreamId, StreamSlice, Tail,
};
use order::Order;
use order::value::{OrderId, Timestamp};
use projector::{Folder, Mode};
use proto::commit::{self, Commit};
use proto::{api, v1};
use query::QueryService;
use read_model::{Changes, Checkpoint, Old, Store, Task, Work};
use tokio::sync::watch;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::decoded::Decoded;

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

/// The read model, and what folds into it.
struct ReadModel {
    store: Store,
    folder: Mutex<Folder>,
    identity: [u8; 16],
    _root: tempfile::TempDir,
}

impl ReadModel {
    fn new(identity: [u8; 16]) -> Self {
        let root = tempfile::tempdir().expect("directory");
        let store = Store::new(root.path(), projector::FOLD, Arc::new(read_model::Memory));
        store.open().expect("opened");
        let folder = Mutex::new(folder(&store, identity));
        let read_model = Self {
            store,
            folder,
            identity,
            _root: root,
        };
        read_model.fold(&[]);
        read_model.serve();
        read_model
    }

    /// Folds records and says so.
    fn fold(&self, records: &[Record]) {
        let mut folder = self.folder.lock().expect("no panic");
        for record in records {
            assert!(folder.fold(record).expect("folded").is_done());
        }
        folder.write().expect("written");
        let (checkpoint, parked) = (folder.checkpoint().clone(), folder.parked());
        self.store.progress().send_modify(|progress| {
            progress.identity = checkpoint.identity;
            progress.positions = checkpoint.positions();
            progress.parked = parked;
            progress.record_time = checkpoint.record_time();
            progress.look();
        });
    }

    fn serve(&self) {
        let folder = self.folder.lock().expect("no panic");
        self.store.serve(folder.generation()).expect("served");
    }

    fn see_head(&self, head: &Head) {
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

/// Folds into a new generation.
fn folder(store: &Store, identity: [u8; 16]) -> Folder {
    let generation = store.create().expect("created");
    let folder = Folder::new(projector::all(), generation, identity, Mode::Live);
    folder.expect("folder")
}

/// The log as the read side sees it: counts the records that it reads of streams.
struct Counted {
    log: Arc<Memory>,
    records: Arc<AtomicUsize>,
}

#[async_trait]
impl EventStore for Counted {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        self.log.append(stream, expected, epoch, record).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        let read = self.log.read_stream(stream, after, limit, consistency);
        let slice = read.await?;
        self.records
            .fetch_add(slice.records.len(), Ordering::SeqCst);
        Ok(slice)
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        self.log.read_at(position).await
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        self.log.tail(after).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.log.head().await
    }

    fn epoch(&self) -> Epoch {
        self.log.epoch()
    }

    fn describe(&self) -> Arc<LogDescription> {
        self.log.describe()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.log.availability()
    }
}

pub(crate) struct World {
    /// Records that the read side has read of streams.
    pub(crate) records_read: Arc<AtomicUsize>,
    pub(crate) log: Arc<Memory>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) commands: CommandService,
    pub(crate) query: Decoded,
    read_model: ReadModel,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(Memory::new(PARTITIONS)).await
    }

    /// With a log of this identity.
    pub(crate) async fn with_identity(identity: [u8; 16]) -> Self {
        Self::over(Memory::with_identity(PARTITIONS, LogIdentity(identity))).await
    }

    async fn over(log: Memory) -> Self {
        let log = Arc::new(log);
        let identity = log.head().await.expect("head").identity.0;
        let keys = Arc::new(Keys::default());
        let clock = Arc::new(AtomicI64::new(START));
        let now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || Timestamp::from_micros(clock.load(Ordering::SeqCst)))
        };
        let read_model = ReadModel::new(identity);
        let store: Arc<dyn EventStore> = Arc::clone(&log) as _;
        let sealed: Arc<dyn KeyStore> = Arc::clone(&keys) as _;
        let commands = CommandService::new(
            Arc::clone(&store),
            Arc::clone(&sealed),
            now.clone(),
            Config::default(),
        );
        let records_read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::new(Counted {
            log: Arc::clone(&log),
            records: Arc::clone(&records_read),
        });
        let query = QueryService::new(read_model.store.reader(), counted, sealed);
        let world = Self {
            records_read,
            log,
            keys,
            clock,
            commands,
            query: Decoded(query),
            read_model,
        };
        world.project().await;
        world
    }

    /// The same log and the same read model, served by another process.
    pub(crate) fn restarted(self) -> Self {
        let log: Arc<dyn EventStore> = Arc::clone(&self.log) as _;
        let keys: Arc<dyn KeyStore> = Arc::clone(&self.keys) as _;
        let query = QueryService::new(self.read_model.store.reader(), log, keys);
        Self {
            query: Decoded(query),
            ..self
        }
    }

    /// Lets the read model fold all that the log holds.
    pub(crate) async fn project(&self) {
        self.see_head().await;
        let behind = self.behind(&self.read_model.checkpoint()).await;
        self.read_model.fold(&behind);
    }

    /// Builds the read model anew, and promotes it.
    pub(crate) async fn promote(&self) {
        let model = &self.read_model;
        *model.folder.lock().expect("no panic") = folder(&model.store, model.identity);
        self.project().await;
        model.serve();
    }

    /// Lets the read model learn how far it is behind.
    pub(crate) async fn see_head(&self) {
        let head = self.log.head().await.expect("head");
        self.read_model.see_head(&head);
    }

    /// Nothing serves any more.
    pub(crate) fn withdraw(&self) {
        let store = &self.read_model.store;
        store.withdraw(&store.active().expect("serving"));
    }

    /// Something is under way, and so far.
    pub(crate) fn work(&self, task: Task, done: u64, total: u64) {
        let work = Work {
            done,
            ..Work::new(task, total)
        };
        let progress = self.read_model.store.progress();
        progress.send_modify(|progress| progress.work = Some(work));
    }

    /// What readers found damaged.
    pub(crate) fn damage(&self) -> Option<String> {
        let damage = self.read_model.store.damage();
        damage.borrow().as_ref().map(|damage| damage.cause.clone())
    }

    pub(crate) fn trouble(&self, trouble: &str) {
        let progress = self.read_model.store.progress();
        progress.send_modify(|progress| {
            progress.trouble = Some(trouble.to_owned());
            progress.look();
        });
    }

    /// Writes keys into the read model, as no projection does.
    pub(crate) fn plant(&self, keys: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) {
        let mut changes = Changes::default();
        for (key, value) in keys {
            changes.set(key, Old::Unread, Some(value));
        }
        let generation = self.read_model.store.active().expect("serving");
        generation.load(changes).expect("written");
    }

    /// Another log takes this one's place in what the projection says.
    pub(crate) fn replace_log(&self, identity: [u8; 16]) {
        let progress = self.read_model.store.progress();
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
