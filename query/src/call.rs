//! What every method does around its own work: check the request, wait until the read model is fresh
//! enough, answer, say how fresh the answer is, tell a failure.

use std::future::Future;
use std::sync::Arc;

use read_model::View;
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::failure::Failure;
use crate::freshness::{self, Wanted};
use crate::{QueryService, Sources};

/// How often an answer that wants one position is read at most.
const STEADY_READS: u32 = 3;

/// A request that the read model answers.
pub(crate) trait Query: Send + Sized {
    /// The request, once it is known to be valid.
    type Checked: Send + Sync;
    type Reply: Send;
    /// Whether the answer is read again when the read model moved meanwhile: its parts should be of
    /// one position, and iterators are no snapshots.
    const STEADY: bool = false;

    /// The token to reach, and whether an older answer will do.
    fn freshness(&self) -> (String, bool);

    fn check(self) -> Result<Self::Checked, Failure>;

    fn answer(
        sources: &Sources,
        view: &Arc<View>,
        request: &Self::Checked,
    ) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;

    fn read_token(reply: &mut Self::Reply) -> &mut String;
}

/// A request that the log answers, also while there is no read model. The log is never behind a
/// token, but a token of another log is refused here, too.
pub(crate) trait Replay: Send + Sized {
    /// The request, once it is known to be valid.
    type Checked: Send + Sync;
    type Reply: Send;

    /// The consistency token; empty when there is none.
    fn token(&self) -> &str;

    fn check(self) -> Result<Self::Checked, Failure>;

    fn answer(
        sources: &Sources,
        request: &Self::Checked,
    ) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;

    fn read_token(reply: &mut Self::Reply) -> &mut String;
}

impl QueryService {
    /// Answers from the read model.
    pub(crate) async fn query<Q: Query>(
        &self,
        request: Request<Q>,
    ) -> Result<Response<Q::Reply>, Status> {
        let caller = Caller::of(request.metadata());
        let answered = self.0.query(request.into_inner(), &caller).await;
        answered.map_err(|failure| tell(&failure, &caller))
    }

    /// Answers from the log.
    pub(crate) async fn replay<R: Replay>(
        &self,
        request: Request<R>,
    ) -> Result<Response<R::Reply>, Status> {
        let caller = Caller::of(request.metadata());
        let answered = self.0.replay(request.into_inner()).await;
        answered.map_err(|failure| tell(&failure, &caller))
    }
}

/// The failure as the caller is told of it.
pub(crate) fn tell(failure: &Failure, caller: &Caller) -> Status {
    failure.log(&caller.correlation_id);
    caller.tag(failure.status(""))
}

impl Sources {
    async fn query<Q: Query>(
        &self,
        request: Q,
        caller: &Caller,
    ) -> Result<Response<Q::Reply>, Failure> {
        let (token, allow_stale) = request.freshness();
        let request = request.check()?;
        let reader = &self.reader;
        let wanted = Wanted {
            token: &token,
            allow_stale,
            deadline: caller.deadline,
        };
        let mut view = Arc::new(freshness::view(reader, &wanted).await?);
        let mut reads = 1;
        loop {
            let mut reply = Q::answer(self, &view, &request).await?;
            if Q::STEADY && reads < STEADY_READS {
                let now = reader.view()?;
                if now.checkpoint() != view.checkpoint() {
                    view = Arc::new(now);
                    reads += 1;
                    continue;
                }
            }
            *Q::read_token(&mut reply) = freshness::read_token(&view);
            return Ok(freshness::response(reader, &view, reply));
        }
    }

    async fn replay<R: Replay>(&self, request: R) -> Result<Response<R::Reply>, Failure> {
        freshness::check(&self.reader, request.token())?;
        let request = request.check()?;
        let view = self.reader.view().ok();
        let mut reply = R::answer(self, &request).await?;
        let Some(view) = view else {
            return Ok(Response::new(reply));
        };
        *R::read_token(&mut reply) = freshness::read_token(&view);
        Ok(freshness::response(&self.reader, &view, reply))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use event_store::keys::MemoryKeys;
    use proto::token::ConsistencyToken;
    use read_model::{Changes, Checkpoint, Generation, Mark, Memory, Store};

    use super::*;

    /// Moves the read model under its reader, some times.
    struct Moving {
        generation: Arc<Generation>,
        moves: u64,
        reads: AtomicU64,
    }

    impl Moving {
        fn move_to(&self, sequence: u64) {
            let mut checkpoint = Checkpoint::start(1, [7; 16]);
            let mark = Mark {
                sequence,
                commit_id: [1; 16],
                record_time: 0,
            };
            checkpoint.partitions.insert(0, mark);
            let applied = self
                .generation
                .apply(Changes::default(), &mut checkpoint, None);
            applied.expect("written");
        }
    }

    impl Query for Arc<Moving> {
        type Checked = Self;
        type Reply = String;

        const STEADY: bool = true;

        fn freshness(&self) -> (String, bool) {
            (String::new(), false)
        }

        fn check(self) -> Result<Self, Failure> {
            Ok(self)
        }

        async fn answer(_: &Sources, _: &Arc<View>, it: &Self) -> Result<String, Failure> {
            let reads = it.reads.fetch_add(1, Ordering::SeqCst) + 1;
            if reads <= it.moves {
                it.move_to(reads + 1);
            }
            Ok(String::new())
        }

        fn read_token(reply: &mut String) -> &mut String {
            reply
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_again_while_the_position_moves_three_times_at_most() {
        for (moves, expected) in [(0, 1), (1, 2), (2, 3), (9, 3)] {
            let root = tempfile::tempdir().expect("directory");
            let store = Store::new(root.path(), 1, Arc::new(Memory));
            store.open().expect("opened");
            let generation = store.create().expect("created");
            let reads = AtomicU64::new(0);
            let moving = Arc::new(Moving {
                generation,
                moves,
                reads,
            });
            moving.move_to(1);
            store.serve(&moving.generation).expect("served");
            let service = QueryService::new(
                store.reader(),
                Arc::new(event_store::memory::Memory::new(1)),
                Arc::new(MemoryKeys::default()),
            );
            let reply = service.query(Request::new(Arc::clone(&moving))).await;
            let token = reply.expect("answered").into_inner();
            assert_eq!(moving.reads.load(Ordering::SeqCst), expected, "{moves}");
            // What the last read was of, not what moved after it.
            let token: ConsistencyToken = token.parse().expect("token");
            assert_eq!(token.positions.get(&0), Some(&expected), "{moves}");
        }
    }
}
