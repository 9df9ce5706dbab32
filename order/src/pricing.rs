//! What a draft costs: one pure function over integers.
//!
//! Rounding happens in exactly three places, always half to even: percent discounts, tax, and the
//! value of some of a line's units. Every intermediate product fits `i128` because amounts stay
//! within ±10^15, quantities within 10^6 and rates within 10^6.

use std::collections::HashMap;

use crate::command::DiscountValue;
use crate::event::Discount;
use crate::value::{Amount, LineId, Quantity, RatePpm};

/// What pricing looks at, of one line.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The line.
    pub line_id: &'a LineId,
    /// How many.
    pub quantity: Quantity,
    /// Price of one.
    pub unit_price: Amount,
    /// Tax rate of the line.
    pub tax_rate: RatePpm,
}

/// Money of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinePrice {
    /// Unit price times quantity.
    pub base: Amount,
    /// Taken off altogether.
    pub discount: Amount,
    /// The tax in or on the line.
    pub tax: Amount,
    /// What the line costs, with tax.
    pub total: Amount,
}

/// Money of a whole draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pricing {
    /// In the order of the lines.
    pub lines: Vec<LinePrice>,
    /// Shipping: its price as base, with its tax and total.
    pub shipping: LinePrice,
    /// Everything.
    pub total: Amount,
}

/// An amount beyond 10^15 minor units came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Prices a draft. `shipping` is its price and tax rate.
///
/// # Errors
/// [`TooLarge`] when any amount passes 10^15 minor units.
pub fn price(
    items: &[Item<'_>],
    discounts: &[Discount],
    shipping: Option<(Amount, RatePpm)>,
    prices_include_tax: bool,
) -> Result<Pricing, TooLarge> {
    let bases = items.iter().map(base).collect::<Result<Vec<i128>, _>>()?;
    // Goods and discounts are sums that totals show, however little a discount leaves to pay.
    amount(bases.iter().sum())?;
    let mut nets = bases.clone();
    discount_lines(items, discounts, &mut nets);
    for discount in discounts
        .iter()
        .filter(|discount| discount.line_ids.is_empty())
    {
        let all: Vec<usize> = (0..nets.len()).collect();
        take_off(discount.value, &all, &mut nets);
    }
    let mut lines = Vec::with_capacity(items.len());
    let mut total = 0_i128;
    for ((item, base), net) in items.iter().zip(bases).zip(nets) {
        let line = taxed(base, net, item.tax_rate, prices_include_tax)?;
        total = total.saturating_add(line.total.minor_units().into());
        lines.push(line);
    }
    let shipping = match shipping {
        Some((price, rate)) => {
            let price = price.minor_units().into();
            taxed(price, price, rate, prices_include_tax)?
        }
        None => LinePrice::default(),
    };
    let total = amount(total.saturating_add(shipping.total.minor_units().into()))?;
    Ok(Pricing {
        lines,
        shipping,
        total,
    })
}

fn base(item: &Item<'_>) -> Result<i128, TooLarge> {
    let product =
        i128::from(item.unit_price.minor_units()).saturating_mul(item.quantity.units().into());
    amount(product).map(|base| base.minor_units().into())
}

/// Discounts that name lines, in the order of the list, before those on the whole order.
fn discount_lines(items: &[Item<'_>], discounts: &[Discount], nets: &mut [i128]) {
    if discounts
        .iter()
        .all(|discount| discount.line_ids.is_empty())
    {
        return;
    }
    let index: HashMap<&LineId, usize> = items
        .iter()
        .enumerate()
        .map(|(index, item)| (item.line_id, index))
        .collect();
    for discount in discounts
        .iter()
        .filter(|discount| !discount.line_ids.is_empty())
    {
        let mut targets: Vec<usize> = discount
            .line_ids
            .iter()
            .filter_map(|line_id| index.get(line_id).copied())
            .collect();
        targets.sort_unstable();
        targets.dedup();
        match discount.value {
            DiscountValue::Fixed(_) => take_off(discount.value, &targets, nets),
            DiscountValue::Rate(rate) => {
                for target in targets {
                    if let Some(net) = nets.get_mut(target) {
                        *net = net.saturating_sub(share(*net, rate));
                    }
                }
            }
        }
    }
}

/// Takes one amount off several lines, in proportion to what is left of each.
fn take_off(value: DiscountValue, targets: &[usize], nets: &mut [i128]) {
    let weights: Vec<i128> = targets
        .iter()
        .filter_map(|&target| nets.get(target).copied())
        .collect();
    let sum: i128 = weights.iter().sum();
    let off = match value {
        DiscountValue::Fixed(fixed) => i128::from(fixed.minor_units()).min(sum),
        DiscountValue::Rate(rate) => share(sum, rate),
    };
    for (&target, part) in targets.iter().zip(allocate(off, &weights)) {
        if let Some(net) = nets.get_mut(target) {
            *net = net.saturating_sub(part);
        }
    }
}

fn share(amount: i128, rate: RatePpm) -> i128 {
    rhe(
        amount.saturating_mul(rate.ppm().into()),
        RatePpm::WHOLE.into(),
    )
}

fn taxed(base: i128, net: i128, rate: RatePpm, included: bool) -> Result<LinePrice, TooLarge> {
    let ppm = i128::from(rate.ppm());
    let whole = i128::from(RatePpm::WHOLE);
    let divisor = if included {
        whole.saturating_add(ppm)
    } else {
        whole
    };
    let tax = rhe(net.saturating_mul(ppm), divisor);
    let total = if included {
        net
    } else {
        net.saturating_add(tax)
    };
    Ok(LinePrice {
        base: amount(base)?,
        discount: amount(base.saturating_sub(net))?,
        tax: amount(tax)?,
        total: amount(total)?,
    })
}

fn amount(minor_units: i128) -> Result<Amount, TooLarge> {
    i64::try_from(minor_units)
        .ok()
        .and_then(|minor_units| Amount::new(minor_units).ok())
        .ok_or(TooLarge)
}

/// `n / d`, rounded half to even. `n ≥ 0` and `d ≥ 1`; a zero divisor gives 0.
///
/// ```
/// use order::pricing::rhe;
/// assert_eq!((rhe(5, 2), rhe(7, 2), rhe(8, 3)), (2, 4, 3));
/// ```
#[must_use]
pub fn rhe(n: i128, d: i128) -> i128 {
    let (Some(quotient), Some(rest)) = (n.checked_div_euclid(d), n.checked_rem_euclid(d)) else {
        return 0;
    };
    let twice = rest.saturating_mul(2);
    let up = twice > d || (twice == d && quotient.checked_rem(2) != Some(0));
    quotient.saturating_add(i128::from(up))
}

/// Splits `total` over `weights` by largest remainder, ties to the earlier one.
///
/// The parts sum to `total`; each lies between floor and ceiling of its exact share; a zero weight
/// gets zero. `total` is at least 0 and at most the sum of the weights, which are at least 0.
///
/// ```
/// use order::pricing::allocate;
/// assert_eq!(allocate(100, &[1, 1, 1]), [34, 33, 33]);
/// ```
#[must_use]
pub fn allocate(total: i128, weights: &[i128]) -> Vec<i128> {
    let sum: i128 = weights.iter().sum();
    let exact = |weight: &i128| total.saturating_mul(*weight);
    let mut parts: Vec<i128> = weights
        .iter()
        .map(|w| exact(w).checked_div_euclid(sum).unwrap_or(0))
        .collect();
    let given: i128 = parts.iter().sum();
    let mut by_rest: Vec<(i128, usize)> = weights
        .iter()
        .enumerate()
        .map(|(index, w)| (exact(w).checked_rem_euclid(sum).unwrap_or(0), index))
        .collect();
    by_rest.sort_unstable_by_key(|&(rest, index)| (std::cmp::Reverse(rest), index));
    let left = usize::try_from(total.saturating_sub(given)).unwrap_or(0);
    if sum > 0 {
        for &(_, index) in by_rest.iter().take(left) {
            if let Some(part) = parts.get_mut(index) {
                *part = part.saturating_add(1);
            }
        }
    }
    parts
}

/// What `n` more units are worth when `gone` of `quantity` are gone already, of a line's frozen
/// `total`: `V(gone + n) − V(gone)` with `V(k) = rhe(total × k, quantity)`.
///
/// Any sequence of parts sums to exactly `total`, and none is negative.
#[must_use]
pub fn partial_value(total: Amount, quantity: Quantity, gone: Quantity, n: Quantity) -> Amount {
    let upto = |units: u32| {
        let product = i128::from(total.minor_units()).saturating_mul(units.into());
        rhe(product, quantity.units().into())
    };
    let end = gone.units().saturating_add(n.units());
    let value = upto(end).saturating_sub(upto(gone.units()));
    i64::try_from(value)
        .ok()
        .and_then(|value| Amount::new(value).ok())
        .unwrap_or_default()
}
