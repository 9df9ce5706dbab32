//! Putting a process together: components, what each waits for, and how long everything may take.

use std::{
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use crate::{
    BuildError, Component, Health, Observer, OnFailure, OnFinish, Restart, RetryPolicy, Signals,
    Supervisor,
    graph::Graph,
    health::Role,
    node::{Link, Node},
    observer::Tracing,
    shared::Shared,
};

/// Collects components. A method that describes a component is about the one added last.
pub struct Builder {
    declared: Vec<Declared>,
    /// The component added last was absent: what is said about it is said to nobody.
    absent: Option<Box<Options>>,
    observers: Vec<Box<dyn Observer>>,
    health: Health,
    signals: Option<Signals>,
    timing: Timing,
}

pub(crate) struct Timing {
    pub(crate) termination_delay: Duration,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) stop_timeout: Duration,
    pub(crate) strict: bool,
}

pub(crate) struct Declared {
    pub(crate) component: Box<dyn Component>,
    pub(crate) options: Options,
}

pub(crate) struct Options {
    pub(crate) after: Vec<String>,
    pub(crate) after_if_present: Vec<String>,
    pub(crate) stops_before: Vec<String>,
    pub(crate) background: bool,
    pub(crate) start_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) retry: Option<Box<dyn RetryPolicy>>,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_finish: OnFinish,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            after: Vec::new(),
            after_if_present: Vec::new(),
            stops_before: Vec::new(),
            background: false,
            // Long enough for a database that recovers, short enough for a deployment to notice.
            start_timeout: Duration::from_secs(30),
            // A call that takes longer than this has lost its caller anyway.
            drain_timeout: Duration::from_secs(10),
            // Releasing is closing files and sockets.
            stop_timeout: Duration::from_secs(5),
            retry: None,
            on_failure: OnFailure::Fatal,
            on_finish: OnFinish::Fail,
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            declared: Vec::new(),
            absent: Some(Box::default()),
            observers: vec![Box::new(Tracing)],
            health: Health::new(),
            signals: None,
            timing: Timing {
                // What a Kubernetes endpoint takes to disappear from the proxies of its clients.
                termination_delay: Duration::from_secs(5),
                // With the delay still inside the grace period of a pod, which is 30 s.
                drain_timeout: None,
                stop_timeout: Duration::from_secs(20),
                strict: false,
            },
        }
    }
}

/// About the process.
impl Builder {
    /// After the first signal, go on serving for this long with readiness fallen, so that load
    /// balancers can turn away. Skipped when readiness was not serving, and when a failure is the
    /// reason to stop; cut short by a second signal or a failure.
    #[must_use]
    pub fn termination_delay(mut self, delay: Duration) -> Self {
        self.timing.termination_delay = delay;
        self
    }

    /// How long drain and stop may take together.
    #[must_use]
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.timing.stop_timeout = timeout;
        self
    }

    /// How much of that the drains may take; by default three quarters. A drain that hangs must leave
    /// something for the stops, which release locks and flush files.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.timing.drain_timeout = Some(timeout);
        self
    }

    /// Whoever had to be forced spoils the exit code.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.timing.strict = true;
        self
    }

    /// One more observer.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// The registry to report to, when the application has made one to hand it around.
    #[must_use]
    pub fn health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Where signals come from. By default they are armed first thing in [`Supervisor::run`].
    #[must_use]
    pub fn signals(mut self, signals: Signals) -> Self {
        self.signals = Some(signals);
        self
    }
}

/// About components.
impl Builder {
    /// Adds a component.
    #[expect(clippy::should_implement_trait, reason = "it is not arithmetic")]
    #[must_use]
    pub fn add(mut self, component: impl Component) -> Self {
        let options = Options::default();
        self.declared.push(Declared {
            component: Box::new(component),
            options,
        });
        self.absent = None;
        self
    }

    /// Adds a component if there is one; if not, neither this nor what is said about it counts.
    #[must_use]
    pub fn maybe_add(mut self, component: Option<impl Component>) -> Self {
        match component {
            Some(component) => self.add(component),
            None => {
                self.absent = Some(Box::default());
                self
            }
        }
    }

    /// It starts once these are running, and drains and stops before they do.
    #[must_use]
    pub fn after<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.last().after.extend(names.into_iter().map(Into::into));
        self
    }

    /// As [`Builder::after`], for components that not every configuration has.
    #[must_use]
    pub fn after_if_present<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.last()
            .after_if_present
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Half of [`Builder::after`]: it starts without waiting for these, but drains and stops
    /// before they do. Names nobody has are passed over. So a listener is bound while what is
    /// behind it still connects.
    #[must_use]
    pub fn stops_before<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.last()
            .stops_before
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// The start of the process does not wait for it: `startup` serves while it, and whatever
    /// comes after it, is still starting. Readiness does wait.
    #[must_use]
    pub fn in_background(mut self) -> Self {
        self.last().background = true;
        self
    }

    /// A start that fails is tried again, unless its error is permanent. Each attempt has the
    /// whole start timeout.
    #[must_use]
    pub fn retry(mut self, policy: impl RetryPolicy + 'static) -> Self {
        self.last().retry = Some(Box::new(policy));
        self
    }

    /// How long one attempt to start may take. Default 30 s.
    #[must_use]
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.last().start_timeout = timeout;
        self
    }

    /// How long it may take from being asked to stop until its drain has returned. Default 10 s,
    /// and never more than the process has left.
    #[must_use]
    pub fn drain_within(mut self, timeout: Duration) -> Self {
        self.last().drain_timeout = timeout;
        self
    }

    /// How long its stop may take. Default 5 s, and never more than the process has left.
    #[must_use]
    pub fn stop_within(mut self, timeout: Duration) -> Self {
        self.last().stop_timeout = timeout;
        self
    }

    /// What follows when its run fails. Default [`OnFailure::Fatal`].
    #[must_use]
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.last().on_failure = policy;
        self
    }

    /// Short for [`OnFailure::Restart`].
    #[must_use]
    pub fn restart(self, restart: Restart) -> Self {
        self.on_failure(OnFailure::Restart(restart))
    }

    /// What follows when its run ends by itself. Default [`OnFinish::Fail`].
    #[must_use]
    pub fn on_finish(mut self, policy: OnFinish) -> Self {
        self.last().on_finish = policy;
        self
    }

    fn last(&mut self) -> &mut Options {
        match (&mut self.absent, self.declared.last_mut()) {
            (None, Some(declared)) => &mut declared.options,
            (absent, _) => absent.get_or_insert_default(),
        }
    }
}

impl Builder {
    /// Checks the graph.
    pub fn build(self) -> Result<Supervisor, BuildError> {
        let graph = Graph::of(&self.declared)?;
        let (triggers, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            snapshot: watch::channel(graph.snapshot(&self.declared)).0,
            health: self.health,
            triggers,
            budget: OnceLock::new(),
            observers: Mutex::new(self.observers),
            failures: Mutex::default(),
            laggards: Mutex::default(),
            polled: self
                .declared
                .iter()
                .map(|_| AtomicBool::default())
                .collect(),
        });
        let nodes = self
            .declared
            .into_iter()
            .enumerate()
            .map(|(index, declared)| {
                let role = match (&declared.options.on_failure, graph.background[index]) {
                    (OnFailure::Ignore, _) => Role::Optional,
                    (_, true) => Role::Background,
                    (_, false) => Role::Foreground,
                };
                let name = declared.component.name().to_owned();
                let link = Link {
                    index,
                    health: shared.health.enter(name.clone(), role),
                    name,
                    shared: Arc::clone(&shared),
                    below: graph.below[index].clone(),
                    above: graph.above[index].clone(),
                };
                Node {
                    component: declared.component,
                    options: declared.options,
                    link,
                }
            });
        let nodes = nodes.collect();
        Ok(Supervisor {
            nodes,
            shared,
            receiver,
            signals: self.signals,
            timing: self.timing,
        })
    }
}
