//! Clients that each send one command after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use command::{CommandService, Config};
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use event_store::{ALL, Consistency, EventStore as _, StreamId};
use hdrhistogram::Histogram;
use order::value::Timestamp;
use proto::v1;
use proto::v1::order_command_service_client::OrderCommandServiceClient;
use proto::v1::order_command_service_server::OrderCommandService as _;
use proto::v1::order_query_service_client::OrderQueryServiceClient;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

/// Clients share connections as the calls of one process do.
const CLIENTS_PER_CONNECTION: usize = 8;
/// How long the views may take to fold one slice.
const PATIENCE: Duration = Duration::from_secs(120);

/// Numbers the orders of all loads.
static NUMBER: AtomicU64 = AtomicU64::new(0);

pub(crate) fn request() -> v1::CreateOrderRequest {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let line = |line: i64| v1::NewLine {
        sku: format!("2242{line}"),
        title: "SET OF 3 CAKE TINS PANTRY DESIGN".into(),
        quantity: line + 1,
        unit_price: Some(v1::Money {
            currency_code: "GBP".into(),
            minor_units: 495,
        }),
        tax_rate_ppm: 200_000,
        ..Default::default()
    };
    v1::CreateOrderRequest {
        context: Some(v1::CommandContext {
            request_id: format!("create-{number}"),
            ..Default::default()
        }),
        order_id: format!("order-{number}"),
        channel: "United Kingdom".into(),
        currency_code: "GBP".into(),
        payment_terms: v1::PaymentTerms::OnAccount.into(),
        customer: Some(v1::Customer {
            customer_id: format!("{}", number % 4_000),
            ..Default::default()
        }),
        lines: (0..5).map(line).collect(),
        place: Some(v1::Placing::default()),
        ..Default::default()
    }
}

/// How many bytes the service stores for one request.
pub(crate) async fn stored_bytes() -> usize {
    let log = Arc::new(Memory::default());
    let clock = Arc::new(|| Timestamp::from_micros(1_767_225_600_000_000));
    let keys = Arc::new(MemoryKeys::new());
    let service = CommandService::new(Arc::clone(&log) as _, keys, clock, Config::default());
    let request = request();
    let stream = StreamId::new(&request.order_id).expect("an order id");
    let created = service.create_order(Request::new(request)).await;
    created.expect("created");
    let records = log
        .read_stream(&stream, None, ALL, Consistency::Any)
        .await
        .expect("read");
    records
        .records
        .first()
        .map_or(0, |record| record.payload.len())
}

/// What the clients of one slice saw.
pub(crate) struct Slice {
    latencies: Histogram<u64>,
    elapsed: Duration,
}

impl Slice {
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn micros(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// A number of clients of one program.
pub(crate) struct Load {
    channels: Vec<Channel>,
    clients: usize,
    /// Of the newest order.
    last: Option<(String, String)>,
}

impl Load {
    pub(crate) async fn new(address: &str, clients: usize) -> Self {
        let endpoint = Endpoint::new(format!("http://{address}")).expect("an address");
        let mut channels = Vec::new();
        for _ in 0..clients.div_ceil(CLIENTS_PER_CONNECTION) {
            channels.push(endpoint.connect().await.expect("connected"));
        }
        Self {
            channels,
            clients,
            last: None,
        }
    }

    pub(crate) async fn run(&mut self, length: Duration) -> Slice {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for channel in self.channels.iter().cycle().take(self.clients) {
            running.spawn(client(channel.clone(), began + length));
        }
        let mut latencies = histogram();
        for (seen, last) in running.join_all().await {
            latencies.add(seen).expect("the same bounds");
            self.last = Some(last);
        }
        let elapsed = began.elapsed();
        Slice { latencies, elapsed }
    }

    /// Waits until the views hold the newest order, where there are views.
    pub(crate) async fn settle(&self) {
        let Some((order_id, consistency_token)) = self.last.clone() else {
            return;
        };
        let mut query = OrderQueryServiceClient::new(self.channels[0].clone());
        let asked = v1::GetOrderRequest {
            order_id,
            consistency_token,
            ..Default::default()
        };
        let began = Instant::now();
        loop {
            match query.get_order(asked.clone()).await {
                Ok(_) => return,
                Err(status) if status.code() == Code::Unimplemented => return, // role command
                Err(status) if status.code() == Code::Unavailable => {}
                Err(status) => panic!("{status}"),
            }
            assert!(began.elapsed() < PATIENCE, "the views never caught up");
        }
    }
}

async fn client(channel: Channel, end: Instant) -> (Histogram<u64>, (String, String)) {
    let mut commands = OrderCommandServiceClient::new(channel);
    let mut latencies = histogram();
    loop {
        let request = request();
        let order_id = request.order_id.clone();
        let began = Instant::now();
        let reply = commands.create_order(request).await.expect("created");
        let now = Instant::now();
        let nanos = (now - began).as_nanos();
        latencies.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        if now >= end {
            let receipt = reply.into_inner().receipt.unwrap_or_default();
            return (latencies, (order_id, receipt.consistency_token));
        }
    }
}

fn histogram() -> Histogram<u64> {
    // One microsecond to one minute, three digits.
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("bounds")
}
