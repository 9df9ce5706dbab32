//! How the read model fails. A variant exists where a caller acts differently.

use std::io;
use std::path::Path;

/// Why the read model could not do something. Its folder can be deleted and is built again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine refused: no space, no permission, a read-only disk. Building again does not help.
    #[error("failed to {action} {path}: {cause}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: String,
        /// Why not.
        cause: io::Error,
    },
    /// Another process has the folder open. Nothing in it was touched.
    #[error("the read model in {path} is in use by another process")]
    InUse {
        /// The folder, or the generation's directory.
        path: String,
    },
    /// What is stored is not what was written. Another build heals it.
    #[error("the read model in {path} is damaged: {cause}")]
    Damaged {
        /// The generation's directory.
        path: String,
        /// What was found.
        cause: String,
    },
}

impl Error {
    /// Damage found in a directory.
    #[must_use]
    pub fn damaged(path: &Path, cause: &str) -> Self {
        Self::Damaged {
            path: path.display().to_string(),
            cause: cause.to_owned(),
        }
    }

    pub(crate) fn in_use(path: &Path) -> Self {
        let path = path.display().to_string();
        Self::InUse { path }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }

    /// Whether a fault of this kind is the machine's and not that of the files.
    pub(crate) const fn is_of_the_machine(kind: io::ErrorKind) -> bool {
        use io::ErrorKind as K;
        matches!(
            kind,
            K::StorageFull
                | K::QuotaExceeded
                | K::FileTooLarge
                | K::ReadOnlyFilesystem
                | K::PermissionDenied
                | K::OutOfMemory
        )
    }
}
