//! Reports are what a recomputation over the folded events finds.

use std::collections::BTreeMap;

use order::event::LineValue;
use order::value::Sku;
use order::{Event, Order, evolve};
use proptest::prelude::*;
use proto::v1;
use proto::v1::order_report_service_server::OrderReportService as _;
use read_model::counters;
use read_model::keys::{self, Key};
use tonic::{Code, Request};

use crate::script::{CHANNELS, CURRENCIES, Do, Step, order_id, script};
use crate::world::{World, assert_refused, shown, time};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Currency, channel, hour to: orders, units, placed, cancelled, returned, captured, refunded.
type Revenue = BTreeMap<(String, String, i64), [i64; 7]>;
/// Currency, day, SKU to: units, revenue, orders.
type Sales = BTreeMap<(String, i64, String), [i64; 3]>;

#[derive(Default)]
struct Expected {
    revenue: Revenue,
    sales: Sales,
    /// Creation day to the stages ever reached.
    funnel: Vec<(i64, [bool; 7])>,
    states: BTreeMap<(String, [i32; 3]), i64>,
}

impl Expected {
    async fn of(world: &World) -> Self {
        let mut expected = Self::default();
        for id in (0..12).map(order_id) {
            let mut order = None;
            let mut reached = [false; 7];
            for commit in world.commits(&id).await {
                for event in &commit.events {
                    evolve(&mut order, event, commit.occur_time);
                    let order = order.as_ref().expect("begun");
                    expected.count(order, event, commit.occur_time.micros());
                }
                if let Some(order) = &order {
                    reach(&mut reached, &shown(&id, order));
                }
            }
            if let Some(order) = order {
                expected
                    .funnel
                    .push((order.create_time.micros() / DAY, reached));
                let shown = shown(&id, &order);
                let states = [shown.state, shown.payment_state, shown.fulfillment_state];
                *expected.states.entry((shown.channel, states)).or_default() += 1;
            }
        }
        expected
    }

    fn count(&mut self, order: &Order, event: &Event, time: i64) {
        let channel = order
            .channel
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let currency = order.currency.code().to_owned();
        let key = (currency, channel, time / HOUR);
        let mut add = |index: usize, amount: i64| {
            self.revenue.entry(key.clone()).or_default()[index] += amount;
        };
        let mut gone = Vec::new();
        match event {
            Event::OrderPlaced(placed) => {
                add(0, 1);
                add(
                    1,
                    order
                        .lines
                        .iter()
                        .map(|l| i64::from(l.quantity.units()))
                        .sum(),
                );
                add(2, placed.placed_total.minor_units());
            }
            Event::ItemsCancelled { items, .. } => {
                add(3, items.iter().map(|i| i.value.minor_units()).sum());
                gone.extend(items);
            }
            Event::OrderCancelled {
                items,
                shipping_value,
                ..
            } if order.place_time.is_some() => {
                let goods: i64 = items.iter().map(|i| i.value.minor_units()).sum();
                add(3, goods + shipping_value.minor_units());
                gone.extend(items);
            }
            Event::ReturnReceived { items, .. } => {
                add(4, items.iter().map(|i| i.value.minor_units()).sum());
                gone.extend(items);
            }
            Event::PaymentCaptured { amount, .. } => add(5, amount.minor_units()),
            Event::PaymentRefunded(refunded) => add(6, refunded.amount.minor_units()),
            _moves_no_money => {}
        }
        self.sell(order, event, &gone, time / DAY);
    }

    /// What was placed, less what is gone.
    fn sell(&mut self, order: &Order, event: &Event, gone: &[&LineValue], day: i64) {
        let currency = order.currency.code();
        let mut sell = |sku: &Sku, sold: [i64; 3]| {
            let key = (currency.to_owned(), day, sku.to_string());
            let sum = self.sales.entry(key).or_default();
            sum.iter_mut()
                .zip(sold)
                .for_each(|(sum, sold)| *sum += sold);
        };
        if let Event::OrderPlaced(placed) = event {
            let mut seen = Vec::new();
            for (line, frozen) in order.lines.iter().zip(&placed.lines) {
                let first = !seen.contains(&&line.sku);
                seen.push(&line.sku);
                let units = i64::from(line.quantity.units());
                sell(&line.sku, [units, frozen.total.minor_units(), first.into()]);
            }
        }
        for item in gone {
            let mut lines = order.lines.iter();
            let line = lines
                .find(|line| line.line_id == item.line_id)
                .expect("line");
            let units = i64::from(item.quantity.units());
            sell(&line.sku, [-units, -item.value.minor_units(), 0]);
        }
    }
}

fn reach(reached: &mut [bool; 7], order: &v1::Order) {
    let placed = order.place_time.is_some();
    let amount = |of: fn(&v1::Totals) -> &Option<v1::Money>| {
        let totals = order.totals.as_ref().expect("totals");
        of(totals).as_ref().map_or(0, |money| money.minor_units)
    };
    let captured = amount(|totals| &totals.captured);
    let covered = captured > 0 && captured >= amount(|totals| &totals.net_total);
    let any = |of: fn(&v1::Line) -> i64| order.lines.iter().any(|line| of(line) > 0);
    let now = [
        true,
        placed,
        placed && covered && order.state() != v1::OrderState::Cancelled,
        !order.shipments.is_empty(),
        any(|line| line.delivered_quantity),
        order.state() == v1::OrderState::Cancelled,
        any(|line| line.returned_quantity),
    ];
    reached.iter_mut().zip(now).for_each(|(was, is)| *was |= is);
}

fn start_of(hour: i64, bucket: v1::Bucket) -> i64 {
    match bucket {
        v1::Bucket::Day => hour / 24 * 24,
        // 2025-12-01 to 2026-02-01 is where the scripts play.
        v1::Bucket::Month => *[20_423, 20_454, 20_485, 20_513]
            .map(|day| day * 24)
            .iter()
            .rev()
            .find(|start| **start <= hour)
            .expect("a month"),
        _hour => hour,
    }
}

fn within(time: i64, range: [Option<i64>; 2]) -> bool {
    range[0].is_none_or(|start| start <= time) && range[1].is_none_or(|end| time < end)
}

fn range(range: [Option<i64>; 2], unit: i64) -> Option<v1::TimeRange> {
    let [start_time, end_time] = range.map(|bound| bound.map(|bound| time(bound * unit)));
    Some(v1::TimeRange {
        start_time,
        end_time,
    })
}

fn money(currency: &str, minor_units: i64) -> Option<v1::Money> {
    crate::fixture::money(currency, minor_units)
}

async fn check_revenue(world: &World, expected: &Expected, hours: [Option<i64>; 2]) {
    for bucket in [v1::Bucket::Hour, v1::Bucket::Day, v1::Bucket::Month] {
        for (channel, currency) in CHANNELS
            .into_iter()
            .flat_map(|c| ["", "EUR"].map(|e| (c, e)))
        {
            let mut sums: BTreeMap<(String, i64), [i64; 7]> = BTreeMap::new();
            for ((code, of, hour), amounts) in &expected.revenue {
                let wanted = (channel.is_empty() || channel == of)
                    && (currency.is_empty() || currency == code);
                if wanted && within(*hour, hours) {
                    let sum = sums
                        .entry((code.clone(), start_of(*hour, bucket)))
                        .or_default();
                    sum.iter_mut()
                        .zip(amounts)
                        .for_each(|(sum, amount)| *sum += amount);
                }
            }
            let point =
                |((code, start), a): ((String, i64), [i64; 7])| v1::query_revenue_response::Point {
                    start_time: Some(time(start * HOUR)),
                    orders: a[0],
                    units: a[1],
                    placed: money(&code, a[2]),
                    cancelled: money(&code, a[3]),
                    returned: money(&code, a[4]),
                    captured: money(&code, a[5]),
                    refunded: money(&code, a[6]),
                };
            let request = v1::QueryRevenueRequest {
                range: range(hours, HOUR),
                bucket: bucket.into(),
                currency_code: currency.to_owned(),
                channel: channel.to_owned(),
                ..v1::QueryRevenueRequest::default()
            };
            let reply = world.query.query_revenue(Request::new(request)).await;
            let points = reply.expect("reported").into_inner().points;
            let nonzero = |sums: &[i64; 7]| sums.iter().any(|sum| *sum != 0);
            let sums = sums.into_iter().filter(|(_, sums)| nonzero(sums));
            assert_eq!(points, sums.map(point).collect::<Vec<_>>());
        }
    }
}

async fn check_sales(world: &World, expected: &Expected, days: [Option<i64>; 2]) {
    for currency in CURRENCIES {
        let mut sums: BTreeMap<&str, [i64; 3]> = BTreeMap::new();
        for ((code, day, sku), sold) in &expected.sales {
            if code == currency && within(*day, days) {
                let sum = sums.entry(sku).or_default();
                sum.iter_mut()
                    .zip(sold)
                    .for_each(|(sum, sold)| *sum += sold);
            }
        }
        let mut ranked: Vec<_> = sums.into_iter().collect();
        ranked.sort_by_key(|(sku, [_, revenue, _])| (-revenue, *sku));
        let entry =
            |(sku, [units, revenue, orders]): (&str, [i64; 3])| v1::rank_skus_response::Entry {
                sku: sku.to_owned(),
                units,
                revenue: money(currency, revenue),
                orders,
            };
        let all: Vec<_> = ranked.into_iter().map(entry).collect();
        for limit in [0_usize, 2] {
            let request = v1::RankSkusRequest {
                range: range(days, DAY),
                currency_code: currency.to_owned(),
                limit: i32::try_from(limit).expect("small"),
                ..v1::RankSkusRequest::default()
            };
            let reply = world.query.rank_skus(Request::new(request)).await;
            let entries = reply.expect("ranked").into_inner().entries;
            let most = if limit == 0 { 10 } else { limit };
            assert_eq!(entries, all.iter().take(most).cloned().collect::<Vec<_>>());
        }
    }
}

async fn check_funnel(world: &World, expected: &Expected, days: [Option<i64>; 2]) {
    let mut sums = [0_i64; 7];
    for (day, reached) in &expected.funnel {
        if within(*day, days) {
            sums.iter_mut()
                .zip(reached)
                .for_each(|(sum, is)| *sum += i64::from(*is));
        }
    }
    let request = v1::QueryFunnelRequest {
        range: range(days, DAY),
        ..Default::default()
    };
    let reply = world.query.query_funnel(Request::new(request)).await;
    let f = reply.expect("reported").into_inner();
    let found = [
        f.created,
        f.placed,
        f.paid,
        f.shipped,
        f.delivered,
        f.cancelled,
        f.returned,
    ];
    assert_eq!(found, sums);
}

async fn check_states(world: &World, expected: &Expected) {
    for channel in CHANNELS {
        let mut sums: BTreeMap<[i32; 3], i64> = BTreeMap::new();
        for ((of, states), count) in &expected.states {
            if channel.is_empty() || channel == of {
                *sums.entry(*states).or_default() += count;
            }
        }
        let request = v1::SummarizeStatesRequest {
            channel: channel.to_owned(),
            ..Default::default()
        };
        let reply = world.query.summarize_states(Request::new(request)).await;
        let counts = reply.expect("reported").into_inner().counts;
        let found = counts
            .iter()
            .map(|c| ([c.state, c.payment_state, c.fulfillment_state], c.orders));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), sums);
    }
}

async fn check(script: Vec<Step>, bounds: Vec<[Option<i64>; 2]>) {
    let world = World::new().await;
    world.run(&script).await;
    world.project().await;
    let expected = Expected::of(&world).await;
    check_states(&world, &expected).await;
    let first = crate::world::START / HOUR;
    for bounds in bounds {
        let hours = bounds.map(|bound| bound.map(|bound| first + bound));
        check_revenue(&world, &expected, hours).await;
        let days = hours.map(|bound| bound.map(|hour| hour / 24));
        check_sales(&world, &expected, days).await;
        check_funnel(&world, &expected, days).await;
    }
}

/// Hours around the scripts' beginning; sometimes none.
fn bounds() -> impl Strategy<Value = [Option<i64>; 2]> {
    let bound = || prop::option::of(-48..240_i64);
    [bound(), bound()].prop_map(|[a, b]| match (a, b) {
        (Some(a), Some(b)) => [Some(a.min(b)), Some(a.max(b))],
        open => [open.0, open.1],
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn reports_are_recomputed_from_the_events(
        script in script(120),
        bounds in prop::collection::vec(bounds(), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(check(script, bounds));
    }
}

/// Paid, then owed a credit, then paid back: one order that was ever paid.
#[tokio::test]
async fn an_order_that_is_paid_twice_was_paid_once_in_the_funnel() {
    let world = World::new().await;
    world.place("m").await;
    let steps = [
        Do::Pay {
            part: false,
            capture: true,
        },
        Do::CancelItems,
        Do::Refund { amount: 0 },
    ];
    let script = steps.map(|step| (0, 1, step));
    assert_eq!(world.run(&script).await.len(), 3);
    world.project().await;
    let expected = Expected::of(&world).await;
    assert!(expected.funnel[0].1[2]);
    let request = Request::new(v1::QueryFunnelRequest::default());
    let reply = world.query.query_funnel(request).await;
    assert_eq!(reply.expect("reported").into_inner().paid, 1);
}

#[tokio::test]
async fn a_sum_that_does_not_fit_is_told_and_never_a_wrong_number() {
    let world = World::new().await;
    let hour = |hour: i64| {
        let key = Key::new(keys::REVENUE).time(hour).raw(b"GBP").text("");
        let mut counters = [0; 7];
        counters[2] = i128::from(i64::MAX);
        (key.into_bytes(), counters::encode(&counters))
    };
    world.plant([hour(490_000), hour(490_001)]);
    let ask = |bucket: v1::Bucket| {
        let request = v1::QueryRevenueRequest {
            bucket: bucket.into(),
            ..Default::default()
        };
        world.query.query_revenue(Request::new(request))
    };
    let points = ask(v1::Bucket::Hour)
        .await
        .expect("each fits")
        .into_inner()
        .points;
    let placed = points
        .iter()
        .map(|p| p.placed.as_ref().map_or(0, |m| m.minor_units));
    assert_eq!(placed.collect::<Vec<_>>(), [i64::MAX, i64::MAX]);
    let refused = ask(v1::Bucket::Day).await;
    let status = assert_refused(refused, Code::OutOfRange, "RESULT_TOO_LARGE");
    assert!(status.message().contains("placed in GBP"), "{status:?}");
}
