//! What queries hold.

use std::ops::RangeBounds;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::engine::Entries;
use crate::{Checkpoint, Error, Generation, Progress, Task};

/// What readers and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) active: ArcSwapOption<Generation>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) damage: watch::Sender<Option<Damage>>,
}

/// Damage that a reader met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The generation.
    pub generation: String,
    /// What was found.
    pub cause: String,
}

/// The generation that serves, and how fresh it is. Clones follow the same promotions.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// One generation, for the length of a query: a promotion does not pull it away.
#[derive(Debug)]
pub struct View {
    generation: Arc<Generation>,
    checkpoint: Checkpoint,
    shared: Arc<Shared>,
}

/// Why there is no view to read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the read model is {}", doing(*.task))]
pub struct NoView {
    /// What is being done about it; `None` while the log is waited for, or damage was just found.
    pub task: Option<Task>,
    /// Commits folded, or entries read.
    pub done: u64,
    /// How many there are, as far as is known.
    pub total: u64,
    /// Per second.
    pub per_second: f64,
    /// How long the rest takes at that rate; `None` while nothing is done.
    pub remaining: Option<Duration>,
}

fn doing(task: Option<Task>) -> &'static str {
    match task {
        Some(Task::Build | Task::Rebuild | Task::Verify) => "being built",
        Some(Task::Check) => "being verified",
        None => "not there yet",
    }
}

impl Reader {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The view as it serves now. Its checkpoint is read before anything else, so what the query
    /// reads is at least as new.
    ///
    /// # Errors
    /// [`NoView`] while nothing serves, and when the view turns out to be damaged; the damage is
    /// reported then.
    pub fn view(&self) -> Result<View, NoView> {
        let generation = self
            .shared
            .active
            .load_full()
            .ok_or_else(|| self.no_view())?;
        let checkpoint = match generation.checkpoint() {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => {
                report(&self.shared, &generation, "it has no checkpoint".to_owned());
                return Err(self.no_view());
            }
            Err(error) => {
                report(&self.shared, &generation, error.to_string());
                return Err(self.no_view());
            }
        };
        Ok(View {
            generation,
            checkpoint,
            shared: Arc::clone(&self.shared),
        })
    }

    fn no_view(&self) -> NoView {
        let work = self.shared.progress.borrow().work;
        NoView {
            task: work.map(|work| work.task),
            done: work.map_or(0, |work| work.done),
            total: work.map_or(0, |work| work.total),
            per_second: work.map_or(0.0, |work| work.rate()),
            remaining: work.and_then(|work| work.remaining()),
        }
    }

    /// How fresh the view is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }
}

impl View {
    /// Up to where the view was folded, at least.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Name of the generation.
    #[must_use]
    pub fn generation(&self) -> &str {
        self.generation.name()
    }

    /// The value of a key. Damage is reported to the writer, which heals it.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let read = self.generation.get(key);
        read.inspect_err(|error| self.report_damage(error))
    }

    /// Keys and values in a range, ascending from either end. Not a snapshot: a writer may pass it.
    /// Damage is reported to the writer, which heals it.
    pub fn range(&self, range: impl RangeBounds<Vec<u8>>) -> Entries<'_> {
        self.watched(self.generation.range(range))
    }

    /// All keys that begin with a prefix, like [`range`](Self::range).
    pub fn prefix(&self, prefix: &[u8]) -> Entries<'_> {
        self.watched(self.generation.prefix(prefix))
    }

    fn watched<'a>(&'a self, entries: Entries<'a>) -> Entries<'a> {
        Box::new(entries.map(|entry| entry.inspect_err(|error| self.report_damage(error))))
    }

    /// Tells the writer of damage: a value that its reader cannot make sense of.
    pub fn report_damage(&self, found: &dyn std::fmt::Display) {
        report(&self.shared, &self.generation, found.to_string());
    }
}

fn report(shared: &Shared, generation: &Generation, cause: String) {
    let generation = generation.name().to_owned();
    shared.damage.send_if_modified(|damage| {
        let known = damage.as_ref().is_some_and(|d| d.generation == generation);
        if !known {
            *damage = Some(Damage { generation, cause });
        }
        !known
    });
}
