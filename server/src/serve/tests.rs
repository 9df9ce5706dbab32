//! What the list of components promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lifecycle::OnFinish;

use super::*;

/// Runs a worker that panics this often and is then done, and the process with it.
async fn outcome_after(panics: usize) -> (Outcome, usize) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let flaky = lifecycle::worker("flaky", move |_| {
        let before = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            assert!(before >= panics, "a defect");
            Ok(())
        }
    });
    let (_signals, silent) = Signals::mock();
    let supervisor = Supervisor::builder()
        .add(worker(flaky).on_finish(OnFinish::Shutdown))
        .signals(silent)
        .build();
    let outcome = supervisor.expect("one component").run().await;
    (outcome, runs.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_is_restarted_five_times_and_then_stops_the_process() {
    let (outcome, runs) = outcome_after(5).await;
    assert_eq!((outcome.exit_code(), runs), (0, 6), "{outcome}");
    let (outcome, runs) = outcome_after(6).await;
    assert_eq!((outcome.exit_code(), runs), (70, 6), "{outcome}");
}
