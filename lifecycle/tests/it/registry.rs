//! The health registry by itself: entries, services, dwell, causes. Also the table of states.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use lifecycle::{
    ComponentExt as _, Health, State, Watchdog, check, clock,
    health::{self, HealthSnapshot, Requires, Status},
    worker,
};
use tokio::time::sleep;

use crate::rig::{Act, Diary, builder, ms, run};

#[tokio::test(start_paused = true)]
async fn everything_starts_not_serving() {
    let health = Health::new();
    health.service("orders", Requires::only(["log"]));
    for service in [
        health::STARTUP,
        health::LIVENESS,
        health::READINESS,
        health::OVERALL,
        "orders",
    ] {
        assert!(!health.is_serving(service), "{service:?} serves");
    }
    assert!(health.snapshot().lookup("unknown").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_service_names_its_causes_and_nothing_else() {
    let registry = Health::new();
    registry.service("commands", Requires::only(["log", "nobody"]));
    let log = registry.reporter("log");
    registry
        .reporter("projector")
        .degraded("one order is parked");
    let running = run(builder()
        .health(registry.clone())
        .add(Diary::new().script("a")));
    log.not_ready("connection refused");
    sleep(ms(10)).await;

    let cause = |name: &str| registry.snapshot().lookup(name).unwrap().cause();
    assert_eq!(
        cause("commands"),
        "log: not ready: connection refused; nobody: not ready: nobody reports it"
    );
    assert_eq!(
        cause(health::READINESS),
        "log: not ready: connection refused; projector: degraded: one order is parked"
    );
    log.ready();
    assert!(registry.is_serving(health::READINESS), "degraded serves");
    registry.reporter("nobody").ready();
    assert!(registry.is_serving("commands"));
    registry.remove("nobody");
    assert!(!registry.is_serving("commands"));
    running.terminated_after(ms(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_with_dwell_rides_out_a_short_trouble_and_falls_in_a_long_one() {
    let registry = Health::new();
    registry.service(health::READINESS, Requires::only(["log"]).dwell(ms(5_000)));
    let log = registry.reporter("log");
    let running = run(builder()
        .health(registry.clone())
        .add(Diary::new().script("a")));
    sleep(ms(10)).await;
    assert!(
        !registry.is_serving(health::READINESS),
        "it has never served: no dwell"
    );
    log.ready();
    assert!(registry.is_serving(health::READINESS));

    log.not_ready("away");
    sleep(ms(4_900)).await;
    assert!(registry.is_serving(health::READINESS));
    log.ready();
    log.not_ready("away again");
    sleep(ms(4_900)).await;
    assert!(registry.is_serving(health::READINESS));
    sleep(ms(200)).await;
    assert!(!registry.is_serving(health::READINESS));
    running.terminated_after(ms(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_component_fails_liveness() {
    let diary = Diary::new();
    let running = run(builder().add(diary.script("a")));
    let registry = running.handle.health().clone();
    sleep(ms(10)).await;
    assert!(registry.is_serving(health::LIVENESS));
    registry.reporter("a").failed("the store is poisoned");
    assert!(!registry.is_serving(health::LIVENESS));
    running.terminated_after(ms(1)).await;
}

#[tokio::test(start_paused = true)]
async fn startup_says_whom_it_waits_for_and_then_stays() {
    let diary = Diary::new();
    let running = run(builder()
        .add(diary.script("a").start([Act::Takes(ms(100))]))
        .add(diary.script("b").after(["a"])));
    let registry = running.handle.health().clone();
    sleep(ms(50)).await;
    let cause = registry.snapshot().lookup(health::STARTUP).unwrap().cause();
    assert_eq!(cause, "a: not ready: starting; b: not ready: waiting for a");
    sleep(ms(100)).await;
    registry.reporter("a").not_ready("away");
    assert!(registry.is_serving(health::STARTUP));
    running.terminated_after(ms(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_component_that_speaks_for_itself_is_not_set_ready() {
    use lifecycle::{Component, Error, StartContext, async_trait};
    struct Catching;
    #[async_trait]
    impl Component for Catching {
        fn name(&self) -> &str {
            "projector"
        }
        async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
            cx.health().not_ready("3000 commits behind");
            Ok(())
        }
    }
    let running = run(builder().add(Catching));
    let registry = running.handle.health().clone();
    sleep(ms(10)).await;
    assert!(registry.is_serving(health::STARTUP));
    let status = registry.snapshot().entries["projector"].clone();
    assert_eq!(status, Status::NotReady("3000 commits behind".to_owned()));
    running.terminated_after(ms(1)).await;
}

#[tokio::test(start_paused = true)]
async fn checks_run_side_by_side_with_a_limit_and_survive_a_panic() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let takes = |name: &str, time: u64| {
        check(name, ms(1_000), ms(600), move || async move {
            sleep(ms(time)).await;
            Status::Ready
        })
    };
    let running = run(builder()
        .add(takes("fast", 300))
        .add(takes("fair", 500))
        .add(takes("slow", 750))
        .add(check("bad", ms(1_000), ms(600), move || {
            assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
            async { Status::Degraded("the second time".to_owned()) }
        })));
    let registry = running.handle.health().clone();
    let word = |name: &str| registry.snapshot().entries[name].to_string();
    sleep(ms(1)).await;
    assert_eq!(word("fast"), "not ready: not checked yet");
    assert!(word("bad").starts_with("not ready: the check panicked: the first time, at "));
    sleep(ms(700)).await;
    let words = ["fast", "fair", "slow"].map(word);
    assert_eq!(words, ["ok", "ok", "not ready: no answer within 600.0ms"]);
    for _ in 0..100 {
        registry.is_serving("bad");
    }
    sleep(ms(1_000)).await;
    assert_eq!(
        (word("bad").as_str(), asked.load(Ordering::Relaxed)),
        ("degraded: the second time", 2)
    );
    assert_eq!(running.terminated_after(ms(0)).await.stop_took, ms(0));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_is_degraded_until_it_ran_steadily_for_a_while() {
    let began = tokio::time::Instant::now();
    let set_by = Arc::new(AtomicU32::new(0));
    let offset = Arc::clone(&set_by);
    let wall = move || {
        let offset = Duration::from_secs(offset.load(Ordering::Relaxed).into());
        UNIX_EPOCH + began.elapsed() + offset
    };
    let running = run(builder().add(clock("clock", wall, ms(500), ms(60_000))));
    let registry = running.handle.health().clone();
    let word = || registry.snapshot().entries["clock"].to_string();
    sleep(ms(10_500)).await;
    assert_eq!(word(), "ok");
    set_by.store(3_600, Ordering::Relaxed);
    sleep(ms(1_000)).await;
    assert_eq!(word(), "degraded: the wall clock jumped by +3600.0 s");
    assert!(registry.is_serving(health::READINESS), "degraded serves");
    set_by.store(3_598, Ordering::Relaxed);
    sleep(ms(59_500)).await;
    assert_eq!(word(), "degraded: the wall clock jumped by -2.0 s");
    sleep(ms(1_500)).await;
    assert_eq!(word(), "ok");
    running.terminated_after(ms(0)).await;
}

#[cfg(feature = "disk")]
#[tokio::test]
async fn a_disk_is_degraded_without_room_and_not_ready_without_an_answer() {
    use lifecycle::disk;
    let running = run(builder()
        .add(disk("roomy", "/", 0))
        .add(disk("full", "/", 101))
        .add(disk("absent", "/no/such/folder", 10))
        .add(disk("sizeless", "/proc", 10)));
    let mut seen = running.handle.health().subscribe();
    let asked = |now: &Arc<HealthSnapshot>| {
        let answered = |s: &Status| s.is_serving() || s.to_string().contains("cannot be asked");
        now.entries.len() == 4 && now.entries.values().all(answered)
    };
    let entries = seen.wait_for(asked).await.unwrap().entries.clone();
    let word = |name: &str| entries[name].to_string();
    assert_eq!(
        (word("roomy"), word("sizeless")),
        ("ok".into(), "ok".into())
    );
    assert!(word("full").starts_with("degraded: ") && word("full").ends_with("less than 101 %"));
    assert!(word("absent").starts_with("not ready: /no/such/folder cannot be asked: "));
    running.terminated_after(ms(0)).await;
}

/// On real time and two threads: one for the test, one for the components, which gets blocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_starved_runtime_fails_liveness_and_the_culprit_is_named() {
    let (block, blocked) = std::sync::mpsc::channel::<()>();
    let (go, mut going) = tokio::sync::mpsc::channel::<()>(1);
    let mut blocked = Some((blocked, async move { going.recv().await }));
    let running = run(builder()
        .add(Watchdog::new(ms(100)))
        .add(worker("greedy", move |cx| {
            let taken = blocked.take();
            async move {
                let Some((blocked, going)) = taken else {
                    return Ok(());
                };
                going.await;
                blocked.recv().ok();
                cx.stopping().await;
                Ok(())
            }
        })));
    let registry = running.handle.health().clone();
    let mut seen = registry.subscribe();
    let alive = |serving: bool| {
        move |now: &Arc<HealthSnapshot>| now.services[health::LIVENESS].serving == serving
    };
    seen.wait_for(alive(true)).await.unwrap();
    sleep(ms(150)).await;
    assert!(registry.is_serving(health::LIVENESS));
    go.send(()).await.unwrap();
    let cause = seen.wait_for(alive(false)).await.unwrap().services[health::LIVENESS].cause();
    assert_eq!(
        cause,
        "watchdog: failed: no task has run for 100.0ms; running: [greedy]"
    );
    drop(block);
    seen.wait_for(alive(true)).await.unwrap();
    assert_eq!(running.terminated_after(ms(0)).await.exit_code(), 0);
}

#[test]
fn terminal_states_are_final_and_all_others_lead_to_one() {
    for state in State::ALL {
        let next: Vec<_> = State::ALL
            .into_iter()
            .filter(|next| state.may_become(*next))
            .collect();
        assert_eq!(
            next.is_empty(),
            state.is_terminal(),
            "{state:?} leads to {next:?}"
        );
    }
    for (from, to) in [
        (State::Pending, State::Running),
        (State::Running, State::Stopped),
        (State::Draining, State::Running),
        (State::Backoff, State::Stopping),
        (State::Drained, State::Starting),
    ] {
        assert!(!from.may_become(to), "{from:?} may become {to:?}");
    }
}
