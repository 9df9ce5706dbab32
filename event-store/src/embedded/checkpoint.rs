//! Copying the write-ahead log into the file, beside the writer.
//!
//! ```text
//!   write-ahead log   0 ───────── COPY_EVERY ───────── RESTART_AT
//!   beside the writer      copies what is there (most of the bytes, and the flush of the file)
//!   on the writer                                      copies the rest, starts the log over
//! ```
//!
//! SQLite by itself copies in the thread that commits, every thousand pages; each time all waiting
//! appends wait for two more flushes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::file::{self, Layout, OpenError};

/// Pages between two copies: 2 MiB.
const COPY_EVERY_PAGES: i64 = 512;

/// Pages at which the log starts over: 4 MiB. A log that is written over and over keeps its size, and
/// a flush that need not record a new size is up to twice as fast as one that must; recovery reads
/// at most this much.
const RESTART_AT_PAGES: i64 = 1_024;

/// The writer's side.
pub(super) struct Checkpointer {
    /// Pages written since the last copy was ordered, about.
    pages: i64,
    order: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Pages in the write-ahead log when it was copied last.
    log_pages: Arc<AtomicI64>,
}

impl Checkpointer {
    /// Starts the copying thread, which ends with this value.
    pub(super) fn start(path: &Path, layout: &Layout) -> Result<Self, OpenError> {
        let connection = file::open_writer(path, layout)?;
        // One order may wait: a second would copy what the first copies.
        let (order, orders) = sync_channel(1);
        let log_pages = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&log_pages);
        let thread = std::thread::Builder::new()
            .name("log-checkpoint".to_owned())
            .spawn(move || copy(&connection, &orders, &seen))
            .map_err(|error| OpenError::Io {
                path: path.to_owned(),
                cause: error.to_string(),
            })?;
        Ok(Self {
            pages: 0,
            order: Some(order),
            thread: Some(thread),
            log_pages,
        })
    }

    /// Counts one record: its own bytes, and a page of the index.
    pub(super) fn count(&mut self, bytes: usize) {
        let pages = 2 + bytes / file::PAGE_BYTES as usize;
        self.pages += i64::try_from(pages).unwrap_or(i64::MAX / 2);
    }

    /// Orders a copy when enough was written; starts the log over when it has grown long.
    pub(super) fn tend(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.log_pages.load(Ordering::Acquire) >= RESTART_AT_PAGES {
            self.log_pages.store(0, Ordering::Release);
            self.pages = 0;
            file::checkpoint(connection, "RESTART")?;
        } else if self.pages >= COPY_EVERY_PAGES {
            self.pages = 0;
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

fn copy(connection: &Connection, orders: &Receiver<()>, seen: &AtomicI64) {
    while orders.recv().is_ok() {
        match file::checkpoint(connection, "PASSIVE") {
            Ok((pages, _copied)) => seen.store(pages, Ordering::Release),
            Err(error) => tracing::warn!(%error, "the write-ahead log was not copied, later again"),
        }
    }
}
