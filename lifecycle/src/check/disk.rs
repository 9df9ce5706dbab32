//! Whether there is room on a disk.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use super::{Check, check};
use crate::health::Status;

/// How often the disk is asked.
const INTERVAL: Duration = Duration::from_secs(10);
/// A file system that does not answer for this long, as one over a network may, is in trouble.
const LIMIT: Duration = Duration::from_secs(5);

/// What the check of a disk waits for.
pub type DiskAnswer = Pin<Box<dyn Future<Output = Status> + Send>>;

/// Is degraded while less than `free_min_percent` of the disk that holds `path` is free for this
/// process, and not ready while the disk does not answer.
///
/// Degraded serves: an operator has to make room, and a restart would not help.
///
/// ```
/// let disk = lifecycle::disk("disk", "/var/lib/app", 10);
/// ```
pub fn disk(
    name: impl Into<String>,
    path: impl Into<PathBuf>,
    free_min_percent: u8,
) -> Check<impl FnMut() -> DiskAnswer + Send + 'static> {
    let path = path.into();
    check(name, INTERVAL, LIMIT, move || -> DiskAnswer {
        let path = path.clone();
        Box::pin(async move {
            // A file system may block its caller.
            let asked = tokio::task::spawn_blocking(move || status(&path, free_min_percent));
            asked
                .await
                .unwrap_or_else(|error| Status::NotReady(error.to_string()))
        })
    })
}

fn status(path: &Path, free_min_percent: u8) -> Status {
    match Room::of(path) {
        Ok(room) if room.percent() < u64::from(free_min_percent) => Status::Degraded(format!(
            "{} % of {} MiB are free at {}, less than {free_min_percent} %",
            room.percent(),
            room.total >> 20,
            path.display()
        )),
        Ok(_) => Status::Ready,
        Err(error) => Status::NotReady(format!("{} cannot be asked: {error}", path.display())),
    }
}

/// Bytes of a file system.
struct Room {
    free: u64,
    total: u64,
}

impl Room {
    fn of(path: &Path) -> io::Result<Self> {
        let answer = rustix::fs::statvfs(path)?;
        Ok(Self {
            free: answer.f_bavail.saturating_mul(answer.f_frsize),
            total: answer.f_blocks.saturating_mul(answer.f_frsize),
        })
    }

    /// A file system without a size, as `/proc`, is not full.
    fn percent(&self) -> u64 {
        let percent = u128::from(self.free) * 100;
        let percent = percent.checked_div(u128::from(self.total));
        percent.map_or(100, |percent| u64::try_from(percent).unwrap_or(100))
    }
}
