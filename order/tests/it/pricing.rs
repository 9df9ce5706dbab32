//! Money: sums are exact, shares are fair, parts add up.

use order::command::DiscountValue;
use order::event::Discount;
use order::pricing::{Item, allocate, partial_value, price};
use order::value::{Amount, DiscountId, LineId, Quantity, RatePpm, Text};
use proptest::prelude::*;

fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).expect("within bounds")
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
}
