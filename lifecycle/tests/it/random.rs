//! Whatever the graph, whatever the components do, whenever the signal comes: the laws hold.

use std::time::Duration;

use lifecycle::{Event, Fixed, Restart, Signal, State, health};
use proptest::{collection::vec, prelude::*};
use tokio::time::{Instant, sleep};

use crate::rig::{Act, Diary, builder, ms, run};

#[derive(Clone, Debug)]
struct Plan {
    /// For each other component added before it: does it come after it?
    after: Vec<bool>,
    start: Act,
    run: Act,
    drain: Act,
    stop: Act,
    retries: bool,
    restarts: bool,
    background: bool,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Done),
        4 => (0..400_u64).prop_map(|time| Act::Takes(ms(time))),
        1 => Just(Act::Fails),
        1 => (0..400_u64).prop_map(|time| Act::FailsAfter(ms(time))),
        1 => Just(Act::Panics),
        1 => Just(Act::Hangs),
    ]
}

/// Most runs obey, or nothing would ever run for long.
fn run_act() -> impl Strategy<Value = Act> {
    prop_oneof![8 => (0..300_u64).prop_map(|time| Act::Obeys(ms(time))), 1 => act()]
}

fn plan() -> impl Strategy<Value = Plan> {
    let acts = (act(), run_act(), act(), act());
    (
        vec(proptest::bool::weighted(0.3), 9),
        acts,
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(after, (start, run, drain, stop), [retries, restarts, background])| Plan {
                after,
                start,
                run,
                drain,
                stop,
                retries,
                restarts,
                background,
            },
        )
}

const BUDGET: Duration = ms(2_000);
const DELAY: Duration = ms(150);

async fn obeys_the_laws(plans: Vec<Plan>, signals: Vec<u64>) {
    let diary = Diary::new();
    let name = |index: usize| format!("c{index}");
    let (seen, mut supervisor) = (diary.clone(), builder());
    supervisor = supervisor.stop_timeout(BUDGET).termination_delay(DELAY);
    supervisor = supervisor.observer(move |event: &Event<'_>| match event {
        Event::State {
            component,
            from,
            to,
        } => {
            assert!(from.may_become(*to));
            seen.note(format!("{component} is {to:?}"));
        }
        Event::Entered { .. } => seen.note(">"),
        Event::Left { .. } => seen.note("<"),
        _ => {}
    });
    let after = |plan: &Plan, index: usize| -> Vec<String> {
        (0..index)
            .filter(|&other| plan.after[other])
            .map(name)
            .collect()
    };
    for (index, plan) in plans.iter().enumerate() {
        let script = diary
            .script(&name(index))
            .start([plan.start])
            .run([plan.run]);
        supervisor = supervisor
            .add(script.drain(plan.drain).stop(plan.stop))
            .after(after(plan, index))
            .start_timeout(ms(1_000));
        if plan.retries {
            supervisor = supervisor.retry(Fixed::every(ms(50)).at_most(3));
        }
        if plan.restarts {
            supervisor = supervisor.restart(Restart::new(2, ms(60_000), Fixed::every(ms(30))));
        }
        if plan.background {
            supervisor = supervisor.in_background();
        }
    }
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    let running = run(supervisor);
    let health = running.handle.health().clone();
    let sender = running.signals.clone();
    let end = tokio::spawn(running.outcome());
    let mut first = None;
    for wait in signals {
        sleep(ms(wait)).await;
        sender.send(Signal::Terminate);
        first.get_or_insert_with(Instant::now);
        tokio::task::yield_now().await;
        sleep(ms(1)).await;
        assert!(
            !health.is_serving(health::READINESS),
            "ready after a signal"
        );
    }
    let outcome = end.await.unwrap();

    let lines = diary.timed().join("\n");
    assert_eq!(tasks(), before, "a task is left");
    assert!(
        outcome.stop_took <= DELAY + BUDGET + ms(5),
        "{outcome}\n{lines}"
    );
    assert_eq!(diary.count(">"), diary.count("<"), "steps come in pairs");
    let killed = outcome.exit_code() == 143;
    for (index, plan) in plans.iter().enumerate() {
        let me = name(index);
        let state = outcome.snapshot.component(&me).unwrap().state;
        assert!(state.is_terminal(), "{me} is {state:?}\n{lines}");
        let terminal = State::ALL.into_iter().filter(|state| state.is_terminal());
        let ends = terminal
            .map(|state| diary.count(&format!("{me} is {state:?}")))
            .sum::<usize>();
        assert_eq!(ends, 1, "{me}\n{lines}");
        let (starting, stops) = (
            diary.count(&format!("{me} is Starting")),
            diary.count(&format!("{me}.stop")),
        );
        assert!(
            stops == starting || killed && stops < starting,
            "{me}: {stops} stops\n{lines}"
        );
        for below in after(plan, index) {
            if let Some(start) = diary.position(&format!("{me}.start")) {
                let up = diary
                    .position(&format!("{below} is Running"))
                    .expect("a dependency");
                assert!(up < start, "{me} started before {below} was up\n{lines}");
            }
            // One that failed and waited for its restart was stopped out of turn, for good reason.
            let restarted = outcome.snapshot.component(&below).unwrap().restarts > 0;
            let last = diary.position(&format!("{below} is Stopped"));
            let mine = [State::Stopped, State::Failed, State::Forced, State::Skipped]
                .into_iter()
                .find_map(|state| diary.position(&format!("{me} is {state:?}")));
            if let (Some(below_gone), Some(gone), false) = (last, mine, killed || restarted) {
                assert!(gone < below_gone, "{below} stopped before {me}\n{lines}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_graph_obeys_the_laws(
        plans in vec(plan(), 1..10),
        signals in vec(0..1_500_u64, 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(obeys_the_laws(plans, signals));
    }
}
