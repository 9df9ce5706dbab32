//! A component that does what a test tells it to, and a diary of what was done to it.

use std::{
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use lifecycle::{
    Builder, Component, Error, Handle, MockSignals, Outcome, RunContext, Signals, StartContext,
    StopContext, Supervisor, async_trait,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What was done to whom and when, as `120 store.start`.
#[derive(Clone)]
pub(crate) struct Diary {
    began: Instant,
    lines: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Diary {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            lines: Arc::default(),
        }
    }

    pub(crate) fn note(&self, what: impl Into<String>) {
        self.lines
            .lock()
            .unwrap()
            .push((self.began.elapsed(), what.into()));
    }

    /// Everything, with the time in milliseconds.
    pub(crate) fn timed(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .map(|(at, what)| format!("{} {what}", at.as_millis()))
            .collect()
    }

    /// The lines with this ending, without it.
    #[track_caller]
    pub(crate) fn of(&self, ending: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .filter_map(|(_, line)| line.strip_suffix(ending).map(str::to_owned))
            .collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, line)| line == what)
            .count()
    }

    #[track_caller]
    pub(crate) fn at(&self, what: &str) -> Duration {
        let lines = self.lines.lock().unwrap();
        let found = lines.iter().find(|(_, line)| line == what);
        found
            .unwrap_or_else(|| panic!("no {what:?} in {lines:?}"))
            .0
    }

    pub(crate) fn position(&self, what: &str) -> Option<usize> {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .position(|(_, line)| line == what)
    }

    pub(crate) fn script(&self, name: &str) -> Script {
        Script {
            name: name.to_owned(),
            diary: self.clone(),
            load: Act::Done,
            start: Vec::new(),
            run: Vec::new(),
            drain: Act::Done,
            stop: Act::Done,
            calls: [0; 2],
        }
    }
}

/// What a hook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Done,
    /// Takes this long.
    Takes(Duration),
    Fails,
    FailsAfter(Duration),
    FailsForGood,
    Panics,
    /// Never ends.
    Hangs,
    /// A run that ends when asked to; after this long.
    Obeys(Duration),
}

impl Act {
    async fn play(self, hook: &str, asked: impl Future<Output = ()>) -> Result<(), Error> {
        match self {
            Self::Done => Ok(()),
            Self::Takes(time) => {
                sleep(time).await;
                Ok(())
            }
            Self::Fails => Err(Error::new(format!("{hook} broke"))),
            Self::FailsAfter(time) => {
                sleep(time).await;
                Err(Error::new(format!("{hook} broke")))
            }
            Self::FailsForGood => Err(Error::permanent(format!("{hook} broke"))),
            Self::Panics => panic!("{hook} fell over"),
            Self::Hangs => std::future::pending().await,
            Self::Obeys(time) => {
                asked.await;
                sleep(time).await;
                Ok(())
            }
        }
    }
}

pub(crate) struct Script {
    name: String,
    diary: Diary,
    load: Act,
    /// One per call; when they are used up, it is done at once.
    start: Vec<Act>,
    /// One per call; when they are used up, it obeys.
    run: Vec<Act>,
    drain: Act,
    stop: Act,
    calls: [usize; 2],
}

impl Script {
    pub(crate) fn load(self, load: Act) -> Self {
        Self { load, ..self }
    }

    pub(crate) fn start(self, acts: impl Into<Vec<Act>>) -> Self {
        Self {
            start: acts.into(),
            ..self
        }
    }

    pub(crate) fn run(self, acts: impl Into<Vec<Act>>) -> Self {
        Self {
            run: acts.into(),
            ..self
        }
    }

    pub(crate) fn drain(self, drain: Act) -> Self {
        Self { drain, ..self }
    }

    pub(crate) fn stop(self, stop: Act) -> Self {
        Self { stop, ..self }
    }

    fn note(&self, what: &str) {
        self.diary.note(format!("{}.{what}", self.name));
    }
}

#[async_trait]
impl Component for Script {
    fn name(&self) -> &str {
        &self.name
    }

    fn load(&mut self) -> Result<(), Error> {
        match self.load {
            Act::Fails => Err(Error::new("load broke")),
            Act::Panics => panic!("load fell over"),
            _ => Ok(()),
        }
    }

    async fn start(&mut self, cx: &StartContext) -> Result<(), Error> {
        self.note("start");
        let act = self.start.get(self.calls[0]).copied().unwrap_or(Act::Done);
        self.calls[0] += 1;
        act.play("start", cx.cancelled().cancelled()).await?;
        self.note("started");
        Ok(())
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        self.note("run");
        let act = self
            .run
            .get(self.calls[1])
            .copied()
            .unwrap_or(Act::Obeys(Duration::ZERO));
        self.calls[1] += 1;
        act.play("run", cx.stopping()).await
    }

    async fn drain(&mut self, _cx: &StopContext) -> Result<(), Error> {
        self.note("drain");
        self.drain.play("drain", std::future::pending()).await?;
        self.note("drained");
        Ok(())
    }

    async fn stop(&mut self, cx: &StopContext) -> Result<(), Error> {
        self.note("stop");
        assert!(cx.remaining() > Duration::ZERO || self.stop == Act::Done);
        self.stop.play("stop", std::future::pending()).await?;
        self.note("stopped");
        Ok(())
    }
}

/// What was logged, as `ERROR message` or `INFO started component=a`.
#[derive(Clone)]
pub(crate) struct Log(Option<Arc<Mutex<Vec<String>>>>);

impl Log {
    pub(crate) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Receives what this thread logs from now on.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    /// The lines of level INFO and above.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.as_ref().map(|lines| lines.lock().unwrap().clone());
        lines.unwrap_or_default()
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let Some(lines) = &self.0 else { return };
        let mut line = event.metadata().level().to_string();
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                match field.name() {
                    "message" => line
                        .insert_str(line.find(' ').unwrap_or(line.len()), &format!(" {value:?}")),
                    // It differs from run to run.
                    "duration_ms" => {}
                    name => line.push_str(&format!(" {name}={value:?}")),
                }
            },
        );
        lines.lock().unwrap().push(line);
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

/// The tests of this process end with thousands of failures, which must not be printed.
pub(crate) fn be_quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| tracing::subscriber::set_global_default(Log(None)).unwrap());
}

/// A supervisor at work, and the signals it listens to.
pub(crate) struct Running {
    pub(crate) signals: MockSignals,
    pub(crate) handle: Handle,
    task: JoinHandle<Outcome>,
}

/// Starts it, without a termination delay unless the test wants one.
#[track_caller]
pub(crate) fn run(builder: Builder) -> Running {
    be_quiet();
    let (signals, source) = Signals::mock();
    let supervisor = builder.signals(source).build().expect("a sound graph");
    let handle = supervisor.handle();
    Running {
        signals,
        handle,
        task: tokio::spawn(supervisor.run()),
    }
}

pub(crate) fn builder() -> Builder {
    Supervisor::builder().termination_delay(Duration::ZERO)
}

impl Running {
    pub(crate) async fn outcome(self) -> Outcome {
        self.task.await.expect("the supervisor does not panic")
    }

    /// SIGTERM after this long, then the outcome.
    pub(crate) async fn terminated_after(self, time: Duration) -> Outcome {
        sleep(time).await;
        self.signals.send(lifecycle::Signal::Terminate);
        self.outcome().await
    }
}
