//! A log that can misbehave, a key store that can be away, and requests to send.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use command::{CommandService, Config};
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{
    ALL, AppendError, Availability, Bookmark, Consistency, Epoch, EventStore, Head, KeyError,
    KeyState, KeyStore, LogDescription, NewRecord, Position, ReadError, Record, StreamId,
    StreamSlice, Tail,
};
use order::value::Timestamp;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tokio::sync::watch;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// What the log does to one append.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Stores it, and does not answer.
    StoreAndTimeOut,
    /// Does not store it, and does not answer.
    TimeOut,
    /// Says that the stream is elsewhere although it is not.
    FalseConflict,
    /// Stores it, and says that the stream is elsewhere.
    StoreAndConflict,
    NotStored,
    Unavailable,
    Full,
    TooLarge,
}

pub(crate) struct Log {
    inner: Mutex<Arc<dyn EventStore>>,
    /// Epochs of the logs that were there before.
    before: AtomicU64,
    /// Whether nothing tells that the log changed: the epoch stays what it was at first.
    pub(crate) silent: AtomicBool,
    faults: Mutex<VecDeque<Fault>>,
    pub(crate) appends: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    pub(crate) reads_fail: AtomicBool,
}

impl Log {
    fn inner(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.inner.lock().expect("no panic"))
    }

    pub(crate) fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().expect("no panic").extend(faults);
    }

    /// Replaces the log by an empty one.
    pub(crate) fn lose_everything(&self) {
        self.before.store(self.epoch().0, Ordering::SeqCst);
        *self.inner.lock().expect("no panic") = Arc::new(Memory::default());
    }

    async fn store(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        let before = self.before.load(Ordering::SeqCst);
        let epoch = if self.silent.load(Ordering::SeqCst) {
            self.inner().epoch()
        } else {
            Epoch(epoch.0.saturating_sub(before))
        };
        self.inner().append(stream, expected, epoch, record).await
    }

    pub(crate) async fn stream(&self, order_id: &str) -> Vec<Record> {
        let stream = StreamId::new(order_id).expect("valid");
        self.inner()
            .read_stream(&stream, None, ALL, Consistency::Latest)
            .await
            .expect("read")
            .records
    }

    pub(crate) async fn everything(&self) -> Vec<Record> {
        let head = self.inner().head().await.expect("head").last.sequence(0);
        let mut records = Vec::new();
        for sequence in 1..=head {
            let read = self.inner().read_at(Position::new(0, sequence)).await;
            records.push(read.expect("read").expect("there"));
        }
        records
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (
            self.appends.load(Ordering::SeqCst),
            self.reads.load(Ordering::SeqCst),
        )
    }
}

#[async_trait]
impl EventStore for Log {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Position>,
        epoch: Epoch,
        record: NewRecord,
    ) -> Result<Position, AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let cause = || "planted".to_owned();
        let fault = self.faults.lock().expect("no panic").pop_front();
        let Some(fault) = fault else {
            return self.store(stream, expected, epoch, record).await;
        };
        if matches!(fault, Fault::StoreAndTimeOut | Fault::StoreAndConflict) {
            self.store(stream, expected, epoch, record).await?;
        }
        Err(match fault {
            Fault::StoreAndTimeOut | Fault::TimeOut => AppendError::Unknown { cause: cause() },
            Fault::StoreAndConflict => AppendError::Conflict {
                actual: Some(Position::new(0, u64::MAX)),
            },
            Fault::FalseConflict => AppendError::Conflict { actual: expected },
            Fault::NotStored => AppendError::NotStored { cause: cause() },
            Fault::Unavailable => AppendError::Unavailable { cause: cause() },
            Fault::Full => AppendError::Full { cause: cause() },
            Fault::TooLarge => AppendError::TooLarge { size: 2, limit: 1 },
        })
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<Position>,
        limit: usize,
        consistency: Consistency,
    ) -> Result<StreamSlice, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.reads_fail.load(Ordering::SeqCst) {
            return Err(ReadError::Unavailable {
                cause: "planted".to_owned(),
            });
        }
        let read = self.inner();
        let read = read.read_stream(stream, after, limit, consistency).await;
        let before = self.before.load(Ordering::SeqCst);
        read.map(|slice| StreamSlice {
            epoch: if self.silent.load(Ordering::SeqCst) {
                Epoch(1)
            } else {
                Epoch(slice.epoch.0 + before)
            },
            ..slice
        })
    }

    async fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        self.inner().read_at(position).await
    }

    async fn tail(&self, after: Bookmark) -> Result<Tail, ReadError> {
        self.inner().tail(after).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.inner().head().await
    }

    fn epoch(&self) -> Epoch {
        if self.silent.load(Ordering::SeqCst) {
            return Epoch(1);
        }
        Epoch(self.inner().epoch().0 + self.before.load(Ordering::SeqCst))
    }

    fn describe(&self) -> Arc<LogDescription> {
        self.inner().describe()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.inner().availability()
    }
}

#[derive(Default)]
pub(crate) struct Keys {
    inner: MemoryKeys,
    pub(crate) away: AtomicBool,
    pub(crate) created: AtomicUsize,
    pub(crate) erased: AtomicUsize,
}

impl Keys {
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
        self.created.fetch_add(1, Ordering::SeqCst);
        self.inner.create(stream).await
    }

    async fn find(&self, stream: &StreamId) -> Result<KeyState, KeyError> {
        self.check()?;
        self.inner.find(stream).await
    }

    async fn erase(&self, stream: &StreamId) -> Result<(), KeyError> {
        self.check()?;
        self.erased.fetch_add(1, Ordering::SeqCst);
        self.inner.erase(stream).await
    }
}

/// One log, one key store, one clock; any number of nodes.
pub(crate) struct World {
    pub(crate) log: Arc<Log>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) node: CommandService,
}

impl World {
    /// Over a log in memory.
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(Memory::default()))
    }

    /// Over a log in memory that can be rolled back.
    pub(crate) fn with_memory() -> (Self, Arc<Memory>) {
        let memory = Arc::new(Memory::default());
        (Self::over(Arc::clone(&memory) as _), memory)
    }

    pub(crate) fn over(log: Arc<dyn EventStore>) -> Self {
        let log = Arc::new(Log {
            inner: Mutex::new(log),
            before: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            faults: Mutex::default(),
            appends: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            reads_fail: AtomicBool::new(false),
        });
        let keys = Arc::new(Keys::default());
        // 2026-01-01T00:00:00Z
        let clock = Arc::new(AtomicI64::new(1_767_225_600_000_000));
        let node = node(&log, &keys, &clock, Config::default());
        Self {
            log,
            keys,
            clock,
            node,
        }
    }

    /// Another node over the same stores, with an empty cache.
    pub(crate) fn another_node(&self) -> CommandService {
        self.node_with(Config::default())
    }

    pub(crate) fn node_with(&self, config: Config) -> CommandService {
        node(&self.log, &self.keys, &self.clock, config)
    }

    pub(crate) async fn create(&self, order_id: &str) -> v1::CreateOrderResponse {
        let request = Request::new(create(order_id, &format!("create-{order_id}")));
        self.node
            .create_order(request)
            .await
            .expect("created")
            .into_inner()
    }

    pub(crate) async fn place(&self, order_id: &str) -> v1::CreateOrderResponse {
        let mut request = create(order_id, &format!("create-{order_id}"));
        request.place = Some(v1::Placing::default());
        self.node
            .create_order(Request::new(request))
            .await
            .expect("placed")
            .into_inner()
    }

    pub(crate) async fn key(&self, order_id: &str) -> KeyState {
        let stream = StreamId::new(order_id).expect("valid");
        self.keys.inner.find(&stream).await.expect("found")
    }
}

fn node(
    log: &Arc<Log>,
    keys: &Arc<Keys>,
    clock: &Arc<AtomicI64>,
    config: Config,
) -> CommandService {
    let clock = Arc::clone(clock);
    let now = Arc::new(move || Timestamp::from_micros(clock.load(Ordering::SeqCst)));
    let log: Arc<dyn EventStore> = Arc::clone(log) as _;
    let keys: Arc<dyn KeyStore> = Arc::clone(keys) as _;
    CommandService::new(log, keys, now, config)
}

pub(crate) fn context(request_id: &str) -> Option<v1::CommandContext> {
    Some(v1::CommandContext {
        request_id: request_id.to_owned(),
        ..Default::default()
    })
}

pub(crate) fn gbp(minor_units: i64) -> Option<v1::Money> {
    Some(v1::Money {
        currency_code: "GBP".to_owned(),
        minor_units,
    })
}

pub(crate) fn line(sku: &str, quantity: i64, price: i64) -> v1::NewLine {
    v1::NewLine {
        sku: sku.to_owned(),
        title: "white mug".to_owned(),
        quantity,
        unit_price: gbp(price),
        tax_rate_ppm: 200_000,
        ..Default::default()
    }
}

pub(crate) fn create(order_id: &str, request_id: &str) -> v1::CreateOrderRequest {
    v1::CreateOrderRequest {
        context: context(request_id),
        order_id: order_id.to_owned(),
        currency_code: "GBP".to_owned(),
        payment_terms: v1::PaymentTerms::OnAccount.into(),
        lines: vec![line("A1", 2, 255), line("B2", 1, 1_000)],
        ..Default::default()
    }
}

pub(crate) fn annotate(order_id: &str, request_id: &str, tag: &str) -> v1::AnnotateOrderRequest {
    v1::AnnotateOrderRequest {
        order_id: order_id.to_owned(),
        context: context(request_id),
        add_tags: vec![tag.to_owned()],
        ..Default::default()
    }
}

pub(crate) fn hold(order_id: &str, request_id: &str) -> v1::HoldOrderRequest {
    v1::HoldOrderRequest {
        order_id: order_id.to_owned(),
        context: context(request_id),
        hold_reason: v1::HoldReason::Address.into(),
    }
}

/// The reason of an error, as its one ErrorInfo gives it.
#[track_caller]
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// Asserts code and reason, and that RetryInfo is there exactly where it helps.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: Code,
    expected: &str,
) -> Status {
    let status = result.expect_err("it must be refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (code, expected),
        "{status:?}"
    );
    let retry =
        matches!(code, Code::Unavailable | Code::ResourceExhausted) || expected == "CONTENTION";
    assert_eq!(
        status.get_details_retry_info().is_some(),
        retry,
        "{status:?}"
    );
    status
}
