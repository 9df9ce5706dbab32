//! What the reports count is what the orders say.

use std::collections::BTreeMap;
use std::sync::Arc;

use order::Order;
use order::value::{FulfillmentState, OrderState};
use projector::{Mode, Reports};
use proptest::prelude::*;
use read_model::counters::{self, Revenue, Sales, Stage};
use read_model::{Generation, fulfillment, keys, payment, state};

use crate::history::Writer;
use crate::node::{fold_all, folder, memory};

fn value(amount: order::value::Amount) -> i128 {
    amount.minor_units().into()
}

fn sum<const N: usize>(view: &Generation, prefix: u8) -> [i128; N] {
    let mut sums = [0; N];
    for entry in view.prefix(&[prefix]) {
        let (_, value) = entry.expect("read");
        for (sum, number) in sums.iter_mut().zip(counters::decode::<N>(&value)) {
            *sum += number;
        }
    }
    sums
}

fn revenue_of(orders: &[&Order]) -> Revenue {
    let mut expected = Revenue::default();
    for order in orders {
        let totals = order.totals();
        let placed = value(totals.placed_total);
        let returned: i128 = order
            .lines
            .iter()
            .map(|line| value(line.returned_value))
            .sum();
        let goods: i128 = order
            .lines
            .iter()
            .map(|line| value(line.cancelled_value))
            .sum();
        let shipping = order.placed.as_ref().filter(|_| order.shipping_cancelled);
        let cancelled = goods + shipping.map_or(0, |placed| value(placed.shipping_total));
        let units: i128 = order
            .lines
            .iter()
            .map(|line| i128::from(line.quantity.units()))
            .sum();
        let amounts = [
            1,
            units,
            placed,
            cancelled,
            returned,
            value(totals.captured),
            value(totals.refunded),
        ];
        for (sum, amount) in expected.iter_mut().zip(amounts) {
            *sum += amount;
        }
    }
    expected
}

fn funnel_of(orders: &[Order]) -> BTreeMap<u8, i128> {
    let mut expected = BTreeMap::new();
    for order in orders {
        let mut reached = |stage: Stage, is: bool| {
            if is {
                *expected.entry(stage as u8).or_default() += 1;
            }
        };
        reached(Stage::Created, true);
        reached(Stage::Placed, order.placed.is_some());
        reached(Stage::Shipped, !order.shipments.is_empty());
        reached(Stage::Cancelled, order.state == OrderState::Cancelled);
        reached(
            Stage::Delivered,
            order.fulfillment_state() == FulfillmentState::Delivered
                || order.lines.iter().any(|line| !line.delivered.is_zero()),
        );
        reached(
            Stage::Returned,
            order.lines.iter().any(|line| !line.returned.is_zero()),
        );
    }
    expected
}

fn funnel(view: &Generation) -> BTreeMap<u8, i128> {
    let mut found = BTreeMap::new();
    for entry in view.prefix(&[keys::FUNNEL]) {
        let (key, value) = entry.expect("read");
        let stage = *key.last().expect("stage");
        *found.entry(stage).or_default() += counters::decode::<1>(&value)[0];
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_counters_are_the_sums_over_all_orders(seed: u64) {
        let mut writer = Writer::new(seed);
        writer.wander(10, 350);
        let (_root, store) = memory();
        let mut folder = folder(&store, Arc::new([Box::new(Reports)]), Mode::Live);
        fold_all(&mut folder, &writer.records(1));
        folder.write().expect("written");
        let view = &**folder.generation();

        let orders: Vec<Order> =
            (0..10).filter_map(|n| writer.order(&format!("o{n}")).cloned()).collect();
        let placed: Vec<&Order> = orders.iter().filter(|order| order.placed.is_some()).collect();
        prop_assert_eq!(sum::<7>(view, keys::REVENUE), revenue_of(&placed));

        let lines = || placed.iter().flat_map(|order| &order.lines);
        let units: i128 = lines().map(|line| {
            i128::from(line.quantity.units())
                - i128::from(line.cancelled.units())
                - i128::from(line.returned.units())
        }).sum();
        let worth: i128 = lines().map(|line| {
            value(line.total) - value(line.cancelled_value) - value(line.returned_value)
        }).sum();
        let pairs: i128 = placed.iter().map(|order| {
            let skus: std::collections::BTreeSet<_> = order.lines.iter().map(|l| &l.sku).collect();
            i128::try_from(skus.len()).expect("small")
        }).sum();
        let sales: Sales = [units, worth, pairs];
        prop_assert_eq!(sum::<3>(view, keys::SKU), sales);

        let mut states: BTreeMap<[u8; 3], i128> = BTreeMap::new();
        for order in &orders {
            let key = [
                state(order.state),
                payment(order.payment_state()),
                fulfillment(order.fulfillment_state()),
            ];
            *states.entry(key).or_default() += 1;
        }
        let mut counted: BTreeMap<[u8; 3], i128> = BTreeMap::new();
        for entry in view.prefix(&[keys::STATE_COUNT]) {
            let (key, value) = entry.expect("read");
            let states: [u8; 3] = key[1..4].try_into().expect("states");
            *counted.entry(states).or_default() += counters::decode::<1>(&value)[0];
        }
        counted.retain(|_, count| *count != 0);
        prop_assert_eq!(counted, states);

        let mut found = funnel(view);
        let paid = found.remove(&(Stage::Paid as u8)).unwrap_or(0);
        prop_assert_eq!(found, funnel_of(&orders));
        let captured = placed.iter().filter(|order| !order.totals().captured.is_zero()).count();
        prop_assert!(paid <= i128::try_from(captured).expect("small"), "{paid} > {captured}");
    }
}
