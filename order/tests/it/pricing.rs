//! Money: sums are exact, shares are fair, parts add up.

use order::command::DiscountValue;
use order::event::Discount;
use order::pricing::{Item, LinePrice, Pricing, allocate, partial_value, price};
use order::value::{Amount, DiscountId, LineId, Quantity, RatePpm, Text};
use proptest::prelude::*;

use crate::abacus::{self, Article, Cost};
use crate::sequence::plan::{Basket, Rebate, basket};
use crate::word::{amount, discount_id, line_id, rate, units};

fn line_ids(basket: &Basket) -> Vec<LineId> {
    let numbers = 1..=basket.lines.len();
    numbers.map(|n| line_id(&format!("L{n}"))).collect()
}

/// The basket's rebates in the order in which they apply: those on lines come first.
fn discounts(basket: &Basket) -> Vec<Discount> {
    let line_ids = line_ids(basket);
    let discount = |(index, rebate): (usize, &Rebate)| {
        let bits = line_ids.iter().enumerate();
        let named = bits.filter(|(bit, _)| rebate.lines >> bit & 1 == 1);
        Discount {
            discount_id: discount_id(&format!("D{index}")),
            label: Text::default(),
            line_ids: named.map(|(_, id)| id.clone()).collect(),
            value: match rebate.fixed {
                Some(fixed) => DiscountValue::Fixed(amount(fixed)),
                None => DiscountValue::Rate(rate(rebate.ppm)),
            },
        }
    };
    let rebates = basket.discounts.iter().enumerate();
    let mut discounts: Vec<Discount> = rebates.map(discount).collect();
    discounts.sort_by_key(|discount| discount.line_ids.is_empty());
    discounts
}

fn priced(basket: &Basket, discounts: &[Discount]) -> Pricing {
    let line_ids = line_ids(basket);
    let lines = basket.lines.iter().zip(&line_ids);
    let items = lines.map(|((quantity, unit_price, ppm), line_id)| Item {
        line_id,
        quantity: units(*quantity),
        unit_price: amount(*unit_price),
        tax_rate: rate(*ppm),
    });
    let shipping = basket
        .shipping
        .map(|(price, ppm)| (amount(price), rate(ppm)));
    let items: Vec<Item<'_>> = items.collect();
    price(&items, discounts, shipping, basket.prices_include_tax).expect("small")
}

/// The same, counted out by hand.
fn counted(basket: &Basket, discounts: &[Discount]) -> (Vec<Cost>, Cost) {
    let lines = basket.lines.iter().zip(line_ids(basket));
    let article = |(line, line_id): (&(u32, i64, u32), LineId)| Article {
        line_id,
        quantity: line.0.into(),
        price: line.1.into(),
        ppm: line.2.into(),
    };
    let articles: Vec<Article> = lines.map(article).collect();
    let shipping = basket
        .shipping
        .map(|(price, ppm)| (price.into(), ppm.into()));
    abacus::price(&articles, discounts, shipping, basket.prices_include_tax)
}

fn cost(price: &LinePrice) -> Cost {
    let LinePrice {
        base,
        discount,
        tax,
        total,
    } = *price;
    let coins = |amount: Amount| i128::from(amount.minor_units());
    Cost {
        base: coins(base),
        discount: coins(discount),
        tax: coins(tax),
        total: coins(total),
    }
}

/// What a discount may take off lines of these nets altogether.
fn worth(discount: &Discount, nets: &[i64]) -> i64 {
    let sum: i64 = nets.iter().sum();
    let share = |net: i64, ppm: u32| abacus::nearest(i128::from(net) * i128::from(ppm), 1_000_000);
    let off = match discount.value {
        DiscountValue::Fixed(fixed) => i128::from(fixed.minor_units().min(sum)),
        DiscountValue::Rate(rate) if discount.line_ids.is_empty() => share(sum, rate.ppm()),
        DiscountValue::Rate(rate) => nets.iter().map(|net| share(*net, rate.ppm())).sum(),
    };
    i64::try_from(off).expect("small")
}

#[test]
fn parts_of_a_line_add_up_and_never_fall() {
    for total in 0..60 {
        for quantity in 1..60 {
            let quantity = Quantity::new(quantity).expect("small");
            let mut sum = 0;
            for gone in 0..quantity.units() {
                let gone = Quantity::new(gone).expect("small");
                let one = Quantity::new(1).expect("small");
                let part = partial_value(amount(total), quantity, gone, one).minor_units();
                let fair = total / i64::from(quantity.units());
                assert!(
                    (fair..=fair + 1).contains(&part),
                    "{total}/{quantity}: {part}"
                );
                sum += part;
            }
            assert_eq!(sum, total);
        }
    }
}

proptest! {
    #[test]
    fn an_allocation_is_exact_and_fair(
        weights in prop::collection::vec(0_i128..1_000, 1..12),
        share in 0_u32..=1_000_000,
    ) {
        let sum: i128 = weights.iter().sum();
        let total = sum * i128::from(share) / 1_000_000;
        let parts = allocate(total, &weights);
        prop_assert_eq!(parts.iter().sum::<i128>(), total);
        for (part, weight) in parts.iter().zip(&weights) {
            let floor = if sum == 0 { 0 } else { total * weight / sum };
            prop_assert!((floor..=floor + 1).contains(part));
            prop_assert!(*weight != 0 || *part == 0);
        }
    }

    #[test]
    fn lines_and_shipping_are_the_total(
        lines in prop::collection::vec((1_u32..200, 0_i64..100_000, 0_u32..=1_000_000), 1..12),
        fixed in 0_i64..1_000_000,
        rate in 0_u32..=1_000_000,
        shipping in 0_i64..10_000,
        included: bool,
    ) {
        let ids: Vec<LineId> = (0..lines.len())
            .map(|n| LineId::new(&format!("L{n}")).expect("valid"))
            .collect();
        let items: Vec<Item<'_>> = lines.iter().zip(&ids).map(|((quantity, price, ppm), line_id)| Item {
            line_id,
            quantity: Quantity::new(*quantity).expect("small"),
            unit_price: amount(*price),
            tax_rate: RatePpm::new(*ppm).expect("small"),
        }).collect();
        let discount = |name: &str, line_ids: Vec<LineId>, value| Discount {
            discount_id: DiscountId::new(name).expect("valid"),
            label: Text::default(),
            line_ids,
            value,
        };
        let discounts = [
            discount("D1", vec![ids[0].clone()], DiscountValue::Rate(RatePpm::new(rate).expect("small"))),
            discount("D2", Vec::new(), DiscountValue::Fixed(amount(fixed))),
        ];
        let tax = RatePpm::new(200_000).expect("small");
        let pricing = price(&items, &discounts, Some((amount(shipping), tax)), included).expect("small");
        let lines = pricing.lines.iter().map(|line| line.total.minor_units()).sum::<i64>();
        prop_assert_eq!(lines + pricing.shipping.total.minor_units(), pricing.total.minor_units());
        for line in &pricing.lines {
            let net = line.base.minor_units() - line.discount.minor_units();
            prop_assert!(net >= 0 && line.discount.minor_units() >= 0);
            let expected = if included { net } else { net + line.tax.minor_units() };
            prop_assert_eq!(line.total.minor_units(), expected);
        }
        prop_assert!(price(&items, &discounts, None, included).is_ok());
    }

    #[test]
    fn no_price_overflows(quantity in 1_u32..=1_000_000, unit in 0_i64..=Amount::LIMIT) {
        let line_id = LineId::new("L1").expect("valid");
        let item = Item {
            line_id: &line_id,
            quantity: Quantity::new(quantity).expect("bounded"),
            unit_price: amount(unit),
            tax_rate: RatePpm::new(1_000_000).expect("bounded"),
        };
        let priced = price(&[item], &[], None, false);
        let fits = i128::from(unit) * i128::from(quantity) * 2 <= i128::from(Amount::LIMIT);
        prop_assert_eq!(priced.is_ok(), fits);
    }

    #[test]
    fn a_price_is_what_counting_it_out_gives(basket in basket()) {
        let discounts = discounts(&basket);
        let pricing = priced(&basket, &discounts);
        let (lines, shipping) = counted(&basket, &discounts);
        prop_assert_eq!(pricing.lines.iter().map(cost).collect::<Vec<_>>(), lines);
        prop_assert_eq!(cost(&pricing.shipping), shipping);
    }

    #[test]
    fn a_discount_takes_its_amount_off_the_lines_it_names(basket in basket()) {
        let discounts = discounts(&basket);
        let line_ids = line_ids(&basket);
        let nets = |count: usize| -> Vec<i64> {
            let pricing = priced(&basket, &discounts[..count]);
            let net = |line: &LinePrice| line.base.minor_units() - line.discount.minor_units();
            pricing.lines.iter().map(net).collect()
        };
        for (count, discount) in discounts.iter().enumerate() {
            let (before, after) = (nets(count), nets(count + 1));
            let named = |index: usize| {
                discount.line_ids.is_empty() || discount.line_ids.contains(&line_ids[index])
            };
            let (mut targets, mut off) = (Vec::new(), 0);
            for index in 0..before.len() {
                let share = before[index] - after[index];
                prop_assert!((0..=before[index]).contains(&share), "{share} of {}", before[index]);
                prop_assert!(named(index) || share == 0, "{share} of a line that is not named");
                off += share;
                if named(index) {
                    targets.push(before[index]);
                }
            }
            prop_assert_eq!(off, worth(discount, &targets));
        }
    }

    #[test]
    fn the_tax_in_a_price_comes_out_and_goes_back_in(basket in basket()) {
        let taxed = Basket { prices_include_tax: true, ..basket };
        let pricing = priced(&taxed, &discounts(&taxed));
        for (line, (_, _, ppm)) in pricing.lines.iter().zip(&taxed.lines) {
            let Cost { base, discount, tax, total } = cost(line);
            prop_assert_eq!(base - discount, total, "the tax is in the price");
            let again = abacus::nearest((total - tax) * i128::from(*ppm), 1_000_000);
            prop_assert!((tax - 1..=tax + 1).contains(&again), "{tax} taken out, {again} put in");
        }
    }
}
