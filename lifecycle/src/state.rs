//! The lives of the process and of its components, as a snapshot that can be watched.

use tokio::time::Instant;

/// The life of the process. It only goes forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Every component checks its configuration; nothing has happened yet.
    Loading,
    /// Components start, each as soon as those it comes after are running.
    Starting,
    /// Every foreground component is running.
    Ready,
    /// Readiness has fallen; during the termination delay, components still serve as usual.
    Leaving,
    /// Components finish their work, dependents first.
    Draining,
    /// Components release what they hold, dependents first.
    Stopping,
    /// No future of any component is left.
    Stopped,
}

/// The life of one component.
///
/// ```text
/// Pending ─▶ Starting ─▶ Running ─▶ Draining ─▶ Drained ─▶ Stopping ─▶ Stopped | Failed
///
/// Pending ─▶ Skipped                            called off before it started
/// Starting | Running ─▶ Ended ─▶ Draining       over before its turn to be stopped
/// Starting | Running ─▶ Stopping ─▶ Backoff     failed and will be restarted
/// Running ─▶ Draining ─▶ Drained ─▶ Stopping ─▶ Backoff
///                                               restarted with a component that it comes after
/// Backoff ─▶ Starting                           restarted
/// Backoff ─▶ Stopped | Failed                   called off before it was restarted
/// any state that is not final ─▶ Forced         cut off
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for the components it comes after.
    Pending,
    /// Its start was entered.
    Starting,
    /// Its start returned: dependents may use it.
    Running,
    /// Its run, or its start, is over; it waits for its turn to be stopped.
    Ended,
    /// Released; it will start again.
    Backoff,
    /// Finishes its work.
    Draining,
    /// Has finished its work; nothing flows through it any more.
    Drained,
    /// Releases what it holds.
    Stopping,
    /// Gone, without an error.
    Stopped,
    /// Gone, after an error, a panic or a timeout of its own.
    Failed,
    /// Gone, because it did not end within its time.
    Forced,
    /// Never started.
    Skipped,
}

impl State {
    /// All states, for those who want to draw or check the table.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Ended,
        Self::Backoff,
        Self::Draining,
        Self::Drained,
        Self::Stopping,
        Self::Stopped,
        Self::Failed,
        Self::Forced,
        Self::Skipped,
    ];

    /// The table of legal transitions. Every state that is not final may become `Forced`.
    pub fn may_become(self, next: Self) -> bool {
        if next == Self::Forced {
            return !self.is_terminal();
        }
        match self {
            Self::Pending => matches!(next, Self::Starting | Self::Skipped),
            Self::Starting => matches!(next, Self::Running | Self::Ended | Self::Stopping),
            Self::Running => matches!(next, Self::Draining | Self::Ended | Self::Stopping),
            Self::Ended => matches!(next, Self::Draining),
            Self::Backoff => matches!(next, Self::Starting | Self::Stopped | Self::Failed),
            Self::Draining => matches!(next, Self::Drained),
            Self::Drained => matches!(next, Self::Stopping),
            Self::Stopping => {
                matches!(next, Self::Backoff | Self::Stopped | Self::Failed)
            }
            Self::Stopped | Self::Failed | Self::Forced | Self::Skipped => false,
        }
    }

    /// Whether the component is gone for good.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Stopped | Self::Failed | Self::Forced | Self::Skipped
        )
    }

    /// Whether it holds nothing that it got from the components below it.
    pub(crate) fn is_released(self) -> bool {
        self.is_terminal() || matches!(self, Self::Pending | Self::Backoff | Self::Ended)
    }

    /// Whether nothing flows through it any more, so that those below may drain.
    pub(crate) fn is_drained(self) -> bool {
        self.is_terminal() || matches!(self, Self::Drained | Self::Stopping)
    }
}

/// What a supervisor knows at one moment: the graph, and where each component is.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where the process is.
    pub phase: Phase,
    /// In the order in which they were added.
    pub components: Vec<ComponentSnapshot>,
}

/// One component in a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct ComponentSnapshot {
    pub name: String,
    pub state: State,
    /// When it came into this state.
    pub since: Instant,
    /// How often its start was entered.
    pub starts: u32,
    /// How often it was started again after a failure.
    pub restarts: u32,
    /// The components it starts after.
    pub after: Vec<String>,
    /// Whether the start of the process waits for it.
    pub foreground: bool,
    /// Whether dependents that have not started yet may do so.
    pub usable: bool,
    /// What it said about itself when it started, as `listening on 127.0.0.1:8080`.
    pub detail: Option<String>,
    /// Its dependents have to stop, because it will be restarted.
    pub(crate) recalls: bool,
}

impl Snapshot {
    /// The component of this name.
    pub fn component(&self, name: &str) -> Option<&ComponentSnapshot> {
        self.components
            .iter()
            .find(|component| component.name == name)
    }
}

/// One line per component, as an operator wants to see it after SIGQUIT.
impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.phase)?;
        for ComponentSnapshot {
            name,
            state,
            since,
            starts,
            restarts,
            after,
            ..
        } in &self.components
        {
            let since = since.elapsed();
            write!(
                f,
                "\n  {name}: {state:?} for {since:.1?}, {starts} starts, {restarts} restarts"
            )?;
            if !after.is_empty() {
                write!(f, ", after {}", after.join(", "))?;
            }
        }
        Ok(())
    }
}
