//! One command: load, decide, append; and again, when another writer was faster.

mod append;
mod judge;
mod personal;

use std::sync::{Arc, Mutex, PoisonError};

use event_store::{Consistency, EventStore, KeyStore, LogIdentity, Position, ReadError, StreamId};
use order::Command;
use order::value::{OrderId, Timestamp};
use tokio::sync::OwnedMutexGuard;

use crate::assign;
use crate::cache::{Cache, Slot};
use crate::config::{Clock, Config, Entropy};
use crate::failure::Failure;
use crate::known::Known;
use crate::observe::Observer;
use crate::outcome::Outcome;
use crate::parse::Request;
use append::Appended;
use judge::Verdict;

/// How often a command is decided again because another writer was faster. Each time somebody else
/// made progress; who meets that so often stands in a crowd and should step back.
const REDECISIONS_MAX: u32 = 8;
/// Candidates for an order id drawn at random; one collision in 31^7 per second is rare already.
const DRAWS_MAX: u32 = 8;

/// Who sends a request, and in which trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The authenticated principal; empty where nobody can be.
    pub(crate) principal: String,
    /// Ties calls together.
    pub(crate) correlation_id: String,
    /// W3C trace context; empty if there is none.
    pub(crate) traceparent: String,
}

/// One command on its way.
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) caller: Caller,
    /// When it arrived.
    pub(crate) now: Timestamp,
}

/// Executes commands.
pub(crate) struct Handler {
    store: Arc<dyn EventStore>,
    keys: Arc<dyn KeyStore>,
    pub(crate) clock: Clock,
    entropy: Entropy,
    pub(crate) observer: Arc<dyn Observer>,
    cache: Cache,
    identity: Mutex<Option<LogIdentity>>,
}

/// An order's stream in the hands of one command.
pub(crate) struct Stream {
    id: OrderId,
    name: StreamId,
    /// Whether everything that was committed before this command is known.
    fresh: bool,
    /// Which log it is in; unknown to whoever only validates.
    identity: Option<LogIdentity>,
    known: OwnedMutexGuard<Known>,
}

impl Stream {
    /// Where a token points to.
    fn at(&self, position: Position) -> Option<(LogIdentity, Position)> {
        Some((self.identity?, position))
    }
}

impl Handler {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        keys: Arc<dyn KeyStore>,
        clock: Clock,
        config: Config,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            entropy: config.entropy,
            observer: config.observer,
            cache: Cache::new(config.cached_orders_max, config.cached_bytes_max),
            identity: Mutex::new(None),
        }
    }

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

    /// The conflict loop. Only an append, or a replay, may rest on what the cache says; any other
    /// verdict is given again on the newest state, for another node may have moved the order.
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
                Ok(Verdict::Replay(outcome)) => return self.finish(stream, call, outcome).await,
                settled if stream.fresh => return self.settle(stream, call, settled).await,
                _perhaps_outdated => self.refresh(stream).await?,
            };
        }
        Err(Failure::Contention)
    }

    /// Takes the order's place in the queue, and reads its stream if nothing is known of it.
    async fn open(&self, id: &OrderId, call: &Call) -> Result<Stream, Failure> {
        let identity = Some(self.identity().await?);
        let name = StreamId::new(id.as_str()).map_err(Failure::internal)?;
        let known = self.cache.slot(id).lock_owned().await;
        let mut stream = Stream {
            id: id.clone(),
            name,
            fresh: false,
            identity,
            known,
        };
        // A new order's stream is taken to be empty: if it is not, the append will say so. Unless a
        // key would be made first, which a refused command must not leave behind.
        let begins = matches!(call.request.command, Command::Create(_)) && !call.request.personal;
        if !stream.known.loaded && !begins {
            self.load(&mut stream, Consistency::Any).await?;
        }
        Ok(stream)
    }

    /// Learns everything that was committed before now.
    async fn refresh(&self, mut stream: Stream) -> Result<Stream, Failure> {
        stream.identity = Some(self.identity().await?);
        self.load(&mut stream, Consistency::Latest).await?;
        stream.fresh = true;
        Ok(stream)
    }

    async fn load(&self, stream: &mut Stream, consistency: Consistency) -> Result<(), Failure> {
        let after = stream.known.last;
        match self
            .store
            .read_stream(&stream.name, after, consistency)
            .await
        {
            Ok(records) => {
                stream.known.fold(&records);
                self.cache.weigh(&stream.id, stream.known.bytes());
                Ok(())
            }
            Err(ReadError::Corrupt { position, cause }) => Err(Failure::unreadable(format!(
                "the record at {position}: {cause}"
            ))),
            Err(ReadError::Unavailable { cause }) => Err(Failure::LogUnavailable { cause }),
        }
    }

    async fn settle(
        &self,
        stream: Stream,
        call: &Call,
        verdict: Result<Verdict, Failure>,
    ) -> Result<Outcome, Failure> {
        match verdict {
            Ok(Verdict::Stay(outcome) | Verdict::Replay(outcome)) => {
                self.finish(stream, call, outcome).await
            }
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

    /// Which log this is: asked once, and again after the log went back.
    async fn identity(&self) -> Result<LogIdentity, Failure> {
        let known = *self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = known {
            return Ok(identity);
        }
        let head = self.store.head().await.map_err(Failure::log)?;
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(head.identity);
        Ok(head.identity)
    }

    /// The log ends before what was read from it: whatever was known may be of another log.
    fn doubt(&self) {
        tracing::error!("the log went back: what is cached is dropped and read again");
        self.cache.clear();
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
