//! What does one decision cost, and one fold, as orders grow in lines and in events?
//!
//! `cargo bench -p order`. Each row: nanoseconds of one call, the median of nine rounds. `decide`
//! never changes its order; `evolve` does, so its rows fold events that leave no trace when
//! repeated, or begin again from nothing.

#![allow(clippy::print_stdout, reason = "a benchmark talks on stdout")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![allow(clippy::arithmetic_side_effects, reason = "its numbers are small")]

#[path = "../tests/it/ask.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod ask;
#[path = "../tests/it/word.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod word;

use std::hint::black_box;
use std::time::{Duration, Instant};

use order::command::{Annotate, Create, Place};
use order::value::{HoldReason, ShipmentOutcome, Timestamp};
use order::{Command, Event, Moment, Order, decide, evolve};

use word::{pence, tag};

/// Odd, so that one of them is the median.
const ROUNDS: usize = 9;
/// Long against the clock's grain, short against one's patience.
const ROUND: Duration = Duration::from_millis(20);

fn now() -> Moment {
    Moment::at(Timestamp::from_micros(1_767_225_600_000_000))
}

fn main() {
    for lines in [1, 10, 1_000] {
        by_lines(lines);
    }
    for events in [1, 10, 200] {
        by_events(events);
    }
}

/// Orders that were just placed.
fn by_lines(lines: usize) {
    let size = format!("{lines} lines");
    let begin = create(lines);
    let history = decide(None, &begin, now()).expect("accepted");
    let order = fold(&history);
    let names: Vec<String> = (1..=lines).map(|n| format!("L{n}")).collect();
    let all: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 3)).collect();

    measure("decide create and place", &size, || {
        decide(None, &begin, now())
    });
    for (name, command) in [
        ("decide hold", ask::hold(HoldReason::Other)),
        ("decide authorize", authorize("P1")),
        (
            "decide cancel, one line",
            ask::cancel_items(&[(names[lines - 1].as_str(), 1)]),
        ),
        ("decide ship, every line", ask::ship("S1", &all)),
    ] {
        measure(name, &size, || decide(Some(&order), &command, now()));
    }
    let ship = ask::ship("S1", &all);
    let mut shipped = Some(order.clone());
    for event in decide(Some(&order), &ship, now()).expect("accepted") {
        evolve(&mut shipped, &event, now().occur_time);
    }
    let deliver = ask::close("S1", ShipmentOutcome::Delivered);
    measure("decide deliver, the last", &size, || {
        decide(shipped.as_ref(), &deliver, now())
    });
    let mut held = Some(order);
    let hold = Event::OrderHeld {
        reason: HoldReason::Other,
    };
    measure("evolve hold", &size, || {
        evolve(&mut held, &hold, now().occur_time)
    });
    measure("evolve all, from nothing", &size, || fold(&history));
}

/// Orders of one line, with a payment for each event after the third; one event is a draft.
fn by_events(events: usize) {
    let size = format!("{events} events");
    let history = payments(events);
    let order = fold(&history);
    let note = ask::annotate(Annotate {
        add_tags: [tag("vip")].into(),
        ..Annotate::default()
    });
    measure("decide annotate", &size, || {
        decide(Some(&order), &note, now())
    });
    if order.placed.is_some() {
        let next = authorize("next");
        measure("decide authorize", &size, || {
            decide(Some(&order), &next, now())
        });
    }
    let noted = decide(Some(&order), &note, now()).expect("accepted");
    let mut tagged = Some(order);
    measure("evolve annotate", &size, || {
        evolve(&mut tagged, &noted[0], now().occur_time)
    });
    measure("evolve all, from nothing", &size, || fold(&history));
}

fn payments(events: usize) -> Vec<Event> {
    let draft = ask::create(ask::blank());
    let placed = ask::create(Create {
        shipping: None,
        ..blank(1)
    });
    let begin = if events < 3 { &draft } else { &placed };
    let mut history = decide(None, begin, now()).expect("accepted");
    for number in history.len()..events {
        let payment = authorize(&format!("P{number}"));
        history.extend(decide(Some(&fold(&history)), &payment, now()).expect("accepted"));
    }
    assert_eq!(history.len(), events);
    history
}

fn create(lines: usize) -> Command {
    ask::create(blank(lines))
}

fn blank(lines: usize) -> Create {
    Create {
        lines: vec![ask::line("MUG", 3, pence(1_000), 200_000); lines],
        shipping: Some(ask::post(pence(495), 200_000)),
        place: Some(Place::default()),
        ..ask::blank()
    }
}

fn authorize(payment: &str) -> Command {
    Command::AuthorizePayment(ask::authorize(payment, pence(1)))
}

fn fold(events: &[Event]) -> Order {
    let mut order = None;
    for event in events {
        evolve(&mut order, event, now().occur_time);
    }
    order.expect("created")
}

fn measure<T>(what: &str, size: &str, mut operation: impl FnMut() -> T) {
    let mut once = || {
        black_box(operation());
    };
    let mut calls = 1_u32;
    while timed(calls, &mut once) < ROUND {
        calls *= 2;
    }
    let mut rounds = [Duration::ZERO; ROUNDS];
    for round in &mut rounds {
        *round = timed(calls, &mut once) / calls;
    }
    rounds.sort_unstable();
    let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
    println!(
        "{what:<26} {size:>11} {:>11} ns  ({} to {})",
        median.as_nanos(),
        least.as_nanos(),
        most.as_nanos()
    );
}

fn timed(calls: u32, operation: &mut impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..calls {
        operation();
    }
    started.elapsed()
}
