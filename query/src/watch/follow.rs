//! One watch: from the tail of the log to its reader.

use std::sync::Arc;
use std::time::Duration;

use event_store::{Entry, Missing, Record, Tail, TailError};
use futures::StreamExt as _;
use order::Order;
use order::value::OrderId;
use prost::Message as _;
use proto::v1::watch_orders_response::What;
use proto::{api, v1};
use read_model::View;
use tokio::time::Instant;

use super::folded::{Folded, Step};
use super::queue::{NotTaken, Queue};
use super::request::Asked;
use super::token::ResumeToken;
use crate::Sources;
use crate::caller::Caller;
use crate::failure::{Failure, WatchEnd};
use crate::stream::{Commits, Mark, last_version};

/// How long a watch is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What one watch works with.
pub(super) struct Follower {
    pub(super) sources: Arc<Sources>,
    pub(super) asked: Asked,
    /// After everything that was sent, or need not be.
    token: ResumeToken,
    /// Whether the token may be given out: the snapshot is complete.
    resumable: bool,
    folded: Folded,
    queue: Queue,
}

impl Follower {
    pub(super) fn new(
        sources: Arc<Sources>,
        asked: Asked,
        token: ResumeToken,
        queue: Queue,
    ) -> Self {
        Self {
            sources,
            asked,
            token,
            resumable: true,
            folded: Folded::default(),
            queue,
        }
    }

    /// Sends until the reader goes or something fails, and says so.
    pub(super) async fn run(mut self, snapshot: Option<View>, tail: Tail, caller: &Caller) {
        let ended = match self.send_all(snapshot, tail).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        if let NotTaken::Failed(failure) = ended {
            failure.log(&caller.correlation_id);
            let status = failure.status(&self.resume_token());
            self.queue.end(caller.tag(status));
        }
    }

    async fn send_all(
        &mut self,
        snapshot: Option<View>,
        mut tail: Tail,
    ) -> Result<std::convert::Infallible, NotTaken> {
        if let Some(view) = snapshot {
            self.resumable = false;
            self.send_snapshot(Arc::new(view)).await?;
            self.resumable = true;
            self.send(What::SnapshotEnd(v1::SnapshotEnd {})).await?;
        }
        let mut silent_until = Instant::now() + HEARTBEAT;
        loop {
            let sent = tokio::select! {
                biased;
                interrupted = self.queue.interrupted() => return Err(interrupted),
                entry = tail.next() => self.entry(entry).await?,
                () = tokio::time::sleep_until(silent_until) => {
                    self.send(What::Heartbeat(v1::Heartbeat {})).await?;
                    true
                }
            };
            if sent {
                silent_until = Instant::now() + HEARTBEAT;
            }
        }
    }

    /// Sends what the reader should know of; answers whether there was something.
    async fn entry(&mut self, entry: Option<Result<Entry, TailError>>) -> Result<bool, NotTaken> {
        match entry {
            Some(Ok(Entry::Record(record))) => self.record(record).await,
            Some(Ok(Entry::Missing(missing))) => {
                self.send(unreadable_entry(missing)).await?;
                Ok(true)
            }
            Some(Err(error)) => Err(ended(&error).into()),
            None => Err(Failure::LogUnavailable {
                cause: "the tail ended".to_owned(),
            }
            .into()),
        }
    }

    async fn record(&mut self, record: Record) -> Result<bool, NotTaken> {
        let what = match self.folded.step(&self.sources, &record).await {
            Ok(step) => self.change(step, &record).await?,
            Err(Failure::Unreadable { cause }) => Some(unreadable(&record, cause)),
            Err(failure) => return Err(failure.into()),
        };
        // The token moves only with a message that was taken, or past what need not be sent.
        let mut after = self.token.clone();
        after.bookmark.advance(record.position, record.commit_id);
        let before = std::mem::replace(&mut self.token, after);
        let Some(what) = what else {
            return Ok(false);
        };
        match self.send(what).await {
            Ok(()) => Ok(true),
            Err(not_taken) => {
                self.token = before;
                Err(not_taken)
            }
        }
    }

    /// What the commit did to an order that matched before or matches now.
    async fn change(&self, step: Step, record: &Record) -> Result<Option<What>, Failure> {
        let Step {
            order_id,
            before,
            after: Some(after),
            commit,
        } = step
        else {
            return Err(Failure::unreadable(format!(
                "the commit at {} comes before OrderCreated",
                record.position
            )));
        };
        let matches = |order: &Order| self.asked.filter.matches_order(&order_id, order);
        let (matched, matches) = (before.as_ref().is_some_and(matches), matches(&after));
        if commit.events.is_empty() || !(matched || matches) {
            return Ok(None);
        }
        let number = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
        let mark = Mark {
            position: Some(record.position),
            ..Mark::default()
        };
        let mut later = Commits::after(&self.sources, &order_id, mark)?;
        let erased = after.personal_data_erased;
        let erased = async || Ok(erased || later.is_erased_later().await?);
        let order = self.show(&order_id, after, erased).await?;
        Ok(Some(What::Change(v1::OrderChange {
            order_id: order_id.to_string(),
            first_version: number(commit.first_version),
            version: number(last_version(&commit)),
            event_types: commit.events.iter().map(|e| e.name().to_owned()).collect(),
            order: Some(order),
            matches,
        })))
    }

    /// A folded order as the reader is shown it.
    pub(super) async fn show(
        &self,
        order_id: &OrderId,
        mut order: Order,
        erased: impl AsyncFnOnce() -> Result<bool, Failure>,
    ) -> Result<v1::Order, Failure> {
        let (sources, mask) = (&self.sources, &self.asked.mask);
        sources
            .open_order(order_id.as_str(), &mut order, mask, erased)
            .await?;
        let shown = api::order(order_id, &order);
        if mask.is_all() {
            return Ok(shown);
        }
        let masked = mask.apply(shown.encode_to_vec());
        v1::Order::decode(masked).map_err(Failure::internal)
    }

    pub(super) async fn send(&self, what: What) -> Result<(), NotTaken> {
        let message = v1::WatchOrdersResponse {
            what: Some(what),
            resume_token: self.resume_token(),
        };
        self.queue.put(message).await
    }

    fn resume_token(&self) -> String {
        if self.resumable {
            self.token.to_string()
        } else {
            String::new()
        }
    }

    /// Where the snapshot is taken.
    pub(super) const fn token(&self) -> &ResumeToken {
        &self.token
    }
}

fn unreadable(record: &Record, cause: String) -> What {
    What::Unreadable(v1::UnreadableOrder {
        order_id: record.stream.to_string(),
        position: record.position.to_string(),
        cause,
    })
}

fn unreadable_entry(missing: Missing) -> What {
    What::Unreadable(v1::UnreadableOrder {
        order_id: missing.stream.map_or_else(String::new, |id| id.to_string()),
        position: missing.position.to_string(),
        cause: missing.cause,
    })
}

fn ended(error: &TailError) -> Failure {
    let cause = error.to_string();
    match error {
        TailError::RolledBack { .. } | TailError::Replaced { .. } => {
            Failure::Watch(WatchEnd::TokenExpired { cause })
        }
        TailError::Closed => Failure::Watch(WatchEnd::ShuttingDown),
    }
}
