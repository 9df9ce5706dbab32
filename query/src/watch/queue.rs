//! The queue between a watch and its reader: bounded in bytes, and never silent about its end.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use prost::Message as _;
use proto::v1::WatchOrdersResponse;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tonic::Status;

use crate::failure::{Failure, WatchEnd};

/// Most KiB that wait for one reader; a message counts as 1 KiB at least.
const QUEUE_KIB: u32 = 2_048;
/// A reader that makes no room for so long is cut off: it sleeps, or it cannot keep up at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message that waits, and the room that it takes.
type Waiting = (WatchOrdersResponse, OwnedSemaphorePermit);

/// Where a watch puts its messages.
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    end: Arc<OnceLock<Status>>,
    stopping: watch::Receiver<bool>,
}

/// The messages of a watch, then the status with which it ended.
pub struct Messages {
    messages: mpsc::UnboundedReceiver<Waiting>,
    end: Option<Arc<OnceLock<Status>>>,
}

/// Why a message was not taken.
pub(super) enum NotTaken {
    /// The reader is gone; there is nobody to tell.
    Gone,
    Failed(Failure),
}

impl From<Failure> for NotTaken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Queue {
    pub(super) fn new(stopping: watch::Receiver<bool>) -> (Self, Messages) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let end = Arc::new(OnceLock::new());
        let queue = Self {
            messages: sender,
            room: Arc::new(Semaphore::new(QUEUE_KIB as usize)),
            end: Arc::clone(&end),
            stopping,
        };
        let messages = Messages {
            messages: receiver,
            end: Some(end),
        };
        (queue, messages)
    }

    /// Waits until there is room for the message, as long as the reader may take.
    pub(super) async fn put(&self, message: WatchOrdersResponse) -> Result<(), NotTaken> {
        let kib = u32::try_from(message.encoded_len() / 1_024).unwrap_or(QUEUE_KIB);
        let kib = kib.saturating_add(1).min(QUEUE_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib);
        let room = tokio::select! {
            biased;
            () = self.messages.closed() => return Err(NotTaken::Gone),
            room = room => room.map_err(Failure::internal)?,
            () = self.stopped() => {
                return Err(Failure::Watch(WatchEnd::ShuttingDown).into());
            }
            () = tokio::time::sleep(PATIENCE) => {
                return Err(Failure::Watch(WatchEnd::Lagged).into());
            }
        };
        let sent = self.messages.send((message, room));
        sent.map_err(|_gone| NotTaken::Gone)
    }

    /// Ready when the reader is gone or the process stops.
    pub(super) async fn interrupted(&self) -> NotTaken {
        tokio::select! {
            biased;
            () = self.messages.closed() => NotTaken::Gone,
            () = self.stopped() => Failure::Watch(WatchEnd::ShuttingDown).into(),
        }
    }

    async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        if stopping.wait_for(|stopping| *stopping).await.is_err() {
            // Nobody can stop it any more; the service itself is gone.
        }
    }

    /// The last word, behind all messages.
    pub(super) fn end(self, status: Status) {
        // Set once: the queue is consumed.
        drop(self.end.set(status));
    }
}

impl Stream for Messages {
    type Item = Result<WatchOrdersResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.messages.poll_recv(cx) {
            Poll::Ready(Some((message, _room))) => Poll::Ready(Some(Ok(message))),
            Poll::Ready(None) => {
                let end = self.end.take();
                let status = end.and_then(|end| end.get().cloned());
                Poll::Ready(status.map(Err))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
