//! Finds the place to go on from, and makes sure that it is a place in this log.

use event_store::{Head, Position, ReadError};
use read_model::{Checkpoint, Error};
use tokio_util::sync::CancellationToken;

use super::{Ended, Projector, Scene, answer, blocking, sequences};
use crate::{Folder, Projection};

impl<P: Projection> Projector<P> {
    /// Finds the place to go on: behind the checkpoint, or at the end of a new build.
    pub(super) async fn attach(
        &mut self,
        cancel: &CancellationToken,
    ) -> Result<Result<Folder<P>, Ended>, Error> {
        let head = match self.scene.head().await {
            Ok(head) => head,
            Err(error) => return Ok(Err(Ended::Unreachable(error))),
        };
        let active = self.scene.views.active();
        let checkpoint = blocking(move || active.checkpoint()).await?;
        let intact = match checkpoint {
            None => false,
            Some(checkpoint) => match answer(self.scene.fence(&checkpoint, &head)).await {
                Err(error) => return Ok(Err(Ended::Unreachable(error))),
                Ok(Ok(())) => true,
                Ok(Err(found)) => {
                    let projection = self.scene.projection.name();
                    tracing::warn!(
                        projection,
                        found,
                        "the view is not of this log; it is set aside and built again"
                    );
                    self.set_aside().await?;
                    false
                }
            },
        };
        if !intact {
            // Whoever waits sees how much there is to do.
            self.scene.views.progress().send_modify(|progress| {
                progress.head = sequences(&head);
                progress.trouble = None;
                progress.look();
            });
            return self.build_first(&head, cancel).await;
        }
        let scene = self.scene.clone();
        let identity = head.identity.0;
        let folder =
            blocking(move || Folder::new(scene.projection, scene.views.active(), identity)).await?;
        self.scene.publish(&folder, Some(&head));
        Ok(Ok(folder))
    }

    /// Builds because there is nothing to go on from; what serves meanwhile is empty.
    async fn build_first(
        &mut self,
        head: &Head,
        cancel: &CancellationToken,
    ) -> Result<Result<Folder<P>, Ended>, Error> {
        self.abandon_build().await?;
        let scene = self.scene.clone();
        let built = Box::pin(scene.build(head, None, self.patience, cancel)).await?;
        match built {
            Ok(built) => Ok(Ok(self.scene.promote(built, Some(head)).await?)),
            Err(ended) => Ok(Err(ended)),
        }
    }
}

impl<P: Projection> Scene<P> {
    /// Whether the log still holds, at every position of the checkpoint, the commit that was folded
    /// from there; if not, what it holds instead.
    async fn fence(
        &self,
        checkpoint: &Checkpoint,
        head: &Head,
    ) -> Result<Result<(), String>, ReadError> {
        if checkpoint.identity != head.identity.0 {
            return Ok(Err(format!("this is another log, {}", head.identity)));
        }
        for (&partition, mark) in &checkpoint.partitions {
            let position = Position::new(partition, mark.sequence);
            if head.last.sequence(partition) < mark.sequence {
                let end = head.last.sequence(partition);
                return Ok(Err(format!(
                    "the log ends at {partition}:{end}, before {position}: its tail was lost"
                )));
            }
            match self.log.read_at(position).await? {
                Some(record) if record.commit_id.0 == mark.commit_id => {}
                Some(record) => {
                    return Ok(Err(format!("commit {} is at {position}", record.commit_id)));
                }
                None => return Ok(Err(format!("nothing is at {position}"))),
            }
        }
        Ok(Ok(()))
    }
}
