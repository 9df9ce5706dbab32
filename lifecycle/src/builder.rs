use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    Component, ComponentSnapshot, Health, Observer, OnFailure, OnFinish, Phase, Restart,
    RetryPolicy, Signals, Snapshot, State, Supervisor,
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
    pub(crate) stop_timeout: Duration,
    pub(crate) strict: bool,
}

struct Declared {
    component: Box<dyn Component>,
    options: Options,
}

pub(crate) struct Options {
    after: Vec<String>,
    after_if_present: Vec<String>,
    stops_before: Vec<String>,
    background: bool,
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

/// Everything that is wrong with what was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is nothing to supervise.
    Empty,
    /// Two components have this name.
    Duplicate(String),
    /// `component` comes after something that is not there.
    Unknown {
        component: String,
        dependency: String,
    },
    /// Each of these comes, in the end, after itself.
    Cycle(Vec<String>),
}

impl std::error::Error for BuildError {}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "; " })?;
            match problem {
                Problem::Empty => f.write_str("no components")?,
                Problem::Duplicate(name) => write!(f, "two components are called {name}")?,
                Problem::Unknown {
                    component,
                    dependency,
                } => {
                    write!(
                        f,
                        "{component} comes after {dependency}, which does not exist"
                    )?;
                }
                Problem::Cycle(names) => write!(f, "a cycle among {}", names.join(", "))?,
            }
        }
        Ok(())
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

/// Who waits for whom, by index.
struct Graph {
    /// Those it starts after.
    below: Vec<Vec<usize>>,
    /// Those that stop before it.
    above: Vec<Vec<usize>>,
    background: Vec<bool>,
}

impl Graph {
    fn of(declared: &[Declared]) -> Result<Self, BuildError> {
        let mut problems = Vec::new();
        let mut index_of = BTreeMap::new();
        for (index, Declared { component, .. }) in declared.iter().enumerate() {
            if index_of.insert(component.name(), index).is_some() {
                problems.push(Problem::Duplicate(component.name().to_owned()));
            }
        }
        if declared.is_empty() {
            problems.push(Problem::Empty);
        }
        let mut below = vec![Vec::new(); declared.len()];
        let mut above = vec![Vec::new(); declared.len()];
        for (index, Declared { component, options }) in declared.iter().enumerate() {
            for name in &options.after {
                match index_of.get(&**name) {
                    Some(&other) => below[index].push(other),
                    None => problems.push(Problem::Unknown {
                        component: component.name().to_owned(),
                        dependency: name.clone(),
                    }),
                }
            }
            let present = options
                .after_if_present
                .iter()
                .filter_map(|n| index_of.get(&**n));
            below[index].extend(present);
            let stops_before = options
                .stops_before
                .iter()
                .filter_map(|n| index_of.get(&**n));
            for &other in below[index].iter().chain(stops_before) {
                above[other].push(index);
            }
        }
        for group in cycles(&above) {
            let names = group
                .iter()
                .map(|&i| declared[i].component.name().to_owned());
            problems.push(Problem::Cycle(names.collect()));
        }
        if !problems.is_empty() {
            return Err(BuildError { problems });
        }
        let background = inherit(declared, &below);
        Ok(Self {
            below,
            above,
            background,
        })
    }

    fn snapshot(&self, declared: &[Declared]) -> Snapshot {
        let name = |index: usize| declared[index].component.name().to_owned();
        let components = (0..declared.len()).map(|index| ComponentSnapshot {
            name: name(index),
            state: State::Pending,
            since: Instant::now(),
            starts: 0,
            restarts: 0,
            after: self.below[index].iter().map(|&other| name(other)).collect(),
            foreground: !self.background[index],
            usable: false,
        });
        Snapshot {
            phase: Phase::Loading,
            components: components.collect(),
        }
    }
}

/// Whatever comes after a background component is in the background itself.
fn inherit(declared: &[Declared], below: &[Vec<usize>]) -> Vec<bool> {
    let declared_so = |index: usize| declared[index].options.background;
    (0..declared.len())
        .map(|i| declared_so(i) || reachable(below, i).into_iter().any(declared_so))
        .collect()
}

/// The groups of nodes that reach one another. Graphs of components are small.
fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let reach: Vec<_> = (0..edges.len())
        .map(|node| reachable(edges, node))
        .collect();
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut groups = Vec::new();
    for node in 0..edges.len() {
        if reach[node].contains(&node) && !seen.contains(&node) {
            let both = |&other: &usize| reach[other].contains(&node);
            let group: Vec<_> = reach[node].iter().copied().filter(both).collect();
            seen.extend(&group);
            groups.push(group);
        }
    }
    groups
}

/// What can be reached in one step or more.
fn reachable(edges: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = edges[from].clone();
    while let Some(node) = open.pop() {
        if reached.insert(node) {
            open.extend(&edges[node]);
        }
    }
    reached
}
