//! Start in the order of dependencies, stop in reverse.

use lifecycle::{Cause, ComponentExt as _, Phase, Signal, State};

use crate::rig::{Act, Diary, builder, ms, run};

#[tokio::test(start_paused = true)]
async fn a_chain_starts_without_overlap_and_stops_in_reverse() {
    let diary = Diary::new();
    let script = |name: &str| {
        diary
            .script(name)
            .start([Act::Takes(ms(100))])
            .drain(Act::Takes(ms(10)))
            .stop(Act::Takes(ms(50)))
    };
    let running = run(builder()
        .add(script("c").after(["b"]))
        .add(script("a"))
        .add(script("b").after(["a"])));
    let outcome = running.terminated_after(ms(1_000)).await;

    assert_eq!(
        diary.timed(),
        [
            "0 a.start",
            "100 a.started",
            "100 a.run",
            "100 b.start",
            "200 b.started",
            "200 b.run",
            "200 c.start",
            "300 c.started",
            "300 c.run",
            "1000 c.drain",
            "1010 c.drained",
            "1010 b.drain",
            "1020 b.drained",
            "1020 a.drain",
            "1030 a.drained",
            "1030 c.stop",
            "1080 c.stopped",
            "1080 b.stop",
            "1130 b.stopped",
            "1130 a.stop",
            "1180 a.stopped",
        ]
    );
    assert_eq!(outcome.cause, Cause::Signal(Signal::Terminate));
    assert_eq!(outcome.start_took, Some(ms(300)));
    assert_eq!((outcome.up, outcome.stop_took), (ms(1_000), ms(180)));
    assert!(outcome.is_clean());
    assert_eq!(outcome.snapshot.phase, Phase::Stopped);
    assert!(
        outcome
            .snapshot
            .components
            .iter()
            .all(|c| c.state == State::Stopped)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_independent_starts_and_stops_together() {
    let diary = Diary::new();
    let script = |name: &str| {
        diary
            .script(name)
            .start([Act::Takes(ms(200))])
            .stop(Act::Takes(ms(70)))
    };
    let running = run(builder().add(script("a")).add(script("b")).add(script("c")));
    let outcome = running.terminated_after(ms(500)).await;
    assert_eq!(outcome.start_took, Some(ms(200)));
    assert_eq!(outcome.stop_took, ms(70));
}
