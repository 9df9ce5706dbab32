//! What is done when the view, the log or the disk is not what it should be.

use std::sync::Arc;
use std::time::Duration;

use read_model::Error;

use super::{Ended, Runner, Stop};

/// How often, and how long, readers of a view that must be opened again are waited for.
const CLOSE_TRIES: u32 = 100;
const CLOSE_PAUSE: Duration = Duration::from_millis(50);

impl Runner {
    /// What follows from the end of following; why it waits, unless it goes on at once.
    pub(super) async fn end(&mut self, ended: Ended) -> Option<String> {
        let what = ended.to_string();
        match ended {
            Ended::RolledBack { partition, .. } => {
                let lost = self.say_what_is_lost(partition).await;
                tracing::error!(
                    what,
                    lost,
                    "the log has lost commits; the read model is built again"
                );
                self.shared.store.progress().send_modify(|progress| {
                    progress.healed.rolled_back = progress.healed.rolled_back.saturating_add(1);
                    progress.healed.last = format!("{what}; {lost}");
                });
                self.set_aside().await
            }
            Ended::OtherLog(_) => {
                tracing::error!(what, "the log was replaced; the read model is built again");
                self.set_aside().await
            }
            Ended::Cancelled | Ended::Stalled(_) | Ended::Unreachable(_) | Ended::Closed => {
                Some(what)
            }
        }
    }

    /// What follows from an error of the view; why it waits, unless it goes on at once.
    pub(super) async fn heal(&mut self, error: Error) -> Option<String> {
        match error {
            Error::Damaged { .. } => {
                tracing::error!(%error, "read model set aside; the log builds another");
                self.shared.store.note_damage(&error);
                // Damage that comes back is the disk's, or a defect: another build soon is no help.
                let again = self.shared.store.progress().borrow().healed.damaged > 1;
                let failed = self.set_aside().await;
                failed.or_else(|| again.then(|| error.to_string()))
            }
            Error::Io { .. } => {
                self.must_reopen = true;
                Some(error.to_string())
            }
            Error::InUse { .. } => Some(error.to_string()),
        }
    }

    /// Takes the view out of service; why that is not possible, if it is not.
    async fn set_aside(&mut self) -> Option<String> {
        self.abandon_build().await;
        let wrong = self.shared.store.active().or(self.found.take())?;
        let store = Arc::clone(&self.shared.store);
        let set_aside = self.shared.blocking(move || store.set_aside(wrong));
        let failed = set_aside.await.err();
        self.shared.update(|progress| {
            progress.positions.clear();
            progress.head.clear();
            progress.identity = [0; 16];
            progress.record_time = 0;
            progress.digest = read_model::Digest::EMPTY;
            progress.parked = 0;
            progress.first_parked.clear();
            progress.caught_up = false;
            progress.generation.clear();
        });
        failed.map(|error| {
            self.must_reopen = true;
            error.to_string()
        })
    }

    /// After a fault of the machine: once the disk can be written again, closes the generation and
    /// opens it anew, because sled remembers a failed write for ever. Until then it goes on serving.
    pub(super) async fn reopen(&mut self) -> Result<(), Stop> {
        self.abandon_build().await;
        let store = Arc::clone(&self.shared.store);
        if self.opened {
            self.shared.blocking(move || store.probe()).await?;
        }
        if let Some(active) = self.shared.store.active().or(self.found.take()) {
            self.shared.store.withdraw(&active);
            let closed = Arc::downgrade(&active);
            drop(active);
            for _ in 0..CLOSE_TRIES {
                if closed.strong_count() == 0 {
                    break;
                }
                tokio::time::sleep(CLOSE_PAUSE).await;
            }
            if let Some(held) = closed.upgrade() {
                self.found = Some(held);
                let cause = "a reader still holds the view that must be opened again".to_owned();
                return Err(
                    Ended::Unreachable(event_store::ReadError::Unavailable { cause }).into(),
                );
            }
        }
        self.opened = false;
        self.must_reopen = false;
        Ok(())
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::View(error) => write!(f, "{error}"),
            Self::Ended(ended) => write!(f, "{ended}"),
        }
    }
}
