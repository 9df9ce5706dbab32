//! Follows work of the service from step to step, until its outcome.

use std::time::Duration;

use proto::v1;
use tonic::{Response, Status, Streaming};

use crate::error::Error;
use crate::interrupt::interrupted;
use crate::progress::Progress;

/// One step of some work: how far it is, and at its end the outcome.
pub(super) trait WorkStep {
    type Outcome;
    fn split(self) -> (Option<v1::ReadModelWork>, Option<Self::Outcome>);
}

/// Follows the work `name` until its outcome. Ctrl-C ends the following and not the work.
///
/// # Errors
/// When the service refuses or gives up the work, or when the user detaches.
pub(super) async fn follow<S: WorkStep>(
    name: &str,
    quiet: bool,
    request: impl Future<Output = Result<Response<Streaming<S>>, Status>>,
) -> Result<S::Outcome, Error> {
    let work = async {
        let mut steps = request.await?.into_inner();
        let mut progress = Progress::following("commits", quiet);
        while let Some(step) = steps.message().await? {
            let (work, outcome) = step.split();
            if let Some(work) = work {
                show(&mut progress, &work);
            }
            if let Some(outcome) = outcome {
                progress.finish();
                return Ok(outcome);
            }
        }
        let text = format!("the service ended the {name} without an outcome");
        Err(Error::from(Status::unavailable(text)))
    };
    tokio::select! {
        // First, so that Ctrl-C is listened to before the work can begin.
        biased;
        () = interrupted() => Err(detached(name)),
        outcome = work => outcome,
    }
}

fn show(progress: &mut Progress, work: &v1::ReadModelWork) {
    let count = |commits: i64| u64::try_from(commits).unwrap_or(0);
    let remaining = work.remaining.and_then(|it| Duration::try_from(it).ok());
    let [done, total] = [work.done, work.total].map(count);
    progress.reach(done, total, work.per_second, remaining);
}

fn detached(name: &str) -> Error {
    Error::Detached(format!(
        "the {name} goes on in the service\n\
         next: follow it again with `orders read-model {name}`, or give it up with `orders \
         read-model cancel`"
    ))
}
