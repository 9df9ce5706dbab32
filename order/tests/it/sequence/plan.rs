//! Random plans: what somebody buys, and the steps that follow.
//!
//! A step is abstract, which command and how it is aimed, and becomes a command only when the books
//! are known. So a plan keeps its sense when a step is taken out, which is how proptest shrinks it.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A random order and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) basket: Basket,
    pub(crate) steps: Vec<Step>,
}

/// What somebody buys.
#[derive(Clone, Debug)]
pub(crate) struct Basket {
    pub(crate) currency: &'static str,
    pub(crate) prices_include_tax: bool,
    pub(crate) prepaid: bool,
    /// Whether lines bring their ids, or have them assigned.
    pub(crate) named: bool,
    /// Quantity, unit price, tax rate.
    pub(crate) lines: Vec<(u32, i64, u32)>,
    /// Price, tax rate.
    pub(crate) shipping: Option<(i64, u32)>,
    pub(crate) discounts: Vec<Rebate>,
    pub(crate) place: bool,
}

/// A discount: off which lines (bits; none: the whole order), and how much.
#[derive(Clone, Debug)]
pub(crate) struct Rebate {
    pub(crate) lines: u16,
    pub(crate) fixed: Option<i64>,
    pub(crate) ppm: u32,
}

/// One step. A choice of 0 is the plainest: the first of its kind, all there is, at once.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) aim: Aim,
    /// Which one.
    pub(crate) pick: u8,
    /// How much of it; 0 is all.
    pub(crate) part: u8,
    /// Seconds since the last step.
    pub(crate) wait: u32,
    pub(crate) occurred: Occurred,
}

/// On one line.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            act,
            aim,
            pick,
            part,
            wait,
            occurred,
        } = self;
        write!(
            f,
            "{act:?} {aim:?} pick {pick} part {part} wait {wait} {occurred:?}"
        )
    }
}

/// Which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Create,
    Edit,
    Place,
    Authorize,
    Capture,
    Void,
    Fail,
    Refund,
    Ship,
    Close,
    CancelItems,
    CancelOrder,
    RequestReturn,
    ReceiveReturn,
    Hold,
    Release,
    Annotate,
    Erase,
}

/// How a command is aimed. Where a flaw has no meaning for a command, it is without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// At what the books say is there.
    True,
    /// One more than there is.
    Over,
    /// At something that never was.
    Unknown,
    /// With a name, a reference or a line that is there already.
    Taken,
    /// At something that has ended.
    Stale,
    /// With another currency.
    Foreign,
    /// With a flaw of the command's own.
    Odd,
}

/// When it happened in the business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurred {
    Now,
    /// At the moment the order was created.
    AtCreation,
    /// As far ahead of the clock as may be.
    Ahead,
    TooFarAhead,
    BeforeCreation,
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    (basket(), vec(step(), 1..=200)).prop_map(|(basket, steps)| Plan { basket, steps })
}

pub(crate) fn basket() -> impl Strategy<Value = Basket> {
    let shipping = proptest::option::of((0..5_000_i64, ppm()));
    (
        (select(vec!["GBP", "JPY", "BHD"]), any::<[bool; 4]>()),
        vec((1..=200_u32, unit_price(), ppm()), 1..=12),
        shipping,
        vec(rebate(), 0..=3),
    )
        .prop_map(|((currency, flags), lines, shipping, discounts)| {
            let [prices_include_tax, prepaid, named, draft] = flags;
            Basket {
                currency,
                prices_include_tax,
                prepaid,
                named,
                lines,
                shipping,
                discounts,
                place: !draft,
            }
        })
}

fn unit_price() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(0), 3 => 1..=20_i64, 6 => 0..=100_000_i64]
}

fn ppm() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(200_000), Just(88_750), 0..=1_000_000_u32]
}

fn rebate() -> impl Strategy<Value = Rebate> {
    let lines = prop_oneof![Just(0_u16), any::<u16>()];
    let fixed = proptest::option::of(prop_oneof![0..=500_i64, 0..=10_000_000_i64]);
    (lines, fixed, 0..=1_000_000_u32).prop_map(|(lines, fixed, ppm)| Rebate { lines, fixed, ppm })
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![6 => Just(0), 2 => Just(1), 2 => 1..=600_u32, 1 => Just(90_000)];
    (act(), aim(), any::<u8>(), part(), wait, occurred()).prop_map(
        |(act, aim, pick, part, wait, occurred)| Step {
            act,
            aim,
            pick,
            part,
            wait,
            occurred,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Create),
        3 => Just(Act::Edit),
        4 => Just(Act::Place),
        8 => Just(Act::Authorize),
        7 => Just(Act::Capture),
        3 => Just(Act::Void),
        1 => Just(Act::Fail),
        7 => Just(Act::Refund),
        9 => Just(Act::Ship),
        9 => Just(Act::Close),
        4 => Just(Act::CancelItems),
        1 => Just(Act::CancelOrder),
        6 => Just(Act::RequestReturn),
        6 => Just(Act::ReceiveReturn),
        2 => Just(Act::Hold),
        4 => Just(Act::Release),
        3 => Just(Act::Annotate),
        3 => Just(Act::Erase),
    ]
}

fn aim() -> impl Strategy<Value = Aim> {
    prop_oneof![
        16 => Just(Aim::True),
        2 => Just(Aim::Over),
        1 => Just(Aim::Unknown),
        2 => Just(Aim::Taken),
        2 => Just(Aim::Stale),
        1 => Just(Aim::Foreign),
        2 => Just(Aim::Odd),
    ]
}

fn part() -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(0), 3 => any::<u8>()]
}

fn occurred() -> impl Strategy<Value = Occurred> {
    prop_oneof![
        40 => Just(Occurred::Now),
        2 => Just(Occurred::AtCreation),
        2 => Just(Occurred::Ahead),
        1 => Just(Occurred::TooFarAhead),
        1 => Just(Occurred::BeforeCreation),
    ]
}
