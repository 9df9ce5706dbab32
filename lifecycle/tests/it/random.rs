//! Whatever the graph, whatever the components do, whenever the signal comes: the laws hold.

use std::{sync::Arc, time::Duration};

use lifecycle::{
    Builder, ComponentExt as _, Event, Fixed, Outcome, Restart, Signal, State, health, resource,
};
use proptest::{collection::vec, prelude::*};
use tokio::time::sleep;

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
    with_dependents: bool,
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
        any::<[bool; 4]>(),
    )
        .prop_map(
            |(
                after,
                (start, run, drain, stop),
                [retries, restarts, with_dependents, background],
            )| Plan {
                after,
                start,
                run,
                drain,
                stop,
                retries,
                restarts,
                with_dependents,
                background,
            },
        )
}

const BUDGET: Duration = ms(2_000);
const DELAY: Duration = ms(150);

fn name(index: usize) -> String {
    format!("c{index}")
}

impl Plan {
    fn after(&self, index: usize) -> Vec<String> {
        (0..index)
            .filter(|&other| self.after[other])
            .map(name)
            .collect()
    }
}

fn supervisor(plans: &[Plan], diary: &Diary) -> Builder {
    let seen = diary.clone();
    let mut supervisor = builder().stop_timeout(BUDGET).termination_delay(DELAY);
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
    for (index, plan) in plans.iter().enumerate() {
        let script = diary
            .script(&name(index))
            .start([plan.start])
            .run([plan.run]);
        let mut member = script
            .drain(plan.drain)
            .stop(plan.stop)
            .after(plan.after(index))
            .start_within(ms(1_000));
        if plan.retries {
            member = member.retry(Fixed::every(ms(50)).at_most(3));
        }
        if plan.restarts {
            let restart = Restart::new(2, ms(60_000), Fixed::every(ms(30)));
            member = member.restart(match plan.with_dependents {
                true => restart.with_dependents(),
                false => restart,
            });
        }
        if plan.background {
            member = member.in_background();
        }
        supervisor = supervisor.add(member);
    }
    // A real one, so that it can be counted whether each is closed.
    let open = || async { Ok(Arc::new(std::net::TcpListener::bind(("127.0.0.1", 0))?)) };
    supervisor.add(resource("socket", open, |_| async { Ok(()) }))
}

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

async fn obeys_the_laws(plans: Vec<Plan>, signals: Vec<u64>) {
    let diary = Diary::new();
    let before = alive_tasks();
    let running = run(supervisor(&plans, &diary));
    let health = running.handle.health().clone();
    let sender = running.signals.clone();
    let end = tokio::spawn(running.outcome());
    for wait in signals {
        sleep(ms(wait)).await;
        sender.send(Signal::Terminate);
        sleep(ms(1)).await;
        assert!(
            !health.is_serving(health::READINESS),
            "ready after a signal"
        );
    }
    let outcome = end.await.unwrap();

    let lines = diary.timed().join("\n");
    assert_eq!(alive_tasks(), before, "a task is left");
    assert!(
        outcome.stop_took <= DELAY + BUDGET + ms(5),
        "{outcome}\n{lines}"
    );
    assert_eq!(diary.count(">"), diary.count("<"), "steps come in pairs");
    keep_their_order(&plans, &diary);
    for (index, plan) in plans.iter().enumerate() {
        let me = name(index);
        ended_once(&me, &diary, &outcome);
        for below in plan.after(index) {
            in_order(&me, &below, &diary, &outcome);
        }
    }
}

/// Also when they are restarted: nothing starts before all below it are up, and nothing that takes its
/// dependents along is stopped under one of them.
fn keep_their_order(plans: &[Plan], diary: &Diary) {
    let lines = diary.timed();
    let mut states = vec!["Pending".to_owned(); plans.len()];
    for line in &lines {
        let words: Vec<_> = line.split(' ').collect();
        let [_, who, "is", state] = words[..] else {
            continue;
        };
        let Some(me) = (0..plans.len()).find(|&index| name(index) == who) else {
            continue;
        };
        state.clone_into(&mut states[me]);
        let all = lines.join("\n");
        if state == "Starting" {
            for below in (0..me).filter(|&other| plans[me].after[other]) {
                let up = ["Running", "Ended"].contains(&&*states[below]);
                assert!(
                    up,
                    "{who} starts on {}, {}\n{all}",
                    name(below),
                    states[below]
                );
            }
        }
        if state == "Stopping" && plans[me].restarts && plans[me].with_dependents {
            for above in (me + 1..plans.len()).filter(|&other| plans[other].after[me]) {
                let uses_it = ["Starting", "Running", "Draining", "Drained", "Stopping"];
                let used = uses_it.contains(&&*states[above]);
                assert!(
                    !used,
                    "{who} stops under {}, {}\n{all}",
                    name(above),
                    states[above]
                );
            }
        }
    }
}

/// One terminal state, and one stop for every start that was entered.
fn ended_once(me: &str, diary: &Diary, outcome: &Outcome) {
    let lines = diary.timed().join("\n");
    let state = outcome.snapshot.component(me).unwrap().state;
    assert!(state.is_terminal(), "{me} is {state:?}\n{lines}");
    let terminal = State::ALL.into_iter().filter(|state| state.is_terminal());
    let ends: usize = terminal
        .map(|state| diary.count(&format!("{me} is {state:?}")))
        .sum();
    assert_eq!(ends, 1, "{me}\n{lines}");
    let starts = diary.count(&format!("{me} is Starting"));
    let stops = diary.count(&format!("{me}.stop"));
    let killed = outcome.exit_code() == 143 && stops < starts;
    assert!(stops == starts || killed, "{me}: {stops} stops\n{lines}");
}

/// No start before a dependency is up, no end of a dependency before its dependents.
fn in_order(me: &str, below: &str, diary: &Diary, outcome: &Outcome) {
    let lines = diary.timed().join("\n");
    if let Some(start) = diary.position(&format!("{me}.start")) {
        let up = diary
            .position(&format!("{below} is Running"))
            .expect("a dependency");
        assert!(up < start, "{me} started before {below} was up\n{lines}");
    }
    // One that failed and waited for its restart was stopped out of turn, for good reason.
    let restarted = outcome.snapshot.component(below).unwrap().restarts > 0;
    let never_started = diary.count(&format!("{below}.start")) == 0;
    if restarted || never_started || outcome.exit_code() == 143 {
        return;
    }
    let gone = |who: &str| {
        let mut terminal = State::ALL.into_iter().filter(|state| state.is_terminal());
        terminal.find_map(|state| diary.position(&format!("{who} is {state:?}")))
    };
    assert!(
        gone(me) < gone(below),
        "{below} was gone before {me}\n{lines}"
    );
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

#[cfg(target_os = "linux")]
fn open_handles() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// In a process of its own, where no other test opens or closes anything.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "a child that another test starts"]
fn child_that_counts_its_handles() {
    let before = open_handles();
    any_graph_obeys_the_laws();
    assert_eq!(open_handles(), before, "a handle is left");
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_runs_leave_no_socket_open() {
    let child = [
        "--exact",
        "random::child_that_counts_its_handles",
        "--ignored",
    ];
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(child).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
