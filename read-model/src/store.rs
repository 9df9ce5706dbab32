//! The folder of the read model: its generations, and the pointer to the one that serves.

mod folder;
mod name;
mod pointer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::engine::Engines;
use crate::reader::Shared;
use crate::{Checkpoint, Damage, Error, Generation, Progress, Reader};
use folder::Folder;
use name::Name;
use pointer::Pointer;

/// The read model of one node. One process owns the folder; a lock says so.
///
/// Nothing is read or written before [`open`](Self::open), so that readers can exist, and say that
/// there is no view yet, while the disk is away.
#[derive(Debug)]
pub struct Store {
    fold: u32,
    engines: Arc<dyn Engines>,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    folder: Folder,
    pointer: Pointer,
    retired: Vec<Retired>,
}

/// A generation that no longer serves, and that a reader may still hold.
#[derive(Debug)]
struct Retired {
    generation: Arc<Generation>,
    fate: Fate,
}

/// What becomes of a generation when its last reader has let it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Remove,
    Quarantine,
}

/// A generation that was found on disk, complete by its checkpoint.
#[derive(Debug)]
pub struct Found {
    /// It does not serve yet.
    pub generation: Arc<Generation>,
    /// Up to where it was folded.
    pub checkpoint: Checkpoint,
    /// Whether the process before stopped cleanly, with this very digest.
    pub clean: bool,
}

impl Store {
    /// The read model in the folder `root`, made by the fold of this number.
    #[must_use]
    pub fn new(root: &Path, fold: u32, engines: Arc<dyn Engines>) -> Self {
        let shared = Shared {
            active: ArcSwapOption::empty(),
            progress: watch::Sender::new(Progress::default()),
            damage: watch::Sender::new(None),
        };
        let state = State {
            folder: Folder::new(root),
            pointer: Pointer::default(),
            retired: Vec::new(),
        };
        Self {
            fold,
            engines,
            shared: Arc::new(shared),
            state: Mutex::new(state),
        }
    }

    /// Takes the folder for this process. The lock ends with the process, however it ends.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, [`Error::Io`].
    pub fn take(&self) -> Result<(), Error> {
        self.state().folder.take()
    }

    /// Takes the folder, puts it in order and finds the generation to go on with: the one that the
    /// pointer names, else the newest of this fold that was completed.
    ///
    /// What cannot be read is moved to `quarantine`: a generation, the pointer, the lock, a file
    /// where a directory should be. Builds that were cut short are removed, and so is everything of
    /// other folds but the newest generation of one of them, to which an older binary can return.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it open, [`Error::Io`] when the machine does not
    /// let the folder be read or written.
    pub fn open(&self) -> Result<Option<Found>, Error> {
        let mut state = self.state();
        state.folder.take()?;
        let clean = state.folder.take_clean()?;
        let mut pointer = state.folder.read_pointer()?;
        for name in std::mem::take(&mut pointer.aside) {
            state.folder.quarantine(&name)?;
        }
        let there = state.folder.generations()?;
        state.folder.note_numbers(&there);
        let is_own = |name: &Name| name.is_of(self.engines.name(), self.fold);
        let named = pointer.names.iter().filter(|name| there.contains(*name));
        let unnamed = there.iter().rev();
        let unnamed = unnamed.filter(|name| !pointer.names.contains(name));
        let (own, other): (Vec<Name>, Vec<Name>) = named.chain(unnamed).cloned().partition(is_own);
        let found = self.first_complete(&mut state, &own, &pointer.names)?;
        let own = found.as_ref().and_then(|(it, _)| Name::parse(it.name()));
        pointer.names = own.into_iter().chain(other.into_iter().next()).collect();
        for name in there.iter().filter(|name| !pointer.names.contains(name)) {
            state.folder.remove(name)?;
        }
        state.folder.write_pointer(&pointer)?;
        state.pointer = pointer;
        Ok(found.map(|(generation, checkpoint)| Found {
            clean: clean == Some(clean_mark(generation.name(), &checkpoint)),
            generation: Arc::new(generation),
            checkpoint,
        }))
    }

    /// The first of these generations that opens and was completed. Damaged ones are set aside. One
    /// that served was complete: sled drops a damaged page at recovery without a word, and where
    /// that page held the checkpoint, its absence is all there is to see.
    fn first_complete(
        &self,
        state: &mut State,
        names: &[Name],
        served: &[Name],
    ) -> Result<Option<(Generation, Checkpoint)>, Error> {
        for name in names {
            let path = state.folder.path(name);
            let looked = match self.look_into(&path) {
                Ok(None) if served.contains(name) => Err(Error::damaged(
                    &path,
                    "it served, and its checkpoint is gone",
                )),
                looked => looked,
            };
            match looked {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error @ (Error::Io { .. } | Error::InUse { .. })) => return Err(error),
                Err(error @ Error::Damaged { .. }) => {
                    let generation = name.to_string();
                    tracing::error!(generation, %error, "generation set aside; the log builds another");
                    self.note_damage(&error);
                    state.folder.quarantine(name)?;
                }
            }
        }
        Ok(None)
    }

    fn look_into(&self, path: &Path) -> Result<Option<(Generation, Checkpoint)>, Error> {
        if !path.is_dir() {
            let found = path.exists();
            return if found {
                Err(Error::damaged(path, "it is not a directory"))
            } else {
                Ok(None)
            };
        }
        let generation = Generation::new(self.engines.open(path)?, path);
        let checkpoint = generation.checkpoint()?;
        match checkpoint {
            Some(checkpoint) if checkpoint.fold != self.fold => {
                Err(generation.damaged("its checkpoint is one of another fold"))
            }
            checkpoint => Ok(checkpoint.map(|checkpoint| (generation, checkpoint))),
        }
    }

    /// Counts damage that was found, for health and metrics.
    pub fn note_damage(&self, error: &dyn std::fmt::Display) {
        self.shared.progress.send_modify(|progress| {
            progress.healed.damaged = progress.healed.damaged.saturating_add(1);
            progress.healed.last = error.to_string();
        });
    }

    /// Number of the fold that writes here.
    #[must_use]
    pub const fn fold(&self) -> u32 {
        self.fold
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.state().folder.root().to_owned()
    }

    /// The generation that serves; `None` while there is none.
    #[must_use]
    pub fn active(&self) -> Option<Arc<Generation>> {
        self.shared.active.load_full()
    }

    /// A reader of whatever generation serves.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// How far the view is; only its projector changes it.
    #[must_use]
    pub fn progress(&self) -> &watch::Sender<Progress> {
        &self.shared.progress
    }

    /// What readers found damaged.
    #[must_use]
    pub fn damage(&self) -> watch::Receiver<Option<Damage>> {
        self.shared.damage.subscribe()
    }

    /// Makes the next generation, beside the one that serves.
    ///
    /// # Errors
    /// [`Error`].
    pub fn create(&self) -> Result<Arc<Generation>, Error> {
        let path = {
            let mut state = self.state();
            let next = state.folder.next_name(self.engines.name(), self.fold)?;
            state.folder.path(&next)
        };
        let engine = self.engines.open(&path)?;
        Ok(Arc::new(Generation::new(engine, &path)))
    }

    /// Lets a generation serve: pointer file first, then the readers. The one before is removed
    /// when its last reader has let it go.
    ///
    /// # Errors
    /// [`Error::Io`]; the old generation then goes on serving.
    pub fn serve(&self, generation: &Arc<Generation>) -> Result<(), Error> {
        let mut state = self.state();
        let mut pointer = state.pointer.clone();
        let is_other = |name: &Name| !name.is_of(self.engines.name(), self.fold);
        pointer.names.retain(is_other);
        pointer.names.splice(0..0, Name::parse(generation.name()));
        state.point_at(pointer)?;
        let before = self.shared.active.swap(Some(Arc::clone(generation)));
        let before = before.filter(|before| before.name() != generation.name());
        state.retire(before, Fate::Remove);
        let (serving, generation) = (true, generation.name().to_owned());
        self.shared.progress.send_modify(|progress| {
            progress.serving = serving;
            progress.generation = generation;
        });
        Ok(())
    }

    /// Takes a generation out of service because it is not what the log says. It is moved to
    /// `quarantine` when its last reader has let it go; until then, and until another one is built,
    /// readers are told that there is no view.
    ///
    /// # Errors
    /// [`Error::Io`]; no reader sees it any more in spite of it.
    pub fn set_aside(&self, generation: Arc<Generation>) -> Result<(), Error> {
        let mut state = self.state();
        self.withdraw(&generation);
        let mut pointer = state.pointer.clone();
        if let Some(name) = Name::parse(generation.name()) {
            pointer.names.retain(|it| *it != name);
            pointer.aside.push(name);
        }
        state.retire(Some(generation), Fate::Quarantine);
        state.point_at(pointer)
    }

    /// Gives up a generation that was built; it is removed when it is let go everywhere.
    pub fn discard(&self, generation: Arc<Generation>) {
        self.state().retire(Some(generation), Fate::Remove);
    }

    /// Lets no reader see a generation any more; what is on disk stays.
    pub fn withdraw(&self, generation: &Arc<Generation>) {
        let active = self.shared.active.load_full();
        if active.is_some_and(|active| Arc::ptr_eq(&active, generation)) {
            self.shared.active.store(None);
            self.shared
                .progress
                .send_modify(|progress| progress.serving = false);
        }
    }

    /// Removes and moves what no reader holds any more; answers how many are still held.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sweep(&self) -> Result<usize, Error> {
        let mut state = self.state();
        let (mut held, mut failed) = (Vec::new(), None);
        for Retired { generation, fate } in std::mem::take(&mut state.retired) {
            match Arc::try_unwrap(generation) {
                Err(generation) => held.push(Retired { generation, fate }),
                Ok(generation) => {
                    if let Err(error) = state.bury(generation, fate) {
                        failed = Some(error);
                    }
                }
            }
        }
        state.retired = held;
        failed.map_or(Ok(state.retired.len()), Err)
    }

    /// Notes that the process stops cleanly with this view; after the last write and its flush.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn stop_cleanly(&self, generation: &Generation) -> Result<(), Error> {
        generation.flush()?;
        match generation.checkpoint()? {
            Some(checkpoint) => {
                let mark = clean_mark(generation.name(), &checkpoint);
                self.state().folder.write_clean(&mark)
            }
            None => Ok(()),
        }
    }

    /// Whether the folder can be written now: writes, syncs and removes a small file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn probe(&self) -> Result<(), Error> {
        self.state().folder.probe()
    }

    /// Names of all generations on disk, and of those set aside.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<(Vec<String>, Vec<String>), Error> {
        let state = self.state();
        let there = state.folder.generations()?;
        let there = there.iter().map(ToString::to_string).collect();
        Ok((there, state.folder.quarantined()?))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn point_at(&mut self, pointer: Pointer) -> Result<(), Error> {
        self.folder.write_pointer(&pointer)?;
        self.pointer = pointer;
        Ok(())
    }

    fn retire(&mut self, generation: Option<Arc<Generation>>, fate: Fate) {
        let retired = generation.map(|generation| Retired { generation, fate });
        self.retired.extend(retired);
    }

    /// Closes a generation that nobody holds, and moves or removes it.
    fn bury(&mut self, generation: Generation, fate: Fate) -> Result<(), Error> {
        let name = Name::parse(generation.name());
        drop(generation);
        let Some(name) = name else { return Ok(()) };
        match fate {
            Fate::Remove => self.folder.remove(&name),
            Fate::Quarantine => {
                self.folder.quarantine(&name)?;
                let mut pointer = self.pointer.clone();
                pointer.aside.retain(|it| *it != name);
                self.point_at(pointer)
            }
        }
    }
}

fn clean_mark(generation: &str, checkpoint: &Checkpoint) -> String {
    format!("{generation} {}", checkpoint.digest)
}
