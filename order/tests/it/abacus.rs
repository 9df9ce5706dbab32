//! The arithmetic of the domain once more, slowly: coins are counted out one by one.

use order::command::DiscountValue;
use order::event::Discount;
use order::value::LineId;

/// What is bought, as far as money is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Article {
    pub(crate) line_id: LineId,
    pub(crate) quantity: i128,
    pub(crate) price: i128,
    pub(crate) ppm: i128,
}

/// What it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) base: i128,
    pub(crate) discount: i128,
    pub(crate) tax: i128,
    pub(crate) total: i128,
}

/// The nearer of floor and ceiling; in the middle, the even one.
pub(crate) fn nearest(n: i128, d: i128) -> i128 {
    let floor = n / d;
    let below = n - floor * d;
    let above = (floor + 1) * d - n;
    match below.cmp(&above) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => floor + floor % 2,
        std::cmp::Ordering::Greater => floor + 1,
    }
}

/// `V(k)`: what the first `gone` of `quantity` units are worth.
pub(crate) fn worth(total: i128, quantity: i128, gone: i128) -> i128 {
    nearest(total * gone, quantity)
}

/// Deals `coins` out: everybody's whole share, then one coin at a time to whom most is owed.
pub(crate) fn deal(coins: i128, weights: &[i128]) -> Vec<i128> {
    let sum: i128 = weights.iter().sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut parts: Vec<i128> = weights.iter().map(|weight| coins * weight / sum).collect();
    while parts.iter().sum::<i128>() < coins {
        let owed = |index: usize| coins * weights[index] - parts[index] * sum;
        let mut next = 0;
        for index in 1..weights.len() {
            if owed(index) > owed(next) {
                next = index;
            }
        }
        parts[next] += 1;
    }
    parts
}

/// Every line's cost, and that of shipping.
pub(crate) fn price(
    articles: &[Article],
    discounts: &[Discount],
    shipping: Option<(i128, i128)>,
    taxed: bool,
) -> (Vec<Cost>, Cost) {
    let mut nets: Vec<i128> = articles.iter().map(|a| a.price * a.quantity).collect();
    for discount in discounts.iter().filter(|d| !d.line_ids.is_empty()) {
        let named = |article: &Article| discount.line_ids.contains(&article.line_id);
        let targets: Vec<usize> = (0..articles.len())
            .filter(|&index| named(&articles[index]))
            .collect();
        match discount.value {
            DiscountValue::Fixed(_) => take_off(discount.value, &targets, &mut nets),
            DiscountValue::Rate(_) => {
                for target in targets {
                    take_off(discount.value, &[target], &mut nets);
                }
            }
        }
    }
    let all: Vec<usize> = (0..articles.len()).collect();
    for discount in discounts.iter().filter(|d| d.line_ids.is_empty()) {
        take_off(discount.value, &all, &mut nets);
    }
    let lines = articles
        .iter()
        .zip(nets)
        .map(|(article, net)| cost(article.price * article.quantity, net, article.ppm, taxed))
        .collect();
    let shipping = shipping.map(|(price, ppm)| cost(price, price, ppm, taxed));
    (lines, shipping.unwrap_or_default())
}

fn take_off(value: DiscountValue, targets: &[usize], nets: &mut [i128]) {
    let weights: Vec<i128> = targets.iter().map(|&target| nets[target]).collect();
    let sum: i128 = weights.iter().sum();
    let coins = match value {
        DiscountValue::Fixed(fixed) => i128::from(fixed.minor_units()).min(sum),
        DiscountValue::Rate(rate) => nearest(sum * i128::from(rate.ppm()), 1_000_000),
    };
    for (&target, part) in targets.iter().zip(deal(coins, &weights)) {
        nets[target] -= part;
    }
}

fn cost(base: i128, net: i128, ppm: i128, taxed: bool) -> Cost {
    let tax = if taxed {
        nearest(net * ppm, 1_000_000 + ppm)
    } else {
        nearest(net * ppm, 1_000_000)
    };
    Cost {
        base,
        discount: base - net,
        tax,
        total: if taxed { net } else { net + tax },
    }
}
