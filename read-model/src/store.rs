//! The folder of one projection: its generations, and the pointer to the one that serves.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{Error, Generation, Progress, Reader};

/// Name of the pointer file.
const POINTER: &str = "current";

/// Name of the file whose lock says which process owns the folder.
const LOCK: &str = "lock";

/// Views set aside that are kept, by projection: one to look at, one to compare it with. More would
/// let a fault that comes back fill the disk.
const QUARANTINED: usize = 2;

/// The generations of one projection. One process owns a folder; a lock says so.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    projection: String,
    schema: u32,
    cache_bytes: u64,
    active: Arc<ArcSwap<Generation>>,
    progress: watch::Sender<Progress>,
    /// Held, not read.
    _lock: File,
}

impl Store {
    /// Opens the generation that the pointer names, or makes the first one.
    ///
    /// A generation that does not open is moved to `quarantine`, one of another schema is removed,
    /// and a new one takes its place; the log fills it. Generations that the pointer does not name
    /// are builds that were cut short, and are removed.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it open, [`Error::Io`] when the folder cannot be
    /// read or written, [`Error::Damaged`] when not even a new generation opens.
    pub fn open(
        root: &Path,
        projection: &str,
        schema: u32,
        cache_bytes: u64,
    ) -> Result<Self, Error> {
        let folder = root.join(projection);
        fs::create_dir_all(&folder).map_err(io("create", &folder))?;
        let lock = lock(&folder)?;
        let named = read_pointer(&folder)?;
        let mut progress = Progress::default();
        let mut generation = None;
        if let Some(name) = named.filter(|name| name.starts_with(&format!("{schema}-"))) {
            let path = folder.join(&name);
            match Generation::open(&path, cache_bytes).and_then(|g| g.checkpoint().map(|c| (g, c)))
            {
                Ok((found, checkpoint)) => {
                    progress.intact = checkpoint.is_some();
                    if let Some(checkpoint) = checkpoint {
                        progress.identity = checkpoint.identity;
                        progress.positions = checkpoint.positions();
                        let times = checkpoint.partitions.values().map(|mark| mark.record_time);
                        progress.record_time = times.max().unwrap_or(0);
                    }
                    generation = Some(found);
                }
                Err(error @ (Error::InUse { .. } | Error::Io { .. })) => return Err(error),
                Err(error @ Error::Damaged { .. }) => {
                    tracing::error!(projection, generation = name, %error, "view set aside; it is built again from the log");
                    quarantine(root, projection, &path)?;
                }
            }
        }
        let generation = match generation {
            Some(generation) => generation,
            None => {
                let next = next_name(&folder, schema)?;
                let made = Generation::open(&folder.join(&next), cache_bytes)?;
                write_pointer(&folder, &next)?;
                made
            }
        };
        remove_others(&folder, generation.name())?;
        Ok(Self {
            root: root.to_owned(),
            projection: projection.to_owned(),
            schema,
            cache_bytes,
            active: Arc::new(ArcSwap::from_pointee(generation)),
            progress: watch::channel(progress).0,
            _lock: lock,
        })
    }

    /// The projection's name.
    #[must_use]
    pub fn projection(&self) -> &str {
        &self.projection
    }

    /// The generation that serves.
    #[must_use]
    pub fn active(&self) -> Arc<Generation> {
        self.active.load_full()
    }

    /// A reader of whatever generation serves.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.active), self.progress.subscribe())
    }

    /// How far the view is; only its projector changes it.
    #[must_use]
    pub const fn progress(&self) -> &watch::Sender<Progress> {
        &self.progress
    }

    /// Makes the next generation, beside the one that serves.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn next(&self) -> Result<Arc<Generation>, Error> {
        let folder = self.folder();
        let name = next_name(&folder, self.schema)?;
        Generation::open(&folder.join(name), self.cache_bytes).map(Arc::new)
    }

    /// Lets a generation serve: pointer file first, then the readers. The one before is removed, at
    /// the latest when the store is opened again.
    ///
    /// # Errors
    /// [`Error::Io`]; the old generation then goes on serving.
    pub fn promote(&self, generation: Arc<Generation>) -> Result<(), Error> {
        let folder = self.folder();
        write_pointer(&folder, generation.name())?;
        let name = generation.name().to_owned();
        drop(self.active.swap(generation));
        if let Err(error) = remove_others(&folder, &name) {
            tracing::warn!(%error, "failed to remove the generation before; the next start will");
        }
        Ok(())
    }

    /// Removes a build that was given up.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(&self, generation: Arc<Generation>) -> Result<(), Error> {
        let path = generation.path().to_owned();
        drop(generation);
        fs::remove_dir_all(&path).map_err(io("remove", &path))
    }

    /// Moves the generation that serves aside and lets an empty one serve in its place, because
    /// what it holds is not what the log says.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn set_aside(&self) -> Result<(), Error> {
        let old = self.active();
        let next = self.next()?;
        write_pointer(&self.folder(), next.name())?;
        drop(self.active.swap(next));
        if let Err(error) = old.flush() {
            // It is set aside for what it is.
            tracing::warn!(%error, "failed to flush a view that is set aside");
        }
        quarantine(&self.root, &self.projection, old.path())
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.projection)
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.display().to_string();
    move |cause| Error::Io {
        action,
        path,
        cause,
    }
}

fn read_pointer(folder: &Path) -> Result<Option<String>, Error> {
    let path = folder.join(POINTER);
    match fs::read_to_string(&path) {
        Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| is_generation(name))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", &path)(error)),
    }
}

/// Write, fsync, rename, fsync the folder: after a crash the pointer is the old one or the new one.
fn write_pointer(folder: &Path, name: &str) -> Result<(), Error> {
    let (path, temporary) = (folder.join(POINTER), folder.join("current.new"));
    let write = || {
        let mut file = File::create(&temporary)?;
        writeln!(file, "{name}")?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(io("write", &path))
}

/// `<schema>-<n>`: the pointer is a file that anybody may have edited, and becomes a path.
fn is_generation(name: &str) -> bool {
    number_of(name).is_some()
}

fn number_of(name: &str) -> Option<(u32, u64)> {
    let (schema, n) = name.split_once('-')?;
    Some((schema.parse().ok()?, n.parse().ok()?))
}

fn generations(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io("read", folder))?;
        names.extend(
            entry
                .file_name()
                .to_str()
                .filter(|name| is_generation(name))
                .map(str::to_owned),
        );
    }
    Ok(names)
}

fn next_name(folder: &Path, schema: u32) -> Result<String, Error> {
    let last = generations(folder)?
        .iter()
        .filter_map(|name| number_of(name))
        .map(|(_, n)| n)
        .max();
    Ok(format!("{schema}-{}", last.unwrap_or(0).saturating_add(1)))
}

fn remove_others(folder: &Path, keep: &str) -> Result<(), Error> {
    for name in generations(folder)?.into_iter().filter(|name| name != keep) {
        remove(&folder.join(name))?;
    }
    Ok(())
}

/// Moves a generation to `quarantine/<projection>-<number>-<generation>`, numbers ascending.
fn quarantine(root: &Path, projection: &str, path: &Path) -> Result<(), Error> {
    let folder = root.join("quarantine");
    fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    let mut there = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io("read", &folder))? {
        let name = entry.map_err(io("read", &folder))?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(projection)?.strip_prefix('-')?.get(..6))
            .and_then(|number| number.parse::<u32>().ok());
        there.extend(number.map(|number| (number, folder.join(name))));
    }
    there.sort();
    let number = there.last().map_or(1, |(number, _)| number + 1);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let target = folder.join(format!("{projection}-{number:06}-{name}"));
    fs::rename(path, &target).map_err(io("set aside", path))?;
    tracing::warn!(projection, to = %target.display(), "view quarantined");
    let surplus = (there.len() + 1).saturating_sub(QUARANTINED);
    for (_, old) in there.into_iter().take(surplus) {
        remove(&old)?;
    }
    Ok(())
}

/// Removes a directory, or the file that stands where one should.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.map_err(io("remove", path))
}

/// Takes the folder for this process. The lock ends with the process, however it ends.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            path: folder.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(io("lock", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Changes, Checkpoint, keys};

    const CACHE: u64 = 1 << 20;

    fn open(root: &Path, schema: u32) -> Store {
        Store::open(root, "orders", schema, CACHE).expect("opened")
    }

    fn write(generation: &Generation, value: &str) {
        let mut changes = Changes::default();
        changes.put(b"ok".to_vec(), value.into());
        generation
            .apply(changes, &Checkpoint::default())
            .expect("written");
        generation.flush().expect("flushed");
    }

    fn read(store: &Store) -> Option<String> {
        let view = store.reader().view().expect("view");
        view.get(b"ok")
            .expect("read")
            .map(|v| String::from_utf8_lossy(&v).into_owned())
    }

    #[test]
    fn a_view_survives_a_restart() {
        let root = tempfile::tempdir().expect("folder");
        write(&open(root.path(), 1).active(), "one");
        let store = open(root.path(), 1);
        assert_eq!(read(&store).as_deref(), Some("one"));
        assert!(store.progress().borrow().intact);
    }

    #[test]
    fn a_promoted_generation_serves_at_once_and_after_a_restart() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        write(&store.active(), "old");
        let reader = store.reader();
        let held = reader.view().expect("view");
        let next = store.next().expect("next");
        write(&next, "new");
        assert_eq!(read(&store).as_deref(), Some("old"));
        store.promote(next).expect("promoted");
        assert_eq!(read(&store).as_deref(), Some("new"));
        assert_eq!(held.get(b"ok").expect("read").as_deref(), Some(&b"old"[..]));
        drop((held, reader, store));
        assert_eq!(read(&open(root.path(), 1)).as_deref(), Some("new"));
    }

    #[test]
    fn a_build_that_was_cut_short_is_removed() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        write(&store.active(), "old");
        drop(store.next().expect("next"));
        drop(store);
        let store = open(root.path(), 1);
        assert_eq!(read(&store).as_deref(), Some("old"));
        assert_eq!(
            generations(&root.path().join("orders"))
                .expect("listed")
                .len(),
            1
        );
    }

    #[test]
    fn another_schema_begins_anew() {
        let root = tempfile::tempdir().expect("folder");
        write(&open(root.path(), 1).active(), "old");
        let store = open(root.path(), 2);
        assert_eq!(read(&store), None);
        assert!(!store.progress().borrow().intact);
        assert!(store.active().name().starts_with("2-"));
    }

    #[test]
    fn a_damaged_view_is_set_aside() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        write(&store.active(), "old");
        let path = store.active().path().to_owned();
        drop(store);
        fs::remove_dir_all(&path).expect("removed");
        fs::write(&path, b"not a folder").expect("damaged");
        let store = open(root.path(), 1);
        assert_eq!(read(&store), None);
        assert_eq!(
            fs::read_dir(root.path().join("quarantine"))
                .expect("there")
                .count(),
            1
        );
    }

    #[test]
    fn a_pointer_that_is_no_generation_is_not_followed() {
        let root = tempfile::tempdir().expect("folder");
        drop(open(root.path(), 1));
        fs::write(root.path().join("orders/current"), "../../etc").expect("edited");
        assert_eq!(read(&open(root.path(), 1)), None);
    }

    #[test]
    fn the_digest_leaves_the_checkpoint_out() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        write(&store.active(), "one");
        let before = store.active().digest().expect("digest");
        let checkpoint = Checkpoint {
            identity: [7; 16],
            ..Checkpoint::default()
        };
        store
            .active()
            .apply(Changes::default(), &checkpoint)
            .expect("written");
        assert_eq!(store.active().digest().expect("digest"), before);
        write(&store.active(), "two");
        assert_ne!(store.active().digest().expect("digest"), before);
    }

    #[test]
    fn a_folder_has_one_owner_and_the_second_leaves_it_alone() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        write(&store.active(), "one");
        for schema in [1, 2] {
            let second = Store::open(root.path(), "orders", schema, CACHE);
            assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
        }
        assert_eq!(read(&store).as_deref(), Some("one"));
        assert!(!root.path().join("quarantine").exists());
    }

    #[test]
    fn a_view_that_a_reader_still_holds_is_in_use_and_not_damaged() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        let held = store.reader().view().expect("view");
        drop(store);
        let second = Store::open(root.path(), "orders", 1, CACHE);
        assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
        drop((held, second));
    }

    #[test]
    fn only_the_newest_quarantined_views_are_kept() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        for _ in 0..QUARANTINED + 3 {
            write(&store.active(), "wrong");
            store.set_aside().expect("set aside");
            assert_eq!(read(&store), None);
        }
        let names = fs::read_dir(root.path().join("quarantine")).expect("there");
        let mut names: Vec<_> = names
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["orders-000004-1-4", "orders-000005-1-5"]);
    }

    #[test]
    fn a_view_with_damaged_bytes_has_its_checkpoint_only_if_it_is_whole() {
        let root = tempfile::tempdir().expect("folder");
        let store = open(root.path(), 1);
        let mut changes = Changes::default();
        for n in 0..20_000_u32 {
            changes.put(keys::row(&n.to_string()), n.to_be_bytes().repeat(20));
        }
        let active = store.active();
        active.load(changes).expect("written");
        active.seal(&Checkpoint::default()).expect("sealed");
        let (path, whole) = (active.path().join("db"), active.digest().expect("digest"));
        drop((active, store));
        let mut bytes = fs::read(&path).expect("read");
        let middle = bytes.len() / 2;
        for byte in bytes.iter_mut().skip(middle - 4096).take(8192) {
            *byte ^= 0x5A;
        }
        fs::write(&path, bytes).expect("damaged");
        // sled cuts its log short, fails or panics; there is a store in the end.
        let store = open(root.path(), 1);
        if store.progress().borrow().intact {
            assert_eq!(store.active().digest().expect("digest"), whole);
        }
    }
}
