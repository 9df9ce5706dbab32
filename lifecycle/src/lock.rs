//! Locking without a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The data behind the locks of this crate are valid after every single statement, so a panic
/// elsewhere is no reason to panic here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
