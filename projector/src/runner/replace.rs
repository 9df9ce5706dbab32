//! The end of a rebuild or a verification: both views stand at the same position.

use std::sync::Arc;

use read_model::{Error, Scan, Task, keys};

use super::build::Built;
use super::job::Outcome;
use super::{Runner, Stop};
use crate::{Differences, Folder};

impl Runner {
    /// Takes a build to where the serving view is, and compares the two. A rebuild then serves;
    /// what was built for a verification is removed.
    pub(super) async fn finish(&mut self, serving: Folder, built: Built) -> Result<Folder, Stop> {
        let Built {
            folder,
            steps,
            kept,
        } = built;
        let generation = Arc::clone(folder.generation());
        let folder = match self.shared.advance(folder, kept).await {
            Ok(folder) => folder,
            Err(stop) => {
                self.shared.store.discard(generation);
                steps.finish(Outcome::GivenUp(stop.to_string()));
                return Ok(serving);
            }
        };
        let same = folder.checkpoint().digest == serving.checkpoint().digest;
        match steps.task() {
            Task::Verify => {
                let outcome = self.verdict(same, &serving, &folder).await?;
                drop(folder);
                self.shared.store.discard(generation);
                steps.finish(outcome);
                Ok(serving)
            }
            Task::Build | Task::Check | Task::Rebuild => {
                if !same {
                    self.say_difference(&serving, &folder).await?;
                }
                let outcome = Outcome::Promoted {
                    generation: generation.name().to_owned(),
                    digest: folder.checkpoint().digest,
                    same,
                };
                let promoted = self.promote(serving, folder).await?;
                steps.finish(outcome);
                Ok(promoted)
            }
        }
    }

    async fn promote(&mut self, serving: Folder, built: Folder) -> Result<Folder, Error> {
        drop(serving);
        let store = Arc::clone(&self.shared.store);
        let promoted = self.shared.blocking(move || {
            store.serve(built.generation())?;
            Ok(built)
        });
        let promoted = promoted.await?;
        self.shared.publish(&promoted);
        let generation = promoted.generation().name();
        tracing::info!(generation, digest = %promoted.checkpoint().digest, "generation promoted");
        Ok(promoted)
    }

    async fn verdict(
        &mut self,
        same: bool,
        serving: &Folder,
        built: &Folder,
    ) -> Result<Outcome, Error> {
        let digest = serving.checkpoint().digest;
        let (serving, built) = (
            Arc::clone(serving.generation()),
            Arc::clone(built.generation()),
        );
        // Equal digests of what was written say nothing of what the disk made of it.
        let found = self.shared.blocking(move || {
            let scanned = Scan::whole(&serving)?;
            if same && scanned.digest() == digest {
                return Ok(None);
            }
            Differences::between(&serving, &built).map(Some)
        });
        let Some(differences) = found.await? else {
            return Ok(Outcome::Equal { digest });
        };
        tracing::error!(%differences, "the read model is not what the log says; rebuild it");
        self.count_difference(differences.to_string());
        Ok(Outcome::Differs(Arc::new(differences)))
    }

    /// A rebuild that differs from what it replaces: one of the two was wrong.
    async fn say_difference(&mut self, serving: &Folder, built: &Folder) -> Result<(), Error> {
        let generations = [serving, built].map(|folder| Arc::clone(folder.generation()));
        let sums = self.shared.blocking(move || {
            let [serving, built] = generations;
            // The old one may be unreadable, which is why it is replaced.
            let old = Scan::whole(&serving)
                .map_or_else(|_| Default::default(), |it| it.prefixes().clone());
            let new = Scan::whole(&built)?.prefixes().clone();
            let prefixes = old.keys().chain(new.keys()).copied();
            let prefixes: std::collections::BTreeSet<u8> = prefixes.collect();
            let differing = prefixes.into_iter().filter(|it| old.get(it) != new.get(it));
            let count = |sum: Option<&read_model::Sum>| sum.map_or(0, |sum| sum.keys);
            let shown = differing.map(|it| {
                let (old, new) = (count(old.get(&it)), count(new.get(&it)));
                format!("{} (keys {old}, rebuilt {new})", keys::kind(it))
            });
            Ok(shown.collect::<Vec<_>>().join(", "))
        });
        let what = sums.await?;
        tracing::error!(
            what,
            "the rebuilt read model differs from the one before; one of them was wrong"
        );
        self.count_difference(format!("the rebuilt view differs in {what}"));
        Ok(())
    }

    fn count_difference(&self, what: String) {
        self.shared.store.progress().send_modify(|progress| {
            progress.healed.different = progress.healed.different.saturating_add(1);
            progress.healed.last = what;
        });
    }
}
