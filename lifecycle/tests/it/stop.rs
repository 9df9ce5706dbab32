//! Leaving: delay, drain, stop, and what happens to those who will not go.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lifecycle::{
    Cause, Component, ComponentExt as _, Error, FailureKind, Laggard, OnFinish, Phase, RunContext,
    Signal, State, Step, StopContext, async_trait, health, worker,
};
use tokio::time::{Instant, sleep, timeout};

use crate::rig::{Act, Diary, builder, ms, run};

fn laggard(component: &str, what: &str) -> Laggard {
    Laggard {
        component: component.to_owned(),
        what: what.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_falls_with_the_signal_and_work_goes_on_during_the_delay() {
    let diary = Diary::new();
    let running = run(builder().termination_delay(ms(500)).add(diary.script("a")));
    let (handle, signals) = (running.handle.clone(), running.signals.clone());
    sleep(ms(100)).await;
    assert!(handle.health().is_serving(health::READINESS));

    signals.send(Signal::Terminate);
    sleep(ms(1)).await;
    for service in [health::READINESS, health::OVERALL, health::STARTUP, "a"] {
        assert!(!handle.health().is_serving(service), "{service:?} serves");
    }
    assert!(handle.health().is_serving(health::LIVENESS));
    assert_eq!(handle.snapshot().phase, Phase::Leaving);
    assert_eq!(
        handle.snapshot().component("a").unwrap().state,
        State::Running
    );

    let outcome = running.outcome().await;
    assert_eq!(diary.at("a.drain"), ms(600));
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn reports_after_the_drain_began_change_nothing() {
    let running = run(builder().add(worker("late", |cx| async move {
        cx.stopping().await;
        cx.health().ready();
        Ok(())
    })));
    let health = running.handle.health().clone();
    running.terminated_after(ms(10)).await;
    health.reporter("another").ready();
    assert!(!health.is_serving("late"));
    assert!(!health.is_serving("another"));
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_delay_and_a_third_ends_everything() {
    let diary = Diary::new();
    let script = diary.script("slow").stop(Act::Takes(ms(60_000)));
    let running = run(builder()
        .termination_delay(ms(5_000))
        .stop_timeout(ms(100_000))
        .add(script.stop_within(ms(90_000))));
    let signals = running.signals.clone();
    sleep(ms(100)).await;
    signals.send(Signal::Terminate);
    sleep(ms(100)).await;
    signals.send(Signal::Terminate);
    sleep(ms(200)).await;
    assert_eq!(diary.at("slow.stop"), ms(200));

    let third = Instant::now();
    signals.send(Signal::Terminate);
    let outcome = running.outcome().await;
    assert!(third.elapsed() < ms(300));
    assert_eq!(outcome.exit_code(), 143);
    assert_eq!(
        outcome.laggards,
        [laggard("slow", "everything, while stopping")]
    );
    assert_eq!(outcome.snapshot.components[0].state, State::Forced);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_delay() {
    let diary = Diary::new();
    let running = run(builder()
        .termination_delay(ms(5_000))
        .add(diary.script("a"))
        .add(diary.script("b").run([Act::FailsAfter(ms(300))])));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(outcome.cause, Cause::Signal(Signal::Terminate));
    assert_eq!(outcome.stop_took, ms(200));
}

#[tokio::test(start_paused = true)]
async fn there_is_no_delay_when_nobody_was_sending_traffic() {
    let diary = Diary::new();
    let running = run(builder()
        .termination_delay(ms(5_000))
        .add(diary.script("a").start([Act::Takes(ms(9_000))])));
    let outcome = running.terminated_after(ms(1_000)).await;
    assert_eq!(outcome.stop_took, Duration::ZERO);
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_quit_ends_everything_at_once() {
    let diary = Diary::new();
    let running = run(builder()
        .termination_delay(ms(5_000))
        .add(diary.script("a")));
    sleep(ms(100)).await;
    running.signals.send(Signal::Quit);
    let outcome = running.outcome().await;
    assert_eq!(outcome.exit_code(), 131);
    assert_eq!(diary.count("a.stop"), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_overruns_is_forced_and_named_and_the_rest_still_stops() {
    let diary = Diary::new();
    let running = run(builder()
        .stop_timeout(ms(300))
        .add(diary.script("below"))
        .add(
            diary
                .script("slow")
                .stop(Act::Takes(ms(2_000)))
                .after(["below"]),
        ));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(outcome.stop_took, ms(300));
    assert_eq!(outcome.laggards, [laggard("slow", "stop")]);
    assert_eq!(diary.count("below.stop"), 1);
    let state = |name: &str| outcome.snapshot.component(name).unwrap().state;
    assert_eq!(
        (state("slow"), state("below")),
        (State::Forced, State::Stopped)
    );
    assert_eq!(outcome.exit_code(), 0, "being forced is a warning");
    assert!(!outcome.is_clean());
}

#[tokio::test(start_paused = true)]
async fn drains_have_their_time_and_stops_have_theirs() {
    let diary = Diary::new();
    let running = run(builder()
        .drain_timeout(ms(900))
        .stop_timeout(ms(1_000))
        .add(
            diary
                .script("slow")
                .drain(Act::Hangs)
                .stop(Act::Takes(ms(90))),
        ));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(outcome.laggards, [laggard("slow", "drain")]);
    assert_eq!(outcome.stop_took, ms(990));
    assert_eq!(diary.count("slow.stopped"), 1);
}

/// A hook, when it was called, and the time that it was given.
type Given = (&'static str, Duration, Duration);

/// Notes what each hook of its stop was given.
struct Deadlines {
    began: Instant,
    seen: Arc<Mutex<Vec<Given>>>,
}

impl Deadlines {
    fn note(&self, hook: &'static str, deadline: Option<Instant>) {
        let left = deadline.map_or(Duration::MAX, |at| at.duration_since(Instant::now()));
        let mut seen = self.seen.lock().unwrap();
        seen.push((hook, self.began.elapsed(), left));
    }
}

#[async_trait]
impl Component for Deadlines {
    fn name(&self) -> &str {
        "a"
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        cx.stopping().await;
        self.note("run", cx.deadline());
        sleep(ms(100)).await;
        Ok(())
    }

    async fn drain(&mut self, cx: &StopContext) -> Result<(), Error> {
        self.note("drain", Some(cx.deadline()));
        sleep(ms(100)).await;
        Ok(())
    }

    async fn stop(&mut self, cx: &StopContext) -> Result<(), Error> {
        self.note("stop", Some(cx.deadline()));
        std::future::pending().await
    }
}

/// On a paused clock they are exact, which is well within one per cent.
#[tokio::test(start_paused = true)]
async fn deadlines_are_the_smaller_of_the_own_limit_and_what_the_process_has_left() {
    let with = |drain: u64, stop: u64| async move {
        let seen = Arc::default();
        let component = Deadlines {
            began: Instant::now(),
            seen: Arc::clone(&seen),
        };
        let running = run(builder()
            .drain_timeout(ms(2_000))
            .stop_timeout(ms(3_000))
            .add(component.drain_within(ms(drain)).stop_within(ms(stop))));
        let outcome = running.terminated_after(ms(50)).await;
        assert_eq!(outcome.laggards, [laggard("a", "stop")]);
        let seen = seen.lock().unwrap().clone();
        (seen, outcome.stop_took)
    };
    // The limits of the component are the smaller ones; run and drain share one.
    let (seen, took) = with(500, 700).await;
    assert_eq!(
        seen,
        [
            ("run", ms(50), ms(500)),
            ("drain", ms(150), ms(400)),
            ("stop", ms(250), ms(700))
        ]
    );
    assert_eq!(took, ms(900));
    // Those of the process are.
    let (seen, took) = with(9_000, 9_000).await;
    assert_eq!(
        seen,
        [
            ("run", ms(50), ms(2_000)),
            ("drain", ms(150), ms(1_900)),
            ("stop", ms(250), ms(2_800))
        ]
    );
    assert_eq!(took, ms(3_000));
}

#[tokio::test(start_paused = true)]
async fn being_forced_spoils_the_exit_code_of_a_strict_supervisor() {
    let diary = Diary::new();
    let running = run(builder().strict().add(diary.script("a").stop(Act::Hangs)));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(outcome.stop_took, ms(5_000), "its own limit");
    assert_eq!(outcome.exit_code(), 70);
}

#[tokio::test(start_paused = true)]
async fn hanging_runs_and_drains_leave_time_for_every_stop() {
    let diary = Diary::new();
    let running = run(builder()
        .stop_timeout(ms(1_000))
        .add(diary.script("a").drain(Act::Hangs))
        .add(
            diary
                .script("b")
                .run([Act::Hangs])
                .stop(Act::Takes(ms(100)))
                .after(["a"]),
        )
        .add(
            diary
                .script("c")
                .drain(Act::Hangs)
                .stop(Act::Takes(ms(100)))
                .after(["b"]),
        ));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(diary.of(".stopped"), ["c", "b", "a"]);
    assert_eq!(outcome.stop_took, ms(950));
    let mut named: Vec<_> = outcome
        .laggards
        .iter()
        .map(|l| (&*l.component, &*l.what))
        .collect();
    named.sort_unstable();
    assert_eq!(named, [("a", "drain"), ("b", "run"), ("c", "drain")]);
}

#[tokio::test(start_paused = true)]
async fn every_failing_stop_is_reported_and_keeps_nobody_from_stopping() {
    let diary = Diary::new();
    let running = run(builder()
        .add(diary.script("a").stop(Act::Fails))
        .add(diary.script("b").after(["a"]))
        .add(diary.script("c").stop(Act::Panics).after(["b"])));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(diary.of(".stop"), ["c", "b", "a"]);
    let [c, a] = &outcome.failures[..] else {
        panic!("{outcome}")
    };
    assert!(
        c.component == "c"
            && matches!(&c.kind, FailureKind::Panic(said) if said.contains("stop fell over, at lifecycle/tests/it/rig.rs:")),
        "{c}"
    );
    assert_eq!(a.to_string(), "a failed to stop: stop broke");
    assert_eq!((a.step, outcome.exit_code()), (Step::Stop, 70));
}

#[tokio::test(start_paused = true)]
async fn asking_many_times_stops_once() {
    let diary = Diary::new();
    let running = run(builder().add(diary.script("a")).add(diary.script("b")));
    let handle = running.handle.clone();
    sleep(ms(10)).await;
    for _ in 0..10 {
        handle.shutdown();
    }
    let outcome = running.outcome().await;
    handle.shutdown();
    assert_eq!(outcome.cause, Cause::Requested);
    assert_eq!((diary.count("a.stop"), diary.count("b.stop")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_listener_stops_before_what_it_did_not_wait_for() {
    let diary = Diary::new();
    let running = run(builder()
        .add(diary.script("store").start([Act::Takes(ms(100))]))
        .add(diary.script("server").stops_before(["store", "not here"])));
    running.terminated_after(ms(500)).await;
    assert_eq!(diary.of(".started"), ["server", "store"]);
    assert_eq!(diary.of(".drain"), ["server", "store"]);
    assert_eq!(diary.of(".stop"), ["server", "store"]);
}

#[tokio::test(start_paused = true)]
async fn the_job_of_the_process_ends_it_and_other_jobs_do_not() {
    let diary = Diary::new();
    let outcome = run(builder()
        .add(
            diary
                .script("migration")
                .run([Act::Takes(ms(10))])
                .on_finish(OnFinish::Continue),
        )
        .add(
            diary
                .script("import")
                .run([Act::Takes(ms(300))])
                .on_finish(OnFinish::Shutdown)
                .after(["migration"]),
        )
        .add(diary.script("server")))
    .outcome()
    .await;
    assert_eq!(outcome.cause, Cause::Finished("import".to_owned()));
    assert_eq!((outcome.up, outcome.exit_code()), (ms(300), 0));
    assert_eq!(diary.count("migration.stop"), 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_jobs_are_done_the_process_is() {
    let diary = Diary::new();
    let job = |name: &str| diary.script(name).run([Act::Takes(ms(50))]);
    let outcome = run(builder()
        .add(job("a").on_finish(OnFinish::Continue))
        .add(job("b").on_finish(OnFinish::Continue)))
    .outcome()
    .await;
    assert_eq!((outcome.up, outcome.exit_code()), (ms(50), 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_supervisor_leaves_no_task() {
    let diary = Diary::new();
    let (_signals, source) = lifecycle::Signals::mock();
    let supervisor = builder()
        .signals(source)
        .add(diary.script("a"))
        .build()
        .unwrap();
    let before = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    timeout(ms(100), supervisor.run())
        .await
        .expect_err("it runs");
    sleep(ms(1)).await;
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        before
    );
}

/// On real time, because only a real thread can be blocked; and only once all is quiet, because a
/// blocked thread takes the task with it that it was to run next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_blocks_its_thread_is_named_and_does_not_hold_the_others() {
    let diary = Diary::new();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (go, mut going) = tokio::sync::mpsc::channel::<()>(1);
    let mut blocked = Some((blocked, async move { going.recv().await }));
    let blocking = worker("blocking", move |_| {
        let taken = blocked.take();
        async move {
            let Some((blocked, going)) = taken else {
                return Ok(());
            };
            going.await;
            blocked.recv().ok();
            Ok(())
        }
    });
    let running = run(builder()
        .stop_timeout(ms(200))
        .add(diary.script("below"))
        .add(blocking.after(["below"])));
    sleep(ms(100)).await;
    go.send(()).await.unwrap();
    let outcome = running.terminated_after(ms(100)).await;
    drop(release);
    assert_eq!(diary.count("below.stopped"), 1);
    assert!(
        outcome.laggards.iter().any(|l| l.component == "blocking"),
        "{outcome}"
    );
}

/// The only test that sends a real one; its handler stays with the test process.
#[cfg(unix)]
#[tokio::test]
async fn a_real_sigterm_is_heard_once_armed() {
    let signals = lifecycle::Signals::arm().unwrap();
    let supervisor = builder()
        .signals(signals)
        .add(Diary::new().script("a"))
        .build()
        .unwrap();
    let mut watch = supervisor.handle().watch();
    let running = tokio::spawn(supervisor.run());
    watch
        .wait_for(|snapshot| snapshot.phase == Phase::Ready)
        .await
        .unwrap();
    let me = std::process::id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &me])
            .status()
            .unwrap()
            .success()
    );
    let outcome = running.await.unwrap();
    assert_eq!(outcome.cause, Cause::Signal(Signal::Terminate));
}
