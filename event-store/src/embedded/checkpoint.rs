//! Copying the write-ahead log into the file, beside the writer.
//!
//! ```text
//!   write-ahead log   0 ───────── COPY_AT ──────────── RESTART_AT
//!   beside the writer      copies what is there (most of the bytes, and the flush of the file)
//!   on the writer                                      copies the rest, starts the log over
//! ```
//!
//! SQLite by itself copies in the thread that commits, every thousand pages; each time all waiting
//! appends wait for two more flushes, and while reads are under way it may never start over.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::file::{self, Layout, OpenError};

/// Pages at which a copy is ordered: 2 MiB.
const COPY_AT_PAGES: i64 = 512;

/// Pages at which the log starts over: 4 MiB. Recovery reads little more than that, and a log that is
/// written over and over keeps its size: one that grew to 64 MiB took 40 % fewer appends (ADR 0004).
const RESTART_AT_PAGES: i64 = 1_024;

/// The writer's side.
pub(super) struct Checkpointer {
    /// Whether a copy was ordered since the log started over.
    ordered: bool,
    /// Pages at which the log starts over.
    restart_at: i64,
    order: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the copying thread, which ends with this value.
    pub(super) fn start(path: &Path, layout: &Layout) -> Result<Self, OpenError> {
        let connection = file::open_writer(path, layout)?;
        // One order may wait: a second would copy what the first copies.
        let (order, orders) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("log-checkpoint".to_owned())
            .spawn(move || copy(&connection, &orders))
            .map_err(|error| OpenError::Io {
                path: path.to_owned(),
                cause: error.to_string(),
            })?;
        Ok(Self {
            ordered: false,
            restart_at: RESTART_AT_PAGES,
            order: Some(order),
            thread: Some(thread),
        })
    }

    /// Orders a copy when enough was written; starts the log over when it has grown long. A read that
    /// is under way can prevent that: then the log grows on and it is tried again later, so that a
    /// slow read costs disk, not time.
    pub(super) fn tend(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let pages = file::checkpoint(connection, "NOOP")?.pages;
        if pages >= self.restart_at {
            let busy = file::checkpoint(connection, "RESTART")?.busy;
            self.ordered = false;
            self.restart_at = if busy { pages } else { 0 } + RESTART_AT_PAGES;
        } else if pages >= COPY_AT_PAGES && !self.ordered {
            self.ordered = true;
            let _waits_already = self.order.as_ref().map(|order| order.try_send(()));
        }
        Ok(())
    }
}

/// Waits for the thread, so that whoever comes next has the file to itself.
impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.order.take());
        let joined = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_panic)) = joined {
            tracing::error!("the thread that copies the write-ahead log died");
        }
    }
}

fn copy(connection: &Connection, orders: &Receiver<()>) {
    while orders.recv().is_ok() {
        if let Err(error) = file::checkpoint(connection, "PASSIVE") {
            tracing::warn!(%error, "the write-ahead log was not copied, later again");
        }
    }
}
