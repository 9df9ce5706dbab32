//! Starts that are called off, kept, or waited for, and the errors that observers see.

use lifecycle::{
    Component, ComponentExt as _, Consequence, Error, Event, Fixed, Restart, StartContext, State,
    StopContext, async_trait, health, worker,
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use crate::rig::{Act, Diary, Log, builder, ms, run};

/// Binds a port, then takes its time to come up.
struct SlowListener {
    address: std::net::SocketAddr,
    listener: Option<TcpListener>,
}

#[async_trait]
impl Component for SlowListener {
    fn name(&self) -> &str {
        "listener"
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        self.listener = Some(TcpListener::bind(self.address).await?);
        cx.health().not_ready("bound");
        sleep(ms(3_600_000)).await;
        Ok(())
    }

    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        self.listener = None;
        Ok(())
    }
}

#[tokio::test]
async fn the_port_is_free_after_a_start_that_was_called_off() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let running = run(builder().add(SlowListener {
        address,
        listener: None,
    }));
    let bound = |health: &std::sync::Arc<health::HealthSnapshot>| {
        health.entries["listener"].reason() == Some("bound")
    };
    let mut health = running.handle.health().subscribe();
    health.wait_for(bound).await.unwrap();
    TcpListener::bind(address).await.expect_err("it is taken");
    let outcome = running.terminated_after(ms(0)).await;
    assert_eq!(outcome.exit_code(), 0, "{outcome}");
    assert!(outcome.stop_took < ms(200), "{outcome}");
    TcpListener::bind(address).await.expect("it is free");
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_that_is_kept_leaves_the_others_running() {
    let diary = Diary::new();
    let running = run(builder()
        .keep_on_failure()
        .add(diary.script("a"))
        .add(
            diary
                .script("b")
                .start([Act::FailsAfter(ms(50))])
                .after(["a"]),
        )
        .add(diary.script("c").after(["b"])));
    let handle = running.handle.clone();
    sleep(ms(10_000)).await;
    let state = |name: &str| handle.snapshot().component(name).unwrap().state;
    assert_eq!(
        ["a", "b", "c"].map(state),
        [State::Running, State::Ended, State::Pending]
    );
    assert!(!handle.health().is_serving(health::READINESS));
    assert!(!handle.health().is_serving(health::LIVENESS));
    assert_eq!(
        handle.health().snapshot().entries["b"].to_string(),
        "failed: start broke"
    );
    let outcome = running.terminated_after(ms(0)).await;
    assert_eq!(outcome.failures[0].consequence, Consequence::Kept);
    assert_eq!(
        (diary.of(".stop"), outcome.exit_code()),
        (vec!["b".to_owned(), "a".to_owned()], 69)
    );
}

#[tokio::test(start_paused = true)]
async fn readiness_can_be_waited_for() {
    let diary = Diary::new();
    let running = run(builder().add(diary.script("a").start([Act::Takes(ms(300))])));
    assert!(running.handle.wait_until_ready().await);
    assert_eq!(diary.at("a.started"), ms(300));
    let handle = running.handle.clone();
    running.terminated_after(ms(0)).await;
    assert!(!handle.wait_until_ready().await, "it never will be again");

    let failing = run(builder().add(diary.script("b").start([Act::FailsAfter(ms(50))])));
    assert!(!failing.handle.wait_until_ready().await);

    let supervisor = builder().add(diary.script("c")).build().unwrap();
    let handle = supervisor.handle();
    timeout(ms(100), handle.wait_until_ready())
        .await
        .expect_err("it was not run yet");
    drop(supervisor);
    assert!(!handle.wait_until_ready().await, "and never will be");
}

#[tokio::test(start_paused = true)]
async fn observers_see_every_error_and_what_followed() {
    let diary = Diary::new();
    let seen = diary.clone();
    let observe = move |event: &Event<'_>| match event {
        Event::Left {
            component,
            step,
            error: Some(error),
            ..
        } => seen.note(format!("{component} {}: {error}", step.verb())),
        Event::Attempt { component, attempt } => seen.note(format!("{component}: {attempt}")),
        Event::Failure(failure) => seen.note(format!("{failure} {:?}", failure.consequence)),
        _ => {}
    };
    let log = diary.script("log").start([Act::Fails]).stop(Act::Fails);
    let job = diary.script("job").run([Act::FailsAfter(ms(200))]);
    let running = run(builder()
        .observer(observe)
        .add(log.retry(Fixed::every(ms(100))))
        .add(job.restart(Restart::new(1, ms(1_000), Fixed::every(ms(10))))));
    running.terminated_after(ms(500)).await;
    let errors: Vec<_> = diary
        .timed()
        .into_iter()
        .filter(|line| line.contains("broke"))
        .collect();
    assert_eq!(
        errors,
        [
            "0 log start: start broke",
            "0 log: attempt 1: start broke, next try in 100.0ms",
            "200 job run: run broke",
            "200 job failed to run: run broke Restart(10ms)",
            "500 log stop: stop broke",
            "500 log failed to stop: stop broke WhileStopping",
        ]
    );
}

fn read_configuration() -> anyhow::Result<()> {
    let missing = std::fs::read_to_string("/no/such/file");
    anyhow::Context::context(missing, "cannot read the configuration").map(drop)
}

#[tokio::test(start_paused = true)]
async fn question_marks_take_errors_of_any_kind() {
    let outcome = run(builder().add(worker("a", |_| async {
        read_configuration()?;
        Ok(())
    })))
    .outcome()
    .await;
    assert_eq!(
        outcome.failures[0].to_string(),
        "a failed to run: cannot read the configuration: No such file or directory (os error 2)"
    );
    let boxed =
        || -> Result<(), Error> { Err(Box::<dyn std::error::Error + Send + Sync>::from("boxed"))? };
    assert_eq!(boxed().unwrap_err().to_string(), "boxed");
    let text = || -> Result<(), Error> { Err("text")? };
    assert_eq!(text().unwrap_err().to_string(), "text");
    let number = || -> Result<u8, Error> { Ok("nine".parse()?) };
    assert_eq!(
        number().unwrap_err().to_string(),
        "invalid digit found in string"
    );
}

#[tokio::test]
async fn an_occupied_port_is_one_error_at_the_end_of_few_lines() {
    struct Listener(std::net::SocketAddr);
    #[async_trait]
    impl Component for Listener {
        fn name(&self) -> &str {
            "listener"
        }
        async fn start(&mut self, _cx: &StartContext) -> Result<(), Error> {
            TcpListener::bind(self.0).await?;
            Ok(())
        }
    }
    let occupant = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let diary = Diary::new();
    let log = Log::new();
    let _listening = log.listen();
    let outcome = run(builder()
        .add(diary.script("store"))
        .add(Listener(occupant.local_addr().unwrap()).after(["store"]))
        .add(diary.script("server").after(["listener"])))
    .outcome()
    .await;
    let error = format!("ERROR {outcome} exit_code=69");
    assert_eq!(log.lines(), ["INFO started", &error]);
}

#[tokio::test(start_paused = true)]
async fn a_start_is_a_line_per_component_and_one_for_all() {
    struct Told;
    #[async_trait]
    impl Component for Told {
        fn name(&self) -> &str {
            "told"
        }
        async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
            cx.describe("three shards");
            Ok(())
        }
    }
    let log = Log::new();
    let _listening = log.listen();
    let running = run(builder()
        .add(Told)
        .add(Diary::new().script("a").after(["told"])));
    let handle = running.handle.clone();
    running.terminated_after(ms(100)).await;
    let described = handle.snapshot().component("told").unwrap().detail.clone();
    assert_eq!(described.as_deref(), Some("three shards"));
    let lines = log.lines();
    assert_eq!(
        lines[..4],
        [
            "INFO started detail=\"three shards\"",
            "INFO started",
            "INFO everything has started",
            "INFO signal signal=SIGTERM",
        ]
    );
    let [last] = &lines[4..] else {
        panic!("{lines:?}")
    };
    assert!(
        last.starts_with("INFO stopped by SIGTERM; it was up for 100.0ms"),
        "{last}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_line_names_the_cause_and_the_next_step() {
    let advice = || Error::new("the disk is full").with_next_step("make room");
    let running = run(builder()
        .add(worker("a", move |_| async move { Err(advice()) }))
        .add(Diary::new().script("b").stop(Act::Fails)));
    assert_eq!(
        running.outcome().await.to_string(),
        "stopped because a failed to run: the disk is full; b failed to stop: stop broke; \
         it was up for 0.0ns and took 0.0ns to stop; next step: make room"
    );
}
