//! Where a log that was rolled back left the history that the view has folded.

use std::sync::Arc;

use event_store::Position;
use proto::commit;
use proto::row::Stored;
use read_model::{Error, Generation, keys};

use super::shared::Shared;
use super::{Ended, Runner};

/// Positions that are kept of a view's rows for the search: with more, every second is dropped.
const SAMPLES: usize = 1 << 16;

/// Where a commit was folded from, and the hash of its bytes.
type Sample = (u64, [u8; 32]);

impl Runner {
    /// Between which positions the log left what was folded, for people.
    pub(super) async fn say_what_is_lost(&mut self, partition: u32) -> String {
        let Some(view) = self.shared.store.active().or_else(|| self.found.clone()) else {
            return "what is lost is not known".to_owned();
        };
        let samples = self.shared.blocking(move || samples(&view, partition));
        match samples.await {
            Ok(samples) => match self.shared.fork(partition, &samples).await {
                Ok(bounds) => bounds,
                Err(ended) => format!("what is lost is not known: {ended}"),
            },
            Err(error) => format!("what is lost is not known: {error}"),
        }
    }
}

/// Positions and chain hashes of rows, in the order of their positions.
fn samples(view: &Arc<Generation>, partition: u32) -> Result<Vec<Sample>, Error> {
    let mut samples: Vec<Sample> = Vec::new();
    let (mut every, mut seen) = (1_usize, 0_usize);
    for entry in view.prefix(&[keys::ROW]) {
        let (_, row) = entry?;
        let Ok(row) = Stored::of(&row) else { continue };
        if row.position.0 != partition {
            continue;
        }
        seen = seen.wrapping_add(1);
        if seen % every == 0 {
            samples.push((row.position.1, row.chain_hash));
        }
        if samples.len() >= SAMPLES {
            samples = samples.into_iter().step_by(2).collect();
            every = every.saturating_mul(2);
        }
    }
    samples.sort_unstable();
    Ok(samples)
}

impl Shared {
    /// A binary search for the last commit that the log still holds.
    async fn fork(&self, partition: u32, samples: &[Sample]) -> Result<String, Ended> {
        let (mut low, mut high) = (0, samples.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let Some(sample) = samples.get(middle) else {
                break;
            };
            if self.still_holds(partition, *sample).await? {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let at = |index: Option<usize>| {
            let (sequence, _) = samples.get(index?)?;
            Some(Position::new(partition, *sequence))
        };
        Ok(match (at(low.checked_sub(1)), at(Some(low))) {
            (Some(last), Some(first)) => format!(
                "the log agrees up to {last}, at least, and no longer holds what was at {first}"
            ),
            (None, Some(first)) => format!("the log no longer holds what was at {first}"),
            (Some(last), None) => {
                format!("the log agrees up to {last}; what is lost came after it")
            }
            (None, None) => "the view held no commit of it".to_owned(),
        })
    }

    async fn still_holds(&self, partition: u32, (sequence, hash): Sample) -> Result<bool, Ended> {
        let position = Position::new(partition, sequence);
        let record = self.answer(self.log.read_at(position)).await?;
        Ok(record.is_some_and(|record| commit::hash(&record.payload) == hash))
    }
}
