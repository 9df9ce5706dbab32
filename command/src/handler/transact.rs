//! The way of one command, and the loop around it.

use std::sync::Arc;

use event_store::StreamId;
use order::Command;
use order::value::OrderId;

use super::append::Appended;
use super::judge::Verdict;
use super::{Call, Handler, Stream};
use crate::assign;
use crate::cache::Slot;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// How often a command is decided again because another writer was faster. Each time somebody else
/// made progress; who meets that so often stands in a crowd and should step back.
const REDECISIONS_MAX: u32 = 8;
/// Candidates for an order id drawn at random; one collision in 31^7 per second is rare already.
const DRAWS_MAX: u32 = 8;

impl Handler {
    /// Checks a new order that has no name yet: none is invented, nothing is read.
    async fn validate_unnamed(&self, call: &Call) -> Result<Outcome, Failure> {
        let id = assign::at(call.now, 0);
        let name = StreamId::new(id.as_str()).map_err(Failure::internal)?;
        let known = Slot::default().lock_owned().await;
        let stream = Stream {
            id,
            name,
            fresh: true,
            identity: None,
            known,
        };
        let verdict = self.judge(&stream, call).await;
        let outcome = self.settle(stream, call, verdict).await?;
        Ok(Outcome {
            order_id: None,
            ..outcome
        })
    }

    /// Executes one command on the order that it names, or on a new one.
    pub(crate) async fn handle(self: &Arc<Self>, call: Arc<Call>) -> Result<Outcome, Failure> {
        if let Some(id) = &call.request.order_id {
            return self.transact(id, &call).await;
        }
        if call.request.context.validate_only {
            return self.validate_unnamed(&call).await;
        }
        if call.request.context.request_id.is_some() {
            return self.create_repeatable(&call).await;
        }
        for _ in 0..DRAWS_MAX {
            let id = assign::at(call.now, u128::from_le_bytes((self.entropy)()));
            match self.transact(&id, &call).await {
                Err(Failure::IdTaken) => {}
                settled => return settled,
            }
        }
        Err(Failure::Contention)
    }

    /// Creates under an id that a repetition of the request meets again.
    async fn create_repeatable(self: &Arc<Self>, call: &Arc<Call>) -> Result<Outcome, Failure> {
        let request_id = call
            .request
            .context
            .request_id
            .as_ref()
            .ok_or(Failure::Contention)?;
        for candidate in 0..=u8::MAX {
            let id = assign::of_request(&call.caller.principal, request_id, candidate);
            match self.transact(&id, call).await {
                Err(Failure::IdTaken) => {}
                settled => return settled,
            }
        }
        Err(Failure::Contention)
    }

    /// The conflict loop. Only an append may rest on what the cache says, in the epoch in which it
    /// was read. A replay looks whether the log still holds its commit. Any other verdict is given
    /// again on the newest state: another node may have moved the order.
    async fn transact(
        self: &Arc<Self>,
        id: &OrderId,
        call: &Arc<Call>,
    ) -> Result<Outcome, Failure> {
        let mut stream = self.open(id, call).await?;
        for _ in 0..=REDECISIONS_MAX {
            stream = match self.judge(&stream, call).await {
                Ok(Verdict::Append(decision)) => match self.append(stream, call, decision).await? {
                    Appended::Stored(outcome) => return Ok(*outcome),
                    Appended::Lost(newer) => newer,
                },
                Ok(Verdict::Replay(outcome, done)) if self.holds(&stream, &done).await? => {
                    return self.finish(stream, call, outcome).await;
                }
                Ok(Verdict::Replay(..)) => self.refresh(stream).await?,
                settled if stream.fresh => return self.settle(stream, call, settled).await,
                _perhaps_outdated => self.refresh(stream).await?,
            };
        }
        Err(Failure::Contention)
    }

    async fn settle(
        &self,
        stream: Stream,
        call: &Call,
        verdict: Result<Verdict, Failure>,
    ) -> Result<Outcome, Failure> {
        match verdict {
            Ok(Verdict::Stay(outcome)) => self.finish(stream, call, outcome).await,
            Ok(Verdict::Replay(..)) => Err(Failure::internal("a replay was not looked up")),
            Ok(Verdict::Append(_)) => Err(Failure::internal("a decision was not appended")),
            Err(failure) => {
                self.leave(&stream);
                Err(failure)
            }
        }
    }

    /// Ends a command that appended nothing. Erasing again destroys the key again: an earlier try
    /// may have ended between the two.
    async fn finish(
        &self,
        stream: Stream,
        call: &Call,
        outcome: Outcome,
    ) -> Result<Outcome, Failure> {
        let erases = matches!(call.request.command, Command::ErasePersonalData);
        if erases && !call.request.context.validate_only {
            self.destroy_key(&stream.name).await?;
        }
        self.leave(&stream);
        Ok(outcome)
    }

    /// An order that does not exist is not remembered.
    fn leave(&self, stream: &Stream) {
        if stream.known.commits == 0 {
            self.cache.forget(&stream.id);
        }
    }
}
