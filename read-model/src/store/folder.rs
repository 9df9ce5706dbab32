//! The folder on disk. What cannot be read is moved out of the way, never a reason to stop.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::name::Name;
use super::pointer::Pointer;
use crate::Error;

/// Name of the pointer file.
const POINTER: &str = "current";
/// Name of the file whose lock says which process owns the folder.
const LOCK: &str = "lock";
/// Name of the file that a clean stop leaves behind.
const CLEAN: &str = "clean";
/// Name of the file that shows whether the folder can be written.
const PROBE: &str = "probe";
/// Where damaged generations go.
const QUARANTINE: &str = "quarantine";

/// Things set aside that are kept: one to look at, one to compare it with. More would let a fault
/// that comes back fill the disk.
const QUARANTINED: usize = 2;

/// The folder of the read model.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    lock: Option<File>,
    /// The highest number given out.
    last: u64,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            lock: None,
            last: 0,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, name: &Name) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// Makes the folder and locks it. The lock ends with the process, however it ends.
    pub(super) fn take(&mut self) -> Result<(), Error> {
        if self.lock.is_some() {
            return Ok(());
        }
        if self.root.exists() && !self.root.is_dir() {
            let aside = self.root.with_extension("set-aside");
            tracing::error!(path = %self.root.display(), to = %aside.display(), "not a directory; moved out of the way");
            fs::rename(&self.root, &aside).map_err(Error::io("move", &self.root))?;
        }
        fs::create_dir_all(&self.root).map_err(Error::io("create", &self.root))?;
        let path = self.root.join(LOCK);
        self.clear_way(&path)?;
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        match file.try_lock() {
            Ok(()) => self.lock = Some(file),
            Err(TryLockError::WouldBlock) => return Err(Error::in_use(&self.root)),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        Ok(())
    }

    /// Sets aside whatever stands where a file should.
    fn clear_way(&self, path: &Path) -> Result<(), Error> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => self.move_to_quarantine(path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("look at", path)(error)),
        }
    }

    pub(super) fn read_pointer(&self) -> Result<Pointer, Error> {
        let text = self.read(POINTER)?;
        Ok(text.map_or_else(Pointer::default, |text| Pointer::decode(&text)))
    }

    pub(super) fn write_pointer(&self, pointer: &Pointer) -> Result<(), Error> {
        self.write(POINTER, &pointer.encode())
    }

    /// What the last clean stop left behind; it is removed, because from now on it is not true.
    pub(super) fn take_clean(&self) -> Result<Option<String>, Error> {
        let text = self.read(CLEAN)?;
        let path = self.root.join(CLEAN);
        match fs::remove_file(&path) {
            Ok(()) => self.sync().map_err(Error::io("sync", &self.root))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("remove", &path)(error)),
        }
        Ok(text)
    }

    pub(super) fn write_clean(&self, mark: &str) -> Result<(), Error> {
        self.write(CLEAN, mark)
    }

    pub(super) fn probe(&self) -> Result<(), Error> {
        // More than a block of any file system, so that a full disk shows.
        self.write(PROBE, &"probe\n".repeat(16 << 10))?;
        let path = self.root.join(PROBE);
        fs::remove_file(&path).map_err(Error::io("remove", &path))
    }

    /// The text of a file; `None` when there is none, or one that cannot be understood, which is
    /// set aside.
    fn read(&self, file: &str) -> Result<Option<String>, Error> {
        let path = self.root.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if Error::is_of_the_machine(error.kind()) => {
                Err(Error::io("read", &path)(error))
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "file set aside; it cannot be read");
                self.move_to_quarantine(&path)?;
                Ok(None)
            }
        }
    }

    /// Write, fsync, rename, fsync the folder: after a crash the file is the old one or the new one.
    fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        let (path, temporary) = (self.root.join(file), self.root.join("new"));
        self.clear_way(&path)?;
        self.clear_way(&temporary)?;
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            self.sync()
        };
        write().map_err(Error::io("write", &path))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }

    /// Everything in the folder that has the name of a generation, oldest first.
    pub(super) fn generations(&self) -> Result<Vec<Name>, Error> {
        let mut names = Vec::new();
        for name in self.entries(&self.root)? {
            names.extend(Name::parse(&name));
        }
        names.sort();
        Ok(names)
    }

    /// No generation gets the number of one that is gone.
    pub(super) fn note_numbers(&mut self, names: &[Name]) {
        let last = names.iter().map(|name| name.n).max();
        self.last = self.last.max(last.unwrap_or(0));
    }

    pub(super) fn next_name(&mut self, engine: &str, fold: u32) -> Result<Name, Error> {
        let there = self.generations()?;
        self.note_numbers(&there);
        self.last = self.last.saturating_add(1);
        Ok(Name::new(engine, fold, self.last))
    }

    /// Removes a generation, or the file that stands where one should; one that is gone is removed.
    pub(super) fn remove(&self, name: &Name) -> Result<(), Error> {
        remove(&self.path(name))
    }

    /// Moves a generation to quarantine; one that is gone stays gone.
    pub(super) fn quarantine(&self, name: &Name) -> Result<(), Error> {
        self.move_to_quarantine(&self.path(name))
    }

    /// Moves something to `quarantine/<number>-<name>`, numbers ascending.
    fn move_to_quarantine(&self, path: &Path) -> Result<(), Error> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let folder = self.root.join(QUARANTINE);
        if folder.exists() && !folder.is_dir() {
            remove(&folder)?;
        }
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let there = self.quarantined()?;
        let number = there
            .last()
            .and_then(|name| name.get(..6)?.parse::<u32>().ok());
        let number = number.unwrap_or(0).saturating_add(1);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let target = folder.join(format!("{number:06}-{name}"));
        fs::rename(path, &target).map_err(Error::io("set aside", path))?;
        tracing::warn!(from = %path.display(), to = %target.display(), "set aside");
        let surplus = there.len().saturating_add(1).saturating_sub(QUARANTINED);
        for old in there.into_iter().take(surplus) {
            remove(&folder.join(old))?;
        }
        Ok(())
    }

    /// Names of what was set aside, oldest first.
    pub(super) fn quarantined(&self) -> Result<Vec<String>, Error> {
        let folder = self.root.join(QUARANTINE);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut names = self.entries(&folder)?;
        names.sort();
        Ok(names)
    }

    fn entries(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let entry = entry.map_err(Error::io("list", folder))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

/// Removes a directory, or the file that stands where one should.
fn remove(path: &Path) -> Result<(), Error> {
    let is_dir = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let removed = if is_dir {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
