//! Many lanes at once: the steps of one order stay in one lane, in their order.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::lane::Lane;
use super::plan::Step;
use super::result::StepResult;
use crate::connect::Connection;
use crate::error::Error;

/// Hands every step to the lane of its order; ends when all lanes have.
pub(super) async fn dispatch(
    steps: Vec<Step>,
    service: Connection,
    lanes: usize,
    results: mpsc::Sender<StepResult>,
) -> Result<(), Error> {
    let mut running = tokio::task::JoinSet::new();
    let mut inputs = Vec::with_capacity(lanes);
    for _ in 0..lanes {
        let (input, steps) = mpsc::channel::<Step>(4);
        inputs.push(input);
        let lane = Lane::new(service.clone(), results.clone());
        running.spawn(lane.run(steps));
    }
    for step in steps {
        let order = match &step {
            Step::Place(invoice) => Arc::clone(&invoice.number),
            Step::Cancel(cancellation) => Arc::clone(&cancellation.order),
            Step::Reject(reject) => reject.row.invoice(),
            Step::Live(life) => Arc::clone(&life.order),
        };
        let lane = lane_of(&order, lanes);
        let Some(input) = inputs.get(lane) else { break };
        if input.send(step).await.is_err() {
            break; // the lane has failed; its error is collected below
        }
    }
    drop(inputs);
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

fn lane_of(order: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    order.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or(0)
}
