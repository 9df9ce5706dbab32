//! Restarts that take the dependents along.

use lifecycle::{
    ComponentExt as _, Fixed, Restart, State,
    health::{self, Requires},
};
use tokio::time::sleep;

use crate::rig::{Act, Diary, Script, builder, ms, run};

fn paced(script: Script) -> Script {
    script.drain(Act::Takes(ms(10))).stop(Act::Takes(ms(20)))
}

fn with_dependents() -> Restart {
    Restart::new(3, ms(60_000), Fixed::every(ms(50))).with_dependents()
}

#[tokio::test(start_paused = true)]
async fn dependents_drain_and_stop_before_and_start_after_what_they_depend_on() {
    let diary = Diary::new();
    let store = paced(diary.script("store")).run([Act::FailsAfter(ms(100))]);
    let running = run(builder()
        .add(paced(diary.script("server")).after(["projector"]))
        .add(paced(diary.script("projector")).after(["store"]))
        .add(store.restart(with_dependents()))
        .add(diary.script("other")));
    sleep(ms(1_000)).await;
    let timeline: Vec<_> = diary
        .timed()
        .into_iter()
        .filter(|line| !line.starts_with("0 "))
        .collect();
    assert_eq!(
        timeline,
        [
            "100 server.drain",
            "110 server.drained",
            "110 server.stop",
            "130 server.stopped",
            "130 projector.drain",
            "140 projector.drained",
            "140 projector.stop",
            "160 projector.stopped",
            "160 store.stop",
            "180 store.stopped",
            "230 store.start",
            "230 store.started",
            "230 store.run",
            "230 projector.start",
            "230 projector.started",
            "230 projector.run",
            "230 server.start",
            "230 server.started",
            "230 server.run",
        ]
    );
    let snapshot = running.handle.snapshot();
    let restarts = |name: &str| snapshot.component(name).unwrap().restarts;
    assert_eq!(
        ["store", "projector", "server", "other"].map(restarts),
        [1, 1, 1, 0]
    );
    let outcome = running.terminated_after(ms(0)).await;
    assert_eq!(outcome.exit_code(), 0, "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn without_it_dependents_run_on() {
    let diary = Diary::new();
    let store = diary.script("store").run([Act::FailsAfter(ms(100))]);
    let running = run(builder()
        .add(store.restart(Restart::new(3, ms(60_000), Fixed::every(ms(50)))))
        .add(diary.script("server").after(["store"])));
    let outcome = running.terminated_after(ms(1_000)).await;
    assert_eq!(
        (diary.count("store.start"), diary.count("server.start")),
        (2, 1)
    );
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dependent_that_still_starts_is_called_off_and_starts_again() {
    let diary = Diary::new();
    let store = diary.script("store").run([Act::FailsAfter(ms(100))]);
    let running = run(builder()
        .add(store.restart(with_dependents()))
        .add(diary.script("server").start([Act::Hangs]).after(["store"])));
    let outcome = running.terminated_after(ms(1_000)).await;
    assert_eq!(
        [
            diary.at("server.stop"),
            diary.at("store.stop"),
            diary.at("server.started")
        ],
        [ms(100), ms(100), ms(150)]
    );
    assert_eq!(
        (diary.count("server.start"), diary.count("server.stop")),
        (2, 2)
    );
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_signal_in_the_middle_of_it_stops_everything_in_order() {
    let diary = Diary::new();
    let store = paced(diary.script("store")).run([Act::FailsAfter(ms(100))]);
    let running = run(builder()
        .add(store.restart(with_dependents()))
        .add(paced(diary.script("projector")).after(["store"]))
        .add(paced(diary.script("server")).after(["projector"])));
    // The server is being stopped, the projector still runs.
    let outcome = running.terminated_after(ms(115)).await;
    assert_eq!(diary.of(".stopped"), ["server", "projector", "store"]);
    let stop = |name: &str| diary.at(&format!("{name}.stop"));
    assert_eq!(
        ["server", "projector", "store"].map(stop),
        [ms(110), ms(130), ms(150)]
    );
    assert_eq!(diary.of(".start").len(), 3, "{:?}", diary.timed());
    let gone = outcome.snapshot.components.iter().map(|it| it.state);
    assert_eq!(
        gone.collect::<Vec<_>>(),
        [State::Failed, State::Stopped, State::Stopped]
    );
    assert_eq!(outcome.exit_code(), 0, "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_signal_in_the_middle_of_it_leaves_the_rest_running_during_the_delay() {
    let diary = Diary::new();
    let store = paced(diary.script("store")).run([Act::FailsAfter(ms(100))]);
    let running = run(builder()
        .termination_delay(ms(500))
        .add(diary.script("other"))
        .add(store.restart(with_dependents()))
        .add(paced(diary.script("projector")).after(["store"]))
        .add(paced(diary.script("server")).after(["projector"])));
    let registry = running.handle.health().clone();
    registry.service(health::READINESS, Requires::only(["other"]));
    let outcome = running.terminated_after(ms(115)).await;
    let at = ["server.stopped", "projector.drain", "store.stop"].map(|line| diary.at(line));
    assert_eq!(at, [ms(130), ms(615), ms(645)]);
    assert_eq!(outcome.exit_code(), 0, "{outcome}");
}
