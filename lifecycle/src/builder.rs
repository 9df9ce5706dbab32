//! Putting a process together: its components, its observers, and its limits.

use std::{
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use crate::{
    BuildError, ComponentExt, Health, Member, Observer, OnFailure, Signals, Supervisor,
    graph::Graph,
    health::Role,
    node::{Link, Node},
    observer::Tracing,
    shared::Shared,
    timing::Timing,
};

/// Collects components, and what concerns the process as a whole.
pub struct Builder {
    members: Vec<Member>,
    observers: Vec<Box<dyn Observer>>,
    health: Health,
    signals: Option<Signals>,
    timing: Timing,
    strict: bool,
    keep_on_failure: bool,
}

impl Supervisor {
    /// A builder without components.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            observers: vec![Box::new(Tracing)],
            health: Health::new(),
            signals: None,
            timing: Timing::default(),
            strict: false,
            keep_on_failure: false,
        }
    }
}

impl Builder {
    /// Adds a component. Its options belong to it: `.add(grpc.after(["store"]))`, see
    /// [`ComponentExt`].
    #[expect(clippy::should_implement_trait, reason = "it is not arithmetic")]
    #[must_use]
    pub fn add(mut self, component: impl ComponentExt) -> Self {
        self.members.push(component.member());
        self
    }

    /// Adds a component if there is one.
    #[must_use]
    pub fn maybe_add(mut self, component: Option<impl ComponentExt>) -> Self {
        self.members.extend(component.map(ComponentExt::member));
        self
    }

    /// After the first signal, go on serving for this long with readiness fallen, so that load
    /// balancers can turn away. Default 5 s. There is no delay when readiness was not serving, or
    /// when a failure is the reason to stop. A second signal or a failure cuts it short.
    #[must_use]
    pub fn termination_delay(mut self, delay: Duration) -> Self {
        self.timing.termination_delay = delay;
        self
    }

    /// How long drain and stop may take together. Default 20 s.
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

    /// A component that had to be cut off makes the exit code 70.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// A start that fails does not stop the others, so that somebody can look at them. The process
    /// is then neither live nor ready, and its exit code is that of the failure.
    #[must_use]
    pub fn keep_on_failure(mut self) -> Self {
        self.keep_on_failure = true;
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

    /// Checks the graph.
    pub fn build(self) -> Result<Supervisor, BuildError> {
        let graph = Graph::of(&self.members)?;
        let (triggers, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            snapshot: watch::channel(graph.snapshot(&self.members)).0,
            health: self.health,
            triggers,
            budget: OnceLock::new(),
            observers: Mutex::new(self.observers),
            failures: Mutex::default(),
            laggards: Mutex::default(),
            polled: self.members.iter().map(|_| AtomicBool::default()).collect(),
            keep_on_failure: self.keep_on_failure,
        });
        let members = self.members.into_iter().enumerate();
        let nodes = members.map(|(index, member)| node(index, member, &graph, &shared));
        Ok(Supervisor {
            nodes: nodes.collect(),
            shared,
            receiver,
            signals: self.signals,
            timing: self.timing,
            strict: self.strict,
        })
    }
}

fn node(index: usize, member: Member, graph: &Graph, shared: &Arc<Shared>) -> Node {
    let Member { component, options } = member;
    let role = match (&options.on_failure, graph.background[index]) {
        (OnFailure::Ignore, _) => Role::Optional,
        (OnFailure::Fatal | OnFailure::Restart(_), true) => Role::Background,
        (OnFailure::Fatal | OnFailure::Restart(_), false) => Role::Foreground,
    };
    let name = component.name().to_owned();
    let link = Link {
        index,
        health: shared.health.enter(name.clone(), role),
        name,
        shared: Arc::clone(shared),
        below: graph.below[index].clone(),
        dependents: graph.dependents(index),
        above: graph.above[index].clone(),
    };
    Node {
        component,
        options,
        link,
        drain_by: None,
    }
}
