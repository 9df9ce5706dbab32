//! What waits for the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::fault::GroupError;

/// Bytes that may wait. Enough for 200,000 ordinary records; a caller beyond it waits to hand in.
const QUEUE_KIB: usize = 65_536;

/// Requests in one transaction. At 256 writers a group is about 100; the limit only keeps the answer
/// of the first from waiting for thousands that come after it.
const GROUP_REQUESTS: usize = 1_024;

/// Bytes in one transaction: a few milliseconds of writing.
const GROUP_BYTES: usize = 8 * 1_048_576;

/// Pause between two tries while the disk refuses.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A request with the way back to its caller.
pub(super) struct Job<Q, A> {
    pub(super) request: Q,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<A, GroupError>>,
    pub(super) room: OwnedSemaphorePermit,
}

/// Many async callers on one side, one thread on the other.
pub(super) struct Queue<Q, A> {
    state: Mutex<State<Q, A>>,
    filled: Condvar,
    room: Arc<Semaphore>,
}

struct State<Q, A> {
    waiting: VecDeque<Job<Q, A>>,
    open: bool,
}

impl<Q, A> Queue<Q, A> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                open: true,
            }),
            filled: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUE_KIB)),
        }
    }

    /// Room for `bytes`, waited for in turn; `None` when the queue was closed.
    pub(super) async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from((1 + bytes / 1_024).min(QUEUE_KIB)).ok()?;
        Arc::clone(&self.room).acquire_many_owned(kib).await.ok()
    }

    /// Whether the job was taken; not once the queue was closed.
    pub(super) fn push(&self, job: Job<Q, A>) -> bool {
        let mut state = self.lock();
        if !state.open {
            return false;
        }
        state.waiting.push_back(job);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// The next group, waited for; `None` when the queue is closed and empty. With `retry` the wait
    /// ends after a second with an empty group.
    pub(super) fn take(&self, retry: bool) -> Option<Vec<Job<Q, A>>> {
        let idle = |state: &mut State<Q, A>| state.open && state.waiting.is_empty();
        let state = self.lock();
        let mut state = if retry {
            let waited = self.filled.wait_timeout_while(state, RETRY_AFTER, idle);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let waited = self.filled.wait_while(state, idle);
            waited.unwrap_or_else(PoisonError::into_inner)
        };
        if state.waiting.is_empty() && !state.open {
            return None;
        }
        let mut bytes = 0;
        let group = state.waiting.iter().take(GROUP_REQUESTS).take_while(|job| {
            bytes += job.bytes;
            bytes <= GROUP_BYTES
        });
        let count = group.count().max(1).min(state.waiting.len());
        Some(state.waiting.drain(..count).collect())
    }

    /// Takes no more; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.room.close();
        self.filled.notify_all();
    }

    /// Closes, and gives back what nobody will write.
    pub(super) fn abandon(&self) -> VecDeque<Job<Q, A>> {
        self.close();
        std::mem::take(&mut self.lock().waiting)
    }

    /// No statement that runs under the lock can panic half way.
    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
