//! Failures and panics in every hook, retries, restarts.

use std::time::Duration;

use lifecycle::{
    Abandoned, Cause, ComponentExt as _, Error, Event, FailureKind, Fixed, OnFailure, Restart,
    Signal, Signals, State, Step, StepEnd, health, retry, worker,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::rig::{Act, Diary, be_quiet, builder, ms, run};

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_with_the_configuration_is_reported_and_nothing_starts() {
    let diary = Diary::new();
    let outcome = run(builder()
        .add(diary.script("a").load(Act::Fails))
        .add(diary.script("b"))
        .add(diary.script("c").load(Act::Panics)))
    .outcome()
    .await;
    let steps: Vec<_> = outcome
        .failures
        .iter()
        .map(|f| (&*f.component, f.step))
        .collect();
    assert_eq!(steps, [("a", Step::Load), ("c", Step::Load)]);
    assert_eq!(outcome.exit_code(), 78);
    assert!(diary.timed().is_empty());
    assert!(
        outcome
            .snapshot
            .components
            .iter()
            .all(|c| c.state == State::Skipped)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_start_stops_every_start_that_was_entered() {
    let diary = Diary::new();
    let outcome = run(builder()
        .add(diary.script("a").stop(Act::Fails))
        .add(
            diary
                .script("b")
                .start([Act::FailsAfter(ms(50))])
                .after(["a"]),
        )
        .add(diary.script("c").after(["b"]))
        .add(diary.script("slow").start([Act::Takes(ms(500))])))
    .outcome()
    .await;
    assert_eq!(outcome.cause, Cause::Failed("b".to_owned()));
    let said: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "b failed to start: start broke",
            "a failed to stop: stop broke"
        ]
    );
    assert_eq!(outcome.exit_code(), 69);
    for (name, stops) in [("a", 1), ("b", 1), ("c", 0), ("slow", 1)] {
        assert_eq!(diary.count(&format!("{name}.stop")), stops, "{name}");
    }
    assert_eq!(diary.count("c.start"), 0);
    assert_eq!(
        outcome.snapshot.component("c").unwrap().state,
        State::Skipped
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_too_long_has_failed() {
    let diary = Diary::new();
    let outcome = run(builder().add(diary.script("a").start([Act::Hangs]).start_within(ms(400))))
        .outcome()
        .await;
    assert!(matches!(outcome.failures[0].kind, FailureKind::TimedOut(limit) if limit == ms(400)));
    assert_eq!((outcome.up, outcome.exit_code()), (ms(400), 69));
    assert_eq!(diary.count("a.stop"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_signal_cancels_the_start() {
    let diary = Diary::new();
    let running = run(builder()
        .add(diary.script("a"))
        .add(
            diary
                .script("b")
                .start([Act::Takes(ms(5_000))])
                .after(["a"]),
        )
        .add(diary.script("c").after(["b"])));
    let outcome = running.terminated_after(ms(1_000)).await;
    assert_eq!(outcome.up + outcome.stop_took, ms(1_000));
    assert_eq!(outcome.exit_code(), 0);
    assert_eq!(diary.of(".stop"), ["b", "a"]);
    assert_eq!(diary.count("c.start") + diary.count("b.started"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failing_run_stops_the_others_and_names_itself() {
    let diary = Diary::new();
    let outcome = run(builder()
        .add(diary.script("a"))
        .add(diary.script("b").run([Act::FailsAfter(ms(70))]))
        .add(diary.script("c")))
    .outcome()
    .await;
    assert_eq!(outcome.cause, Cause::Failed("b".to_owned()));
    assert_eq!(
        outcome.failures[0].to_string(),
        "b failed to run: run broke"
    );
    assert_eq!((outcome.up, outcome.stop_took), (ms(70), Duration::ZERO));
    assert_eq!(diary.of(".stop").len(), 3);
    assert_eq!(outcome.exit_code(), 70);
}

#[tokio::test(start_paused = true)]
async fn an_error_chooses_the_exit_code() {
    let outcome = run(builder().add(worker("disk", |_| async {
        Err(Error::new("no space left").with_exit_code(74))
    })))
    .outcome()
    .await;
    assert_eq!(outcome.exit_code(), 74);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_while_it_is_stopped_chooses_the_exit_code() {
    let running = run(builder().add(worker("disk", |cx| async move {
        cx.stopping().await;
        Err(Error::new("no space left").with_exit_code(74))
    })));
    let outcome = running.terminated_after(ms(10)).await;
    assert!(matches!(outcome.cause, Cause::Signal(_)), "{outcome}");
    assert!(!outcome.is_clean());
    assert_eq!(outcome.exit_code(), 74);
}

#[tokio::test(start_paused = true)]
async fn of_endless_failures_the_last_hundred_are_remembered() {
    let mut runs = 0;
    let outcome = run(builder().add(
        worker("restless", move |_| {
            runs += 1;
            let text = format!("failure {runs}");
            async move { Err(Error::new(text)) }
        })
        .restart(Restart::new(149, ms(3_600_000), Fixed::every(ms(1)))),
    ))
    .outcome()
    .await;
    assert_eq!(outcome.failures.len(), 100);
    assert_eq!(outcome.failures[0].kind.to_string(), "failure 51");
    assert_eq!(outcome.exit_code(), 70);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_unasked_has_failed() {
    let outcome = run(builder().add(worker("brief", |_| async { Ok(()) })))
        .outcome()
        .await;
    assert!(matches!(outcome.failures[0].kind, FailureKind::EndedEarly));
    assert_eq!(outcome.exit_code(), 70);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_any_hook_is_a_failure_with_a_place() {
    type Break = fn(crate::rig::Script) -> crate::rig::Script;
    let breaks: [(Step, Break); 4] = [
        (Step::Start, |script| script.start([Act::Panics])),
        (Step::Run, |script| script.run([Act::Panics])),
        (Step::Drain, |script| script.drain(Act::Panics)),
        (Step::Stop, |script| script.stop(Act::Panics)),
    ];
    for (step, breaking) in breaks {
        let diary = Diary::new();
        let running = run(builder()
            .add(diary.script("good"))
            .add(breaking(diary.script("bad"))));
        let outcome = running.terminated_after(ms(10)).await;
        let [failure] = &outcome.failures[..] else {
            panic!("{step:?}: {outcome}")
        };
        assert_eq!((&*failure.component, failure.step), ("bad", step));
        let FailureKind::Panic(said) = &failure.kind else {
            panic!("{failure}")
        };
        assert!(
            said.contains("fell over, at lifecycle/tests/it/rig.rs:"),
            "{said}"
        );
        assert_eq!(outcome.exit_code(), 70, "{step:?}");
        assert_eq!(
            (diary.count("good.stopped"), diary.count("bad.stop")),
            (1, 1),
            "{step:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_observer_disturbs_nobody_and_steps_come_in_pairs() {
    let diary = Diary::new();
    let seen = diary.clone();
    let outcome = run(builder()
        .observer(|_: &Event<'_>| panic!("an observer fell over"))
        .observer(move |event: &Event<'_>| match event {
            Event::Entered { component, step } => seen.note(format!("{component} {step:?}>")),
            Event::Left {
                component,
                step,
                end,
                ..
            } => {
                seen.note(format!("{component} {step:?}< {end:?}"));
            }
            _ => {}
        })
        .add(diary.script("a").run([Act::Hangs]).drain_within(ms(20)))
        .add(diary.script("b").run([Act::FailsAfter(ms(10))])))
    .outcome()
    .await;
    assert_eq!(outcome.cause, Cause::Failed("b".to_owned()));
    for component in ["a", "b"] {
        for step in ["Start", "Run", "Stop"] {
            let entered = diary.position(&format!("{component} {step}>")).unwrap();
            let ends = [StepEnd::Done, StepEnd::Failed, StepEnd::TimedOut];
            let left = |end| diary.position(&format!("{component} {step}< {end:?}"));
            let left: Vec<_> = ends.into_iter().filter_map(left).collect();
            assert!(
                left.len() == 1 && left[0] > entered,
                "{component} {step}: {left:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_is_tried_again_and_every_attempt_is_told() {
    let diary = Diary::new();
    let seen = diary.clone();
    let running = run(builder()
        .observer(move |event: &Event<'_>| {
            if let Event::Attempt { attempt, .. } = event {
                seen.note(format!("{attempt}"));
            }
        })
        .add(
            diary
                .script("log")
                .start([Act::Fails, Act::Fails, Act::Fails, Act::Takes(ms(5))])
                .retry(Fixed::every(ms(100))),
        ));
    let health = running.handle.health().clone();
    sleep(ms(150)).await;
    let cause = health.snapshot().lookup(health::READINESS).unwrap().cause();
    assert_eq!(
        cause,
        "log: not ready: attempt 2: start broke, next try in 100.0ms; process: not ready: starting"
    );
    let outcome = running.terminated_after(ms(500)).await;
    assert_eq!(outcome.start_took, Some(ms(305)));
    assert_eq!(diary.count("log.start"), 4);
    assert_eq!(diary.count("log.stop"), 1);
    assert_eq!(
        diary.at("attempt 3: start broke, next try in 100.0ms"),
        ms(200)
    );
    assert!(outcome.failures.is_empty(), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_and_a_spent_policy_end_the_retries() {
    for (act, attempts) in [(Act::FailsForGood, 1), (Act::Fails, 3)] {
        let diary = Diary::new();
        let outcome = run(builder().add(
            diary
                .script("a")
                .start([act; 9])
                .retry(Fixed::every(ms(100)).at_most(2)),
        ))
        .outcome()
        .await;
        assert_eq!(diary.count("a.start"), attempts);
        assert_eq!(outcome.exit_code(), 69);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_attempt_is_cancelled_at_once() {
    let diary = Diary::new();
    let running = run(builder().add(
        diary
            .script("a")
            .start([Act::Fails; 9])
            .retry(Fixed::every(ms(10_000))),
    ));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!(outcome.stop_took, Duration::ZERO);
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_the_background_holds_up_readiness_and_nothing_else() {
    let diary = Diary::new();
    let running = run(builder()
        .termination_delay(ms(5_000))
        .add(
            diary
                .script("log")
                .start([Act::Fails; 99])
                .retry(lifecycle::exponential(ms(100), ms(1_000)))
                .in_background(),
        )
        .add(diary.script("projector").after(["log"]))
        .add(diary.script("server").stops_before(["projector", "log"])));
    let health = running.handle.health().clone();
    sleep(ms(8_000)).await;
    assert!(health.is_serving(health::STARTUP) && health.is_serving(health::LIVENESS));
    assert!(!health.is_serving(health::READINESS));
    let cause = health.snapshot().lookup(health::READINESS).unwrap().cause();
    assert!(cause.starts_with("log: not ready: attempt "), "{cause}");
    assert!(
        cause.ends_with("; projector: not ready: waiting for log"),
        "{cause}"
    );

    let outcome = running.terminated_after(ms(0)).await;
    assert_eq!(
        (outcome.stop_took, outcome.exit_code()),
        (Duration::ZERO, 0)
    );
    assert_eq!(diary.of(".stop"), ["server", "log"]);
}

#[tokio::test(start_paused = true)]
async fn dependents_in_the_background_start_when_their_time_comes() {
    let diary = Diary::new();
    let running = run(builder()
        .add(
            diary
                .script("log")
                .start([Act::Fails, Act::Done])
                .retry(Fixed::every(ms(100)))
                .in_background(),
        )
        .add(diary.script("projector").after(["log"])));
    let health = running.handle.health().clone();
    sleep(ms(200)).await;
    assert!(health.is_serving(health::READINESS));
    assert_eq!(diary.at("projector.start"), ms(100));
    running.terminated_after(ms(1)).await;
    assert_eq!(diary.of(".stop"), ["projector", "log"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_run_is_restarted_and_counted() {
    let diary = Diary::new();
    let fails = Act::FailsAfter(ms(10));
    let running = run(builder().add(
        diary
            .script("a")
            .run([fails, fails, Act::Panics])
            .restart(Restart::new(3, ms(60_000), Fixed::every(ms(100)))),
    ));
    let health = running.handle.health().clone();
    sleep(ms(50)).await;
    let cause = health.snapshot().lookup("a").unwrap().cause();
    assert_eq!(
        cause,
        "a: not ready: restarting in 100.0ms after it failed: run broke"
    );
    let outcome = running.terminated_after(ms(1_000)).await;
    let component = outcome.snapshot.component("a").unwrap();
    assert_eq!((component.starts, component.restarts), (4, 3));
    assert_eq!((diary.count("a.start"), diary.count("a.stop")), (4, 4));
    assert_eq!((outcome.failures.len(), outcome.exit_code()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_spent_restart_budget_stops_the_process_with_all_causes() {
    let diary = Diary::new();
    let outcome = run(builder()
        .add(
            diary
                .script("a")
                .run([Act::FailsAfter(ms(10)); 9])
                .restart(Restart::new(2, ms(60_000), Fixed::every(ms(100)))),
        )
        .add(diary.script("b")))
    .outcome()
    .await;
    assert_eq!(outcome.cause, Cause::Failed("a".to_owned()));
    assert_eq!((outcome.failures.len(), outcome.exit_code()), (3, 70));
    assert_eq!(diary.count("b.stop"), 1);
}

#[tokio::test(start_paused = true)]
async fn restarts_long_ago_do_not_count() {
    let diary = Diary::new();
    let running = run(builder().add(
        diary
            .script("a")
            .run([Act::FailsAfter(ms(600)); 5])
            .restart(Restart::new(1, ms(500), Fixed::every(ms(0)))),
    ));
    let outcome = running.terminated_after(ms(10_000)).await;
    assert_eq!(outcome.snapshot.components[0].restarts, 5);
}

#[tokio::test(start_paused = true)]
async fn a_pending_restart_does_not_resurrect() {
    let diary = Diary::new();
    let running = run(builder().add(
        diary
            .script("a")
            .run([Act::FailsAfter(ms(10))])
            .restart(Restart::new(3, ms(60_000), Fixed::every(ms(1_000)))),
    ));
    let outcome = running.terminated_after(ms(100)).await;
    assert_eq!((diary.count("a.start"), diary.count("a.stop")), (1, 1));
    assert_eq!(outcome.snapshot.components[0].state, State::Stopped);
    assert_eq!(outcome.stop_took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_counts_only_where_it_is_named() {
    let diary = Diary::new();
    let running = run(builder()
        .add(
            diary
                .script("extra")
                .run([Act::FailsAfter(ms(10))])
                .on_failure(OnFailure::Ignore),
        )
        .add(diary.script("main")));
    let health = running.handle.health().clone();
    sleep(ms(100)).await;
    assert!(health.is_serving(health::READINESS) && health.is_serving(health::LIVENESS));
    assert_eq!(
        health.snapshot().lookup("extra").unwrap().cause(),
        "extra: failed: run broke"
    );
    let outcome = running.terminated_after(ms(10)).await;
    assert_eq!(
        (outcome.cause.clone(), outcome.exit_code()),
        (Cause::Signal(Signal::Terminate), 0)
    );
    assert_eq!(diary.of(".stop").len(), 2);
}

/// Alone, because the end of the last component is a reason to stop as well, and the failure must
/// win. The supervisor runs on the thread of the test and the component on another, so that the two
/// really race.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_failure_at_once_is_never_taken_for_the_end_of_the_work() {
    be_quiet();
    for round in 0..10_000 {
        let fails = worker("fails", |_| async { Err(Error::new("at once")) });
        let supervisor = builder().signals(Signals::none()).add(fails).build();
        let outcome = supervisor.unwrap().run().await;
        assert_eq!(outcome.exit_code(), 70, "round {round}: {outcome}");
        assert_eq!(outcome.cause, Cause::Failed("fails".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_at_once_beside_others_is_never_lost() {
    for round in 0..2_000 {
        let outcome = run(builder()
            .add(worker("fails", |_| async { Err(Error::new("at once")) }))
            .add(worker("obeys", |cx| async move {
                cx.stopping().await;
                Ok(())
            })))
        .outcome()
        .await;
        assert_eq!(outcome.exit_code(), 70, "round {round}: {outcome}");
        assert_eq!(
            outcome.failures[0].to_string(),
            "fails failed to run: at once"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_retry_loop_counts_waits_reports_and_gives_up() {
    let token = CancellationToken::new();
    let began = Instant::now();
    let mut told = Vec::new();
    let report = |attempt: &lifecycle::Attempt<'_>| told.push(attempt.to_string());
    let work = |number| async move {
        if number < 4 {
            Err(Error::new("away"))
        } else {
            Ok(number)
        }
    };
    let value = retry("log", Fixed::every(ms(100)), &token, report, work).await;
    assert_eq!(value.ok(), Some(4));
    assert_eq!(began.elapsed(), ms(300));
    assert_eq!(told[2], "attempt 3: away, next try in 100.0ms");

    let policy = Fixed::every(ms(100)).at_most(1);
    let work = |_| async { Err::<(), _>(Error::new("away")) };
    let failed = retry("log", policy, &token, |_| {}, work).await;
    assert!(matches!(failed, Err(Abandoned::Failed(error)) if error.to_string() == "away"));

    token.cancel();
    let cancelled = retry("log", Fixed::every(ms(100)), &token, |_| {}, work).await;
    assert!(matches!(cancelled, Err(Abandoned::Cancelled)));
}

#[test]
fn an_exponential_policy_grows_and_does_not_give_up() {
    use lifecycle::RetryPolicy;
    let mut policy = lifecycle::exponential(ms(100), ms(1_000));
    let delays: Vec<_> = (0..50).filter_map(|_| policy.next_delay()).collect();
    assert_eq!(delays.len(), 50);
    assert!(delays[0] <= ms(150) && delays[49] >= ms(500), "{delays:?}");
}
