//! How many commands a second does the write side alone execute, without network and disk?
//!
//! `cargo bench -p command`. Each row: tasks in parallel, commands a second, microseconds of wall
//! clock per command. Then: what does a command on a long order cost beside one on a short order,
//! once both are cached? Each row: the two, and their ratio.

#![allow(clippy::print_stdout, reason = "a benchmark talks on stdout")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::sync::Arc;
use std::time::Instant;

use command::{CommandService, Config};
use event_store::keys::MemoryKeys;
use event_store::memory::Memory;
use order::value::Timestamp;
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService as _;
use tonic::Request;

const ORDERS: usize = 20_000;

fn service() -> CommandService {
    let clock = Arc::new(|| Timestamp::from_micros(1_767_225_600_000_000));
    let log = Arc::new(Memory::default());
    CommandService::new(log, Arc::new(MemoryKeys::new()), clock, Config::default())
}

fn context(request_id: String) -> Option<v1::CommandContext> {
    Some(v1::CommandContext {
        request_id,
        ..Default::default()
    })
}

fn create(number: usize, personal: bool) -> v1::CreateOrderRequest {
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
        context: context(format!("create-{number}")),
        order_id: format!("o{number}"),
        channel: "United Kingdom".into(),
        currency_code: "GBP".into(),
        payment_terms: v1::PaymentTerms::OnAccount.into(),
        customer: Some(v1::Customer {
            customer_id: "17850".into(),
            name: if personal {
                "Ada Lovelace".into()
            } else {
                String::new()
            },
            email: if personal {
                "ada@example.org".into()
            } else {
                String::new()
            },
        }),
        lines: (0..5).map(line).collect(),
        place: Some(v1::Placing::default()),
        ..Default::default()
    }
}

fn annotate(number: usize, round: usize) -> v1::AnnotateOrderRequest {
    v1::AnnotateOrderRequest {
        order_id: format!("o{number}"),
        context: context(format!("annotate-{number}-{round}")),
        add_tags: vec![format!("tag-{round}")],
        ..Default::default()
    }
}

/// Runs `one` for every order, spread over `tasks`.
async fn measure<F, T>(what: &str, tasks: usize, one: F)
where
    F: Fn(usize) -> T + Clone + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let began = Instant::now();
    let running = (0..tasks).map(|task| {
        let one = one.clone();
        tokio::spawn(async move {
            for number in (task..ORDERS).step_by(tasks) {
                one(number).await;
            }
        })
    });
    for task in futures::future::join_all(running).await {
        task.expect("no panic");
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = ORDERS as f64 / seconds;
    println!(
        "{what:<34} {tasks:>3} tasks  {rate:>9.0}/s  {:>6.1} us",
        1e6 * seconds / ORDERS as f64
    );
}

async fn round(tasks: usize) {
    for (name, personal) in [
        ("create+place, 5 lines", false),
        ("the same with a name", true),
    ] {
        let node = service();
        let creating = node.clone();
        measure(name, tasks, move |number| {
            let node = creating.clone();
            async move {
                let request = Request::new(create(number, personal));
                node.create_order(request).await.expect("created");
            }
        })
        .await;
        if personal {
            continue;
        }
        let annotating = node.clone();
        measure("annotate, order in the cache", tasks, move |number| {
            let node = annotating.clone();
            async move {
                let request = Request::new(annotate(number, 0));
                node.annotate_order(request).await.expect("annotated");
            }
        })
        .await;
        measure("replay of the create", tasks, move |number| {
            let node = node.clone();
            async move {
                let request = Request::new(create(number, personal));
                node.create_order(request).await.expect("replayed");
            }
        })
        .await;
    }
}

/// Commands of one order whose time is taken together.
const TURN: usize = 200;

/// Holds and releases the order, so that its state stays what it is; answers the microseconds of
/// one command.
async fn turn(node: &CommandService, number: usize, turn: usize) -> f64 {
    let began = Instant::now();
    for n in 0..TURN {
        let request_id = format!("t-{turn}-{n}");
        let hold_reason = v1::HoldReason::Address.into();
        let order_id = format!("o{number}");
        if n % 2 == 0 {
            let request = v1::HoldOrderRequest {
                order_id,
                context: context(request_id),
                hold_reason,
            };
            node.hold_order(Request::new(request)).await.expect("held");
        } else {
            let request = v1::ReleaseOrderRequest {
                order_id,
                context: context(request_id),
                hold_reason,
            };
            let released = node.release_order(Request::new(request)).await;
            released.expect("released");
        }
    }
    1e6 * began.elapsed().as_secs_f64() / TURN as f64
}

/// A short order and a long one take turns; the median of each counts.
async fn long_beside_short(what: &str, lines: usize, turns_before: usize) {
    let node = service();
    let mut long = create(1, false);
    long.lines = long.lines.into_iter().cycle().take(lines).collect();
    let mut short = create(0, false);
    short.lines.truncate(1);
    for request in [short, long] {
        let created = node.create_order(Request::new(request)).await;
        created.expect("created");
    }
    for before in 0..turns_before {
        turn(&node, 1, before).await;
    }
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..11 {
        for (number, times) in times.iter_mut().enumerate() {
            times.push(turn(&node, number, turns_before + round).await);
        }
    }
    let [short, long] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    println!(
        "{what:<34} short {short:>6.1} us  long {long:>6.1} us  ratio {:.2}",
        long / short
    );
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for _ in 0..2 {
        for tasks in [1, 16] {
            runtime.block_on(round(tasks));
        }
    }
    for _ in 0..2 {
        runtime.block_on(long_beside_short("an order with 200 commits", 1, 1));
        runtime.block_on(long_beside_short("an order with 6,000 commits", 1, 30));
        runtime.block_on(long_beside_short("an order with 1,000 lines", 1_000, 0));
    }
}
