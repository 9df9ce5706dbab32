//! Workers, work in turns, resources, gauges: components made of functions.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use lifecycle::{
    Cause, ComponentExt as _, Error, Fixed, Gauges, Restart, Sample, Turn, exponential,
    health::Status, repeat, resource, worker,
};
use tokio::time::{Instant, sleep};

use crate::rig::{Act, Diary, builder, ms, run};

#[tokio::test(start_paused = true)]
async fn workers_that_are_asked_after_two_seconds_stop_at_once_and_once() {
    for count in [1, 3] {
        let diary = Diary::new();
        let names: Vec<_> = (0..count).map(|index| format!("worker-{index}")).collect();
        let mut builder = builder();
        for name in &names {
            builder = builder.add(diary.script(name));
        }
        let outcome = run(builder).terminated_after(ms(2_000)).await;
        assert!(outcome.is_clean(), "{outcome}");
        assert_eq!((outcome.up, outcome.stop_took), (ms(2_000), ms(0)));
        for name in &names {
            assert_eq!(diary.count(&format!("{name}.run")), 1);
            assert_eq!(diary.count(&format!("{name}.stop")), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_middle_one_of_three_workers_fails_and_is_named() {
    let diary = Diary::new();
    let outcome = run(builder()
        .add(diary.script("one"))
        .add(diary.script("two").run([Act::FailsAfter(ms(2_000))]))
        .add(diary.script("three")))
    .outcome()
    .await;
    assert_eq!(outcome.cause, Cause::Failed("two".to_owned()));
    assert_eq!(
        outcome.failures[0].to_string(),
        "two failed to run: run broke"
    );
    assert_eq!(diary.of(".stop").len(), 3);
    assert_eq!(outcome.stop_took, ms(0));
}

/// What each turn does, and when it was called.
#[derive(Clone)]
struct Turns {
    began: Instant,
    calls: Arc<Mutex<Vec<u128>>>,
}

impl Turns {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            calls: Arc::default(),
        }
    }

    /// Notes the call; its number, from 0.
    fn call(&self) -> usize {
        let mut calls = self.calls.lock().unwrap();
        calls.push(self.began.elapsed().as_millis());
        calls.len() - 1
    }

    fn calls(&self) -> Vec<u128> {
        self.calls.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn idle_turns_pause_and_work_resets_the_pauses() {
    struct Doubling(u64);
    impl lifecycle::RetryPolicy for Doubling {
        fn next_delay(&mut self) -> Option<std::time::Duration> {
            self.0 *= 2;
            Some(ms(self.0 / 2))
        }
        fn reset(&mut self) {
            self.0 = 100;
        }
    }
    let turns = Turns::new();
    let seen = turns.clone();
    let running = run(builder().add(repeat("queue", Doubling(0), move || {
        let number = seen.call();
        async move {
            Ok(match number {
                3 | 4 => Turn::Worked,
                _ => Turn::Idle,
            })
        }
    })));
    running.terminated_after(ms(1_050)).await;
    assert_eq!(turns.calls(), [0, 100, 300, 700, 700, 700, 800, 1_000]);
}

#[tokio::test(start_paused = true)]
async fn turns_keep_their_distance_and_their_limit() {
    let turns = Turns::new();
    let seen = turns.clone();
    let queue = repeat("queue", Fixed::every(ms(5)), move || {
        let number = seen.call();
        async move {
            if number == 2 {
                std::future::pending::<()>().await;
            }
            Ok(Turn::Worked)
        }
    });
    let running = run(builder().add(queue.every(ms(100)).turn_within(ms(250))));
    let health = running.handle.health().clone();
    sleep(ms(452)).await;
    let status = health.snapshot().entries["queue"].clone();
    assert_eq!(
        status,
        Status::NotReady("not done within 250.0ms".to_owned())
    );
    running.terminated_after(ms(150)).await;
    assert_eq!(turns.calls(), [0, 100, 200, 455, 555]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_or_panics_is_followed_by_another() {
    let turns = Turns::new();
    let seen = turns.clone();
    let running = run(
        builder().add(repeat("queue", Fixed::every(ms(100)), move || {
            let number = seen.call();
            assert!(number != 1, "the second turn");
            async move {
                match number {
                    0 => Err(Error::new("the queue is away")),
                    _ => Ok(Turn::Idle),
                }
            }
        })),
    );
    let health = running.handle.health().clone();
    let status = || health.snapshot().entries["queue"].to_string();
    sleep(ms(50)).await;
    assert_eq!(status(), "not ready: the queue is away");
    sleep(ms(100)).await;
    assert!(status().starts_with("not ready: panicked: the second turn, at "));
    sleep(ms(100)).await;
    assert_eq!(status(), "ok");
    assert!(running.terminated_after(ms(0)).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_and_spent_pauses_end_the_turns() {
    let fails = |permanent| {
        repeat(
            "queue",
            Fixed::every(ms(10)).at_most(2),
            move || async move {
                Err::<Turn, _>(match permanent {
                    true => Error::permanent("no such queue"),
                    false => Error::new("the queue is away"),
                })
            },
        )
    };
    for (permanent, up) in [(true, ms(0)), (false, ms(20))] {
        let outcome = run(builder().add(fails(permanent))).outcome().await;
        assert_eq!((outcome.up, outcome.exit_code()), (up, 70), "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_leaves_at_once_whatever_it_does() {
    let sleeps = repeat("sleeps", exponential(ms(60_000), ms(60_000)), || async {
        Ok(Turn::Idle)
    });
    let hangs = repeat("hangs", Fixed::every(ms(1)), std::future::pending);
    let busy = repeat("busy", Fixed::every(ms(1)), || async { Ok(Turn::Worked) });
    for outcome in [
        run(builder().add(sleeps)).terminated_after(ms(100)).await,
        run(builder().add(hangs)).terminated_after(ms(100)).await,
        run(builder().add(busy.every(ms(1))))
            .terminated_after(ms(100))
            .await,
    ] {
        assert!(outcome.is_clean(), "{outcome}");
        assert_eq!(outcome.stop_took, ms(0));
    }
}

/// On real time: a paused clock does not move while there is work.
#[tokio::test]
async fn a_queue_that_is_never_empty_does_not_keep_it_from_leaving() {
    let busy = repeat("busy", Fixed::every(ms(1)), || async { Ok(Turn::Worked) });
    let outcome = run(builder().add(busy)).terminated_after(ms(20)).await;
    assert!(outcome.is_clean(), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_there_for_its_dependents_and_closed_after_them() {
    let diary = Diary::new();
    let opened = Arc::new(AtomicU32::new(0));
    let (counter, closing) = (Arc::clone(&opened), diary.clone());
    let pool = resource(
        "pool",
        move || {
            let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
            async move { Ok(format!("pool {number}")) }
        },
        move |pool| {
            closing.note(format!("{pool} closed"));
            async { Ok(()) }
        },
    );
    let slot = pool.slot();
    assert_eq!(slot.get().unwrap_err().to_string(), "pool is not open");
    let (reading, mut waiting) = (slot.clone(), slot.clone());
    let notes = diary.clone();
    let reader = worker("reader", move |cx| {
        notes.note(format!("reads {}", reading.get().unwrap_or_default()));
        let notes = notes.clone();
        async move {
            cx.stopping().await;
            notes.note("read to the end");
            Ok(())
        }
    });
    let running = run(builder().add(reader.after(["pool"])).add(pool));
    assert_eq!(waiting.opened().await.as_deref(), Some("pool 1"));
    let outcome = running.terminated_after(ms(10)).await;
    assert_eq!(
        diary.timed(),
        ["0 reads pool 1", "10 read to the end", "10 pool 1 closed"]
    );
    assert!(outcome.is_clean());
    slot.get().expect_err("closed");
    assert_eq!(waiting.opened().await, None, "it never will be");
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_did_not_open_is_not_closed() {
    let closed = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&closed);
    let pool = resource(
        "pool",
        || async { Err::<u8, _>(Error::new("no such host")) },
        move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        },
    );
    let outcome = run(builder().add(pool)).outcome().await;
    assert_eq!(
        outcome.failures[0].to_string(),
        "pool failed to start: no such host"
    );
    assert_eq!(closed.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn gauges_are_sampled_periodically_and_a_panicking_one_alone_is_left_out() {
    let samples = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&samples);
    let mut depth = 0.0;
    let gauges = Gauges::new(ms(1_000), move |sample: &Sample| {
        sink.lock().unwrap().push(sample.clone());
    })
    .gauge("bad", [("a", "b")], || panic!("no value"))
    .gauge("depth_jobs", [("queue", "mail")], move || {
        depth += 1.0;
        depth
    });
    let restarted = Restart::new(1, ms(1), Fixed::every(ms(1)));
    let running = run(builder().add(gauges.restart(restarted)));
    let outcome = running.terminated_after(ms(2_500)).await;
    assert!(outcome.failures.is_empty(), "{outcome}");
    let samples = samples.lock().unwrap();
    let values: Vec<_> = samples.iter().map(|it| (it.name, it.value)).collect();
    assert_eq!(
        values,
        [
            ("depth_jobs", 1.0),
            ("depth_jobs", 2.0),
            ("depth_jobs", 3.0)
        ]
    );
    assert_eq!(samples[0].tags, [("queue", "mail".to_owned())]);
}
