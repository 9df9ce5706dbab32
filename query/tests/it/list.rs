//! Lists and counts are what a brute-force search over folded orders finds, in pages of any size.

use proptest::prelude::*;
use proto::v1;
use proto::v1::order_query_service_server::OrderQueryService as _;
use tonic::Request;

use crate::script::{CHANNELS, CURRENCIES, CUSTOMERS, SKUS, Step, TAGS, order_id, script};
use crate::world::{World, micros, shown, time};

const ORDERS: [&str; 9] = [
    "",
    "place_time asc",
    "place_time desc",
    "create_time",
    "create_time desc",
    "update_time",
    "update_time desc",
    "total asc",
    "total desc",
];

/// What is asked of one history.
#[derive(Clone, Debug)]
struct Asked {
    filter: v1::OrderFilter,
    /// References, as indexes of those that the orders have, or one that none has.
    references: Vec<usize>,
    /// Bounds of place and update time, as indexes of orders whose times they are, or one more.
    bounds: [Option<(usize, i64)>; 4],
    order_by: usize,
    sizes: Vec<i32>,
}

fn some<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = values.len().min(2);
    prop_oneof![3 => Just(Vec::new()), 1 => prop::sample::subsequence(values, 1..=most)]
}

fn texts(values: &[&str]) -> impl Strategy<Value = Vec<String>> + use<> {
    some(
        values
            .iter()
            .filter(|v| !v.is_empty())
            .map(|v| (*v).to_owned())
            .collect(),
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let states = (
        some((1..=4).collect()),
        some((1..=8).collect()),
        some((1..=5).collect()),
        some((1..=4).collect()),
    );
    let words = (
        texts(&CUSTOMERS),
        texts(&SKUS),
        texts(&TAGS),
        texts(&CHANNELS),
    );
    let money = (
        prop_oneof![2 => Just(""), 1 => prop::sample::select(CURRENCIES.to_vec())],
        prop::option::of(0..900_i64),
        prop::option::of(0..900_i64),
    );
    let bound = || prop::option::weighted(0.2, (0..12_usize, 0..2_i64));
    let rest = (
        prop::option::weighted(0.3, any::<bool>()),
        [bound(), bound(), bound(), bound()],
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0..40_usize, 1..3)],
        0..ORDERS.len(),
        prop::collection::vec(1..8_i32, 1..5),
    );
    (states, words, money, rest).prop_map(|(states, words, money, rest)| {
        let (customer_ids, skus, tags, channels) = words;
        let (currency, min, max) = money;
        let (on_hold, bounds, references, order_by, sizes) = rest;
        let filter = v1::OrderFilter {
            customer_ids,
            states: states.0,
            payment_states: states.1,
            fulfillment_states: states.2,
            return_states: states.3,
            skus,
            currency_code: currency.to_owned(),
            min_total_minor_units: min.filter(|_| !currency.is_empty()),
            max_total_minor_units: max.filter(|_| !currency.is_empty()),
            tags,
            channels,
            on_hold,
            ..v1::OrderFilter::default()
        };
        Asked {
            filter,
            references,
            bounds,
            order_by,
            sizes,
        }
    })
}

fn range(mut a: Option<i64>, mut b: Option<i64>) -> Option<v1::TimeRange> {
    if let (Some(start), Some(end)) = (a, b)
        && start > end
    {
        (a, b) = (b, a);
    }
    (a.is_some() || b.is_some()).then(|| v1::TimeRange {
        start_time: a.map(time),
        end_time: b.map(time),
    })
}

fn resolve(asked: &Asked, all: &[v1::Order]) -> v1::OrderFilter {
    let at = |bound: Option<(usize, i64)>, of: fn(&v1::Order) -> Option<i64>| {
        let (index, more) = bound?;
        of(all.get(index % all.len())?).map(|time| time + more)
    };
    let [a, b, c, d] = asked.bounds;
    let place = |o: &v1::Order| micros(o.place_time.as_ref().or(o.create_time.as_ref()));
    let update = |o: &v1::Order| micros(o.update_time.as_ref());
    v1::OrderFilter {
        place_time: range(at(a, place), at(b, place)),
        update_time: range(at(c, update), at(d, update)),
        references: named(&asked.references, all),
        ..asked.filter.clone()
    }
}

fn references(order: &v1::Order) -> impl Iterator<Item = &String> {
    let payments = order.payments.iter().map(|payment| &payment.psp_reference);
    let parcels = order.shipments.iter().map(|parcel| &parcel.tracking_number);
    payments
        .chain(parcels)
        .filter(|reference| !reference.is_empty())
}

fn named(wanted: &[usize], all: &[v1::Order]) -> Vec<String> {
    let known: Vec<_> = all.iter().flat_map(references).collect();
    let name = |index: &usize| match known.get(index % (known.len() + 1)) {
        Some(reference) => (*reference).clone(),
        None => "of-nobody".to_owned(),
    };
    wanted.iter().map(name).collect()
}

fn total(order: &v1::Order) -> i64 {
    let total = order
        .totals
        .as_ref()
        .and_then(|totals| totals.placed_total.as_ref());
    total.map_or(0, |total| total.minor_units)
}

fn is_in(time: Option<&prost_types::Timestamp>, range: Option<&v1::TimeRange>) -> bool {
    let Some(range) = range else { return true };
    micros(time).is_some_and(|time| {
        micros(range.start_time.as_ref()).is_none_or(|start| start <= time)
            && micros(range.end_time.as_ref()).is_none_or(|end| time < end)
    })
}

/// The filter as its documentation says it, straight from the order as callers see it.
pub(crate) fn matches(filter: &v1::OrderFilter, order: &v1::Order) -> bool {
    fn one_of<T: PartialEq>(wanted: &[T], is: &T) -> bool {
        wanted.is_empty() || wanted.contains(is)
    }
    let customer = order
        .customer
        .as_ref()
        .map_or("", |c| c.customer_id.as_str())
        .to_owned();
    let mut lines = order.lines.iter();
    let mut tags = order.tags.iter();
    one_of(&filter.customer_ids, &customer)
        && one_of(&filter.states, &order.state)
        && one_of(&filter.payment_states, &order.payment_state)
        && one_of(&filter.fulfillment_states, &order.fulfillment_state)
        && one_of(&filter.return_states, &order.return_state)
        && is_in(order.place_time.as_ref(), filter.place_time.as_ref())
        && is_in(order.update_time.as_ref(), filter.update_time.as_ref())
        && (filter.skus.is_empty() || lines.any(|line| filter.skus.contains(&line.sku)))
        && (filter.currency_code.is_empty() || filter.currency_code == order.currency_code)
        && filter
            .min_total_minor_units
            .is_none_or(|min| min <= total(order))
        && filter
            .max_total_minor_units
            .is_none_or(|max| total(order) <= max)
        && (filter.tags.is_empty() || tags.any(|tag| filter.tags.contains(tag)))
        && (filter.references.is_empty()
            || references(order).any(|reference| filter.references.contains(reference)))
        && one_of(&filter.channels, &order.channel)
        && filter
            .on_hold
            .is_none_or(|held| held != order.holds.is_empty())
}

fn sorted(mut orders: Vec<v1::Order>, order_by: &str) -> Vec<v1::Order> {
    let key = |o: &v1::Order| match order_by.split(' ').next() {
        Some("total") => Some(total(o)),
        Some("create_time") => micros(o.create_time.as_ref()),
        Some("update_time") => micros(o.update_time.as_ref()),
        _place => micros(o.place_time.as_ref().or(o.create_time.as_ref())),
    };
    orders.sort_by(|a, b| (key(a), &a.order_id).cmp(&(key(b), &b.order_id)));
    if order_by.is_empty() || order_by.ends_with("desc") {
        orders.reverse();
    }
    orders
}

/// All pages joined; the sizes take turns.
async fn pages(
    world: &World,
    filter: &v1::OrderFilter,
    order_by: &str,
    sizes: &[i32],
) -> Vec<v1::Order> {
    let mut joined = Vec::new();
    let mut page_token = String::new();
    for turn in 0.. {
        let page_size = sizes[turn % sizes.len()];
        let request = v1::ListOrdersRequest {
            page_size,
            page_token,
            filter: Some(filter.clone()),
            order_by: order_by.to_owned(),
            ..v1::ListOrdersRequest::default()
        };
        let reply = world.query.list_orders(Request::new(request)).await;
        let reply = reply.expect("listed").into_inner();
        assert!(reply.orders.len() <= usize::try_from(page_size).expect("positive"));
        let last = reply.next_page_token.is_empty();
        assert!(
            last || !reply.orders.is_empty(),
            "an empty page of a small list"
        );
        joined.extend(reply.orders);
        page_token = reply.next_page_token;
        if last {
            break;
        }
    }
    joined
}

async fn check(script: Vec<Step>, questions: Vec<Asked>) {
    let world = World::new().await;
    world.run(&script).await;
    world.project().await;
    let mut all = Vec::new();
    for index in 0..12 {
        let id = order_id(index);
        all.extend(world.folded(&id).await.map(|order| shown(&id, &order)));
    }
    assert!(!all.is_empty());
    for asked in questions {
        let filter = resolve(&asked, &all);
        let order_by = ORDERS[asked.order_by];
        let expected = all
            .iter()
            .filter(|o| matches(&filter, o))
            .cloned()
            .collect();
        let expected = sorted(expected, order_by);
        let unpaged = pages(&world, &filter, order_by, &[1_000_000]).await;
        assert_eq!(unpaged, expected, "{filter:?} by {order_by:?}");
        let joined = pages(&world, &filter, order_by, &asked.sizes).await;
        assert_eq!(
            joined, expected,
            "{filter:?} by {order_by:?} in pages of {:?}",
            asked.sizes
        );
        let count = v1::CountOrdersRequest {
            filter: Some(filter),
            ..Default::default()
        };
        let count = world.query.count_orders(Request::new(count)).await;
        let count = count.expect("counted").into_inner();
        let matching = i64::try_from(expected.len()).expect("few");
        assert_eq!((count.count, count.limited), (matching, false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_a_search_over_folded_orders_in_pages_of_any_size(
        script in script(60),
        questions in prop::collection::vec(asked(), 24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(check(script, questions));
    }
}

#[tokio::test]
async fn a_count_stops_at_its_limit() {
    let world = World::new().await;
    for index in 0..5 {
        world.place(&format!("o{index}")).await;
    }
    world.project().await;
    for (limit, expected) in [(4, (4, true)), (5, (5, false)), (0, (5, false))] {
        let request = v1::CountOrdersRequest {
            limit,
            ..Default::default()
        };
        let reply = world.query.count_orders(Request::new(request)).await;
        let reply = reply.expect("counted").into_inner();
        assert_eq!((reply.count, reply.limited), expected);
    }
}

#[tokio::test]
async fn a_page_ends_before_it_outgrows_a_reply() {
    let world = World::new().await;
    // About 150 KB each.
    for index in 0..30 {
        world.place_large(&format!("o{index:02}")).await;
    }
    world.project().await;
    let all = (0..30)
        .rev()
        .map(|index| format!("o{index:02}"))
        .collect::<Vec<_>>();
    let mut joined = Vec::new();
    let mut page_token = String::new();
    let mut pages = 0;
    loop {
        let request = v1::ListOrdersRequest {
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let reply = world.query.list_orders(Request::new(request)).await;
        let reply = reply.expect("listed").into_inner();
        assert!(prost::Message::encoded_len(&reply) < 4 << 20);
        joined.extend(reply.orders.into_iter().map(|order| order.order_id));
        pages += 1;
        page_token = reply.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(joined, all);
    assert!(pages > 1);
    let request = v1::BatchGetOrdersRequest {
        order_ids: all.clone(),
        ..Default::default()
    };
    let reply = world.query.batch_get_orders(Request::new(request)).await;
    let reply = reply.expect("got").into_inner();
    let served: Vec<_> = reply
        .orders
        .into_iter()
        .map(|order| order.order_id)
        .collect();
    assert!(!reply.unserved_ids.is_empty());
    assert_eq!([served, reply.unserved_ids].concat(), all);
}

#[tokio::test]
async fn a_mask_keeps_large_orders_on_one_page() {
    let world = World::new().await;
    for index in 0..30 {
        world.place_large(&format!("o{index:02}")).await;
    }
    world.project().await;
    let request = v1::ListOrdersRequest {
        page_size: 30,
        read_mask: Some(prost_types::FieldMask {
            paths: vec!["version".to_owned()],
        }),
        ..Default::default()
    };
    let reply = world.query.list_orders(Request::new(request)).await;
    let reply = reply.expect("listed").into_inner();
    assert_eq!(
        (reply.orders.len(), reply.next_page_token.as_str()),
        (30, "")
    );
    let only_version = v1::Order {
        version: reply.orders[0].version,
        ..Default::default()
    };
    assert_eq!(reply.orders[0], only_version);
}
