//! What queries hold.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{Checkpoint, Error, Generation, Progress};

/// The generation that serves, and how fresh it is. Clones follow the same promotions.
#[derive(Clone, Debug)]
pub struct Reader {
    active: Arc<ArcSwap<Generation>>,
    progress: watch::Receiver<Progress>,
}

/// One generation, for the length of a query: a promotion does not pull it away.
#[derive(Debug)]
pub struct View {
    generation: Arc<Generation>,
    checkpoint: Checkpoint,
}

impl Reader {
    pub(crate) fn new(
        active: Arc<ArcSwap<Generation>>,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Self { active, progress }
    }

    /// The view as it serves now. Its checkpoint is read before anything else, so what the query
    /// reads is at least as new.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn view(&self) -> Result<View, Error> {
        let generation = self.active.load_full();
        let checkpoint = generation.checkpoint()?.unwrap_or_default();
        Ok(View {
            generation,
            checkpoint,
        })
    }

    /// How fresh the view is, now and at every change.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

impl View {
    /// Up to where the view was folded, at least.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl std::ops::Deref for View {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        &self.generation
    }
}
