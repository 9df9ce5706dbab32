//! Opening what a process that is just ending may still hold.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long to wait for a process that was killed: the kernel takes its memory away first and its
/// locks after that.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Opens something, once nobody else has it open any more; the last refusal when that takes too
/// long.
pub(super) async fn open<T, E>(
    what: &str,
    open: impl Fn() -> Result<T, E>,
    is_in_use: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let give_up = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match open() {
            Err(error) if is_in_use(&error) && Instant::now() < give_up => {
                if !told {
                    tracing::info!(what, "in use by another process; waiting for it to end");
                    told = true;
                }
                sleep(PAUSE).await;
            }
            settled => return settled,
        }
    }
}
